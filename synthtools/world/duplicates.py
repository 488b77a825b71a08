"""Near-duplicates by words: texts that say almost the same, found by MinHash and decided by exact similarity.

A text's first line says what it is (a tool's name and parameters, a scenario's title and kinds of records), the lines
after it describe it. Two texts are alike only where both parts are: tools with other names may share the phrases of
their descriptions and do different things, and scenarios about other records may be told in the same sentences.
"""

import importlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, Protocol, cast

from synthtools.types.environment import EnvSpec, Scenario
from synthtools.types.tool import Tool

_WORD = re.compile(r"[^\W\d_]+|\d+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_FILLERS = {
    *("a", "an", "the", "its", "their", "his", "her", "this", "that", "these", "those"),
    *("existing", "given", "specified", "specific", "new"),
}
"""Words that come and go without a change of meaning."""

_ROWS = {3: 0.5, 2: 0.25, 1: 0.0}
"""Hash values in a band of the index, with the least threshold for it; two texts meet where a band of theirs agrees."""
_MISSED = 0.001
"""Share of the pairs right at the threshold that the index may overlook."""
_ESTIMATE = 0.2
"""A candidate is compared exactly where the estimate of its similarity is at most this much under the threshold: about
four standard deviations of the estimate."""
_SEED = 20


class Near(NamedTuple):
    """The key of a text that is alike, and how much it is."""

    key: str
    similarity: float

    def __str__(self) -> str:
        return f"{self.key} (similarity {self.similarity:.2f})"


def tool_text(tool: Tool) -> str:
    """A tool as it is compared: name and parameters, then what it does."""
    return f"{tool.name} {' '.join(sorted(tool.parameters))}\n{tool.description}"


def scenario_text(scenario: Scenario) -> str:
    """A scenario as it is compared: title and kinds of records, then its description."""
    return f"{scenario.title} {' '.join(sorted(kind.plural for kind in scenario.kinds))}\n{scenario.description}"


def normalised(text: str) -> str:
    """A text without case, punctuation, fillers and the values of numbers: equal ones are exact duplicates."""
    return "\n".join(
        " ".join("0" if word[0].isdigit() else word for word in _words(line) if word not in _FILLERS)
        for line in text.split("\n")
    )


def similarity(one: str, other: str) -> float:
    """How alike two texts are, from 0 to 1: the lesser of the Jaccard similarities of first lines and of wholes."""
    return _similarity(normalised(one), normalised(other))


class _Hashed(Protocol):
    """A MinHash, of the library's `RMinHash`."""

    def update(self, tokens: list[str]) -> None: ...

    def jaccard(self, other: "_Hashed") -> float: ...


class _Index(Protocol):
    """The library's `RMinHashLSH`, which finds numbers of hashes that agree in a band."""

    def insert(self, key: int, minhash: _Hashed) -> None: ...

    def query(self, minhash: _Hashed) -> list[int]: ...


class NearDuplicates:
    """An index of texts that finds those alike to another one, the most alike first, then the earliest added.

    First lines are looked up, which tell texts apart best: descriptions share their phrases. Exact duplicates are
    always found. Of the others, `_MISSED` of those that barely reach the threshold may be overlooked, always the same
    ones; what is found is alike by exact comparison.
    """

    def __init__(self, threshold: float) -> None:
        """An empty index. `threshold`: least similarity, over 0 and at most 1, of texts that are alike."""
        library = cast(Any, importlib.import_module("rensa"))
        least = min(max(threshold, 0.1), 0.95)
        rows = next(rows for rows, limit in _ROWS.items() if least >= limit)
        bands = math.ceil(math.log(_MISSED) / math.log1p(-(least**rows)))
        self._threshold = threshold
        self._permutations = bands * rows
        self._empty: Callable[[], _Hashed] = partial(library.RMinHash, num_perm=self._permutations, seed=_SEED)
        self._index: _Index = library.RMinHashLSH(threshold=threshold, num_perm=self._permutations, num_bands=bands)
        self._texts: list[str] = []
        self._hashes: list[_Hashed] = []
        self._keys: list[list[str]] = []
        self._numbers: dict[str, int] = {}
        self._latest: tuple[str, _Hashed] | None = None
        """The text that was hashed last: what is looked for is often added next."""

    def add(self, key: str, text: str) -> None:
        """Adds a text under a key. Exact duplicates of each other take the room of one."""
        plain = normalised(text)
        number = self._numbers.setdefault(plain, len(self._texts))
        if number < len(self._texts):
            self._keys[number].append(key)
            return
        hashed = self._hashed(plain)
        self._texts.append(plain)
        self._hashes.append(hashed)
        self._keys.append([key])
        self._index.insert(number, hashed)

    def find(self, text: str) -> Near | None:
        """The text that is most alike; None where none is alike."""
        return next(iter(self.matches(text)), None)

    def matches(self, text: str) -> list[Near]:
        """Every text that is alike."""
        plain = normalised(text)
        hashed = self._hashed(plain)
        estimate, hashes, least = hashed.jaccard, self._hashes, self._threshold - _ESTIMATE
        candidates = {*self._index.query(hashed), *self._equal(plain)}  # often hundreds: this line is hot
        near = [number for number in candidates if estimate(hashes[number]) >= least]
        alike = [(_similarity(plain, self._texts[number], self._threshold), number) for number in near]
        found = sorted((-similarity, number) for similarity, number in alike if similarity >= self._threshold)
        return [Near(key, -opposite) for opposite, number in found for key in self._keys[number]]

    def _equal(self, plain: str) -> tuple[int, ...]:
        number = self._numbers.get(plain)
        return () if number is None else (number,)

    def _hashed(self, plain: str) -> _Hashed:
        if self._latest is None or self._latest[0] != plain:
            hashed = self._empty()
            hashed.update(list(_shingles(_head(plain))))
            self._latest = plain, hashed
        return self._latest[1]


def told_apart(scenarios: Sequence[Scenario], earlier: Sequence[Scenario], threshold: float) -> tuple[Scenario, ...]:
    """The scenarios; one that is like one of `earlier`, or like one before it, names that one in `repeats`."""
    known = NearDuplicates(threshold)
    for scenario in earlier:
        known.add(_named(scenario), scenario_text(scenario))
    marked: list[Scenario] = []
    for scenario in scenarios:
        near = known.find(scenario_text(scenario))
        if near is None:
            known.add(_named(scenario), scenario_text(scenario))
        marked.append(scenario if near is None else scenario.model_copy(update={"repeats": near.key}))
    return tuple(marked)


class EarlierTools:
    """The tools of a field's environments: which ones of the next environment repeat one of an earlier one."""

    def __init__(self, threshold: float) -> None:
        """An empty field. `threshold`: least similarity of tools that count as the same."""
        self._known = NearDuplicates(threshold)

    def add(self, env: EnvSpec) -> Mapping[str, str]:
        """Adds the next environment of the field.

        Returns: the tools that repeat an earlier one, each with that one in words. These are not remembered as tools
            that later ones may repeat.
        """
        found = {tool.name: self._known.find(tool_text(tool)) for tool in env.tools}
        for tool in env.tools:
            if found[tool.name] is None:
                self._known.add(f"{tool.name} of {env.id}", tool_text(tool))
        return {name: str(near) for name, near in found.items() if near is not None}


def _named(scenario: Scenario) -> str:
    return f"{scenario.title} ({scenario.subfield})"


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(_HUMP.sub(" ", text))]


def _shingles(words: str) -> set[str]:
    """Words, pairs of neighbours, and runs of four characters of a normalised line."""
    listed = words.split()
    shingles = {*listed, *(f"{first} {second}" for first, second in pairwise(listed))}
    shingles.update(f"#{words[start : start + 4]}" for start in range(len(words) - 3))
    return shingles


def _whole(plain: str) -> set[str]:
    return set[str]().union(*map(_shingles, plain.split("\n")))


def _head(plain: str) -> str:
    return plain.partition("\n")[0]


def _similarity(one: str, other: str, least: float = 0.0) -> float:
    """The similarity of two normalised texts; where it is under `least`, it may come out higher, but under it too."""
    if one == other:
        return 1.0
    heads = _jaccard(_shingles(_head(one)), _shingles(_head(other)))
    return heads if heads < least else min(heads, _jaccard(_whole(one), _whole(other)))


def _jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other) if one and other else 0.0
