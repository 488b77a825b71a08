"""The adapter of a compile: the student's questions as in use, and those that DSPy's optimizers ask on their own."""

import hashlib
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

import dspy

from synthtools.backends.adapter import SynthAdapter
from synthtools.backends.schemas import Bounds
from synthtools.backends.scope import role
from synthtools.errors import ContextTooSmall, ParseError, ProviderError
from synthtools.optimizers.compile.caps import Caps
from synthtools.types.record import Record


class _Pair(Record):
    """An entry of a map, as it can be asked for."""

    key: str
    text: str


_TRIES = 3
"""For a proposal that was cut or malformed."""
_SEEDS = 2**31
_SHORT = 600
"""Characters of a text that is never cut."""


class StudentAdapter(SynthAdapter):
    """As in use, but that a rollout of DSPy's own (`rollout_id`) is another seed, and so another answer."""

    async def acall(
        self,
        lm: dspy.BaseLM,
        lm_kwargs: dict[str, Any],
        signature: type[dspy.Signature],
        demos: list[dict[str, Any]],
        inputs: dict[str, Any],
    ) -> list[dict[str, Any]]:
        """As `SynthAdapter.acall`."""
        return await super().acall(lm, _seeded(lm, lm_kwargs), signature, demos, inputs)


class ProposalAdapter(SynthAdapter):
    """For the questions of optimizers: longer answers, and another answer to a question that is asked again.

    Their outputs have no bounds of their own: `max_chars` is that of every text. A map from text to text, which no
    closed schema can ask for, is asked for as a list of pairs.
    """

    def __init__(self, max_chars: int, caps: Caps) -> None:
        super().__init__(Bounds(max_chars=max_chars))
        self._caps = caps
        self._asked: Counter[str] = Counter()
        self._tokens = max_chars // 2

    def __call__(
        self,
        lm: dspy.BaseLM,
        lm_kwargs: dict[str, Any],
        signature: type[dspy.Signature],
        demos: list[dict[str, Any]],
        inputs: dict[str, Any],
    ) -> list[dict[str, Any]]:
        """As `SynthAdapter`; a provider that fails ends the compile, as optimizers would carry on without it.

        A question that does not fit the model's context is asked again with half of its examples.
        """
        settings = _seeded(lm, lm_kwargs)
        if (room := settings.get("max_tokens", lm.kwargs.get("max_tokens"))) is not None:
            settings["max_tokens"] = max(room, self._tokens)
        asked, maps = _with_pairs(signature)
        key = hashlib.sha256(repr((signature.__name__, settings, sorted(inputs.items()))).encode()).hexdigest()
        first = int(settings.get("seed", 0)) + self._asked[key] * _TRIES
        self._asked[key] += 1
        for attempt in range(_TRIES):
            settings["seed"] = (first + attempt) % _SEEDS
            try:
                with role(_name(signature), attempt, retry=attempt > 0):
                    answers = super().__call__(lm, settings, asked, demos, inputs)
                return [_as_maps(answer, maps) for answer in answers]
            except ParseError:
                if attempt == _TRIES - 1:
                    raise
            except ContextTooSmall:
                if attempt == _TRIES - 1:
                    raise
                inputs = {name: _halved(value) for name, value in inputs.items()}
            except ProviderError as error:
                raise self._caps.stop("failed", str(error), error) from error
        raise AssertionError("unreachable")


def _halved(value: Any) -> Any:
    """The first half of a long text or list: examples that a small context has no room for."""
    if isinstance(value, str) and len(value) > _SHORT:
        return f"{value[: len(value) // 2]}\n[cut]"
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return items[: (len(items) + 1) // 2]
    return value


def _name(signature: type[dspy.Signature]) -> str:
    """The signature's name, by which the ledger tells proposals; DSPy forgets it where it adds fields of its own."""
    return "ProposeInstruction" if signature.__name__ == "StringSignature" else signature.__name__


def _seeded(lm: dspy.BaseLM, lm_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a call with its rollout, where it has one, turned into its seed."""
    settings = dict(lm_kwargs)
    known: Mapping[str, Any] = {**lm.kwargs, **settings}
    rollout = known.get("rollout_id")
    if rollout:
        drawn = random.Random(int(rollout)).randrange(_SEEDS)
        settings["seed"] = (int(known.get("seed") or 0) + drawn) % _SEEDS
    settings.pop("rollout_id", None)
    return settings


def _with_pairs(signature: type[dspy.Signature]) -> tuple[type[dspy.Signature], tuple[str, ...]]:
    maps = tuple(name for name, info in signature.output_fields.items() if info.annotation == dict[str, str])
    asked = signature
    for name in maps:
        asked = asked.with_updated_fields(name, type_=list[_Pair])
    return asked, maps


def _as_maps(answer: dict[str, Any], maps: tuple[str, ...]) -> dict[str, Any]:
    return {name: {pair.key: pair.text for pair in value} if name in maps else value for name, value in answer.items()}
