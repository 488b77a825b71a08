"""How much the environments of a run repeat each other: tools and scenarios, within their fields and across them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from synthtools.runs.reader import StoreReader
from synthtools.runs.stages import STAGES
from synthtools.types.audit import AuditedEnv
from synthtools.types.environment import EnvSpec
from synthtools.types.record import Json, JsonObject
from synthtools.world.duplicates import NearDuplicates, scenario_text, tool_text

_SHOWN = 3
"""Closest pairs that are told, of each kind."""


class Pair(NamedTuple):
    """Two things that are alike, the later one first."""

    similarity: float
    one: str
    other: str

    def __str__(self) -> str:
        return f"{self.one} and {self.other} ({self.similarity:.2f})"


@dataclass(slots=True)
class Repetitions:
    """How many things have one alike before them, and the closest pairs."""

    count: int = 0
    closest: list[Pair] = field(default_factory=list[Pair])

    def add(self, pair: Pair) -> None:
        """Counts one."""
        self.count += 1
        self.closest = sorted([*self.closest, pair], key=lambda pair: -pair.similarity)[:_SHOWN]

    def to_json(self) -> JsonObject:
        """As `status --check --json` writes it."""
        pairs: list[Json] = [dict[str, Json](pair._asdict()) for pair in self.closest]
        return {"count": self.count, "closest": pairs}


class Repeated:
    """Counts the repetitions of one kind of thing, as they come.

    In memory are one text and one signature for each thing that repeats nothing of its own field.
    """

    def __init__(self, what: str, threshold: float) -> None:
        """Counts from nothing. `what`: the kind of thing, in plural; `threshold`: least similarity that counts."""
        self.what = what
        self.seen = 0
        self.within = Repetitions()
        """Repetitions of an earlier thing of the same field."""
        self.across = Repetitions()
        """Repetitions of an earlier thing of another field."""
        self._known = NearDuplicates(threshold)
        self._fields: dict[str, str] = {}

    def add(self, field: str, key: str, text: str) -> None:
        """Counts a thing of a field, under a key of its own."""
        self.seen += 1
        near = self._known.matches(text)
        same = next((found for found in near if self._fields[found.key] == field), None)
        other = next((found for found in near if self._fields[found.key] != field), None)
        if other is not None:
            self.across.add(Pair(other.similarity, key, other.key))
        if same is not None:
            self.within.add(Pair(same.similarity, key, same.key))
            return
        self._fields[key] = field
        self._known.add(key, text)

    def lines(self) -> Iterator[str]:
        """The counts in a line, and the closest pairs in one each."""
        yield (
            f"near-duplicates among {self.seen:,} {self.what}: {self.within.count:,} within their field, "
            f"{self.across.count:,} across fields"
        )
        for where, found in (("within a field", self.within), ("across fields", self.across)):
            yield from (f"  {where}: {pair}" for pair in found.closest)

    def to_json(self) -> JsonObject:
        """As `status --check --json` writes it."""
        return {"seen": self.seen, "within_fields": self.within.to_json(), "across_fields": self.across.to_json()}


def find_repetitions(
    store: StoreReader, threshold: float, compared: Callable[[int], None] = lambda number: None
) -> tuple[Repeated, Repeated]:
    """The repetitions among the tools that later stages may use, and among the scenarios of the environments.

    Args:
        store: The run; its environments are read one at a time.
        threshold: Least similarity of what counts as the same, over 0 and at most 1.
        compared: Told how many further environments were compared.

    Raises: RunError where a record is damaged.
    """
    tools, scenarios = Repeated("tools", threshold), Repeated("scenarios", threshold)
    for item in store.each("env-generation"):
        env, usable = _environment(store, item.id)
        scenarios.add(item.field, f"{env.scenario.title} of {env.id}", scenario_text(env.scenario))
        for tool in env.tools:
            if tool.name in usable:
                tools.add(item.field, f"{tool.name} of {env.id}", tool_text(tool))
        compared(1)
    return tools, scenarios


def _environment(store: StoreReader, id: str) -> tuple[EnvSpec, set[str]]:
    """An environment, and its tools that an audit kept, or all where there was none."""
    if store.hash_of("env-audit", id) is not None:
        audited: AuditedEnv = STAGES["env-audit"].read(store.payload("env-audit", id), id)
        return audited.env, {*audited.reliable}
    env: EnvSpec = STAGES["env-generation"].read(store.payload("env-generation", id), id)
    return env, {tool.name for tool in env.tools}
