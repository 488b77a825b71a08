"""Metrics made of parts: code first, a model only where code cannot say, and each part with a reason in words."""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

import dspy

from synthtools.errors import ConfigError
from synthtools.optimizers.score import Score

Cost = Literal["code", "model"]
"""What a part costs: nothing but code, or a model call."""

_MOST_SAID = 4
"""Things wrong of one kind that a reason tells of."""

_MOST_REASON = 1200
"""Longest reason, in characters: an optimizer shows those of several cases in one prompt."""


class Found(NamedTuple):
    """What a part says of an answer."""

    value: float
    """From 0 to 1."""
    reason: str = ""
    """What a better answer would do otherwise; empty where there is nothing to be wished for."""


Check = Callable[[Any, Any, Any], Found | None]
"""(inputs record, expected, answer) -> what is found; None: the part does not apply, and counts for nothing."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a metric looks at."""

    name: str
    weight: float
    check: Check
    gate: bool = False
    """Whether an answer that does not wholly pass is looked at no further: what comes later counts as 0."""
    cost: Cost = "code"
    """Parts that cost a model call come after all others, and only within `judging`."""


@dataclass(frozen=True, slots=True)
class Composite:
    """A metric that is the weighted mean of its parts."""

    parts: tuple[Part, ...]

    @property
    def judgements(self) -> int:
        """How many questions it asks a model about one answer, at most."""
        return sum(part.cost == "model" for part in self.parts)

    def __call__(self, asked: Any, expected: Any, answer: Any) -> Score:
        """The score of an answer; parts that do not apply or were not reached are absent from `Score.parts`."""
        found: dict[str, Found] = {}
        total = reached = 0.0
        closed_by = ""
        for part in self.parts:
            if part.cost == "model" and _JUDGE.get() is None:
                continue
            if closed_by:
                total += part.weight
                continue
            said = part.check(asked, expected, answer)
            if said is None:
                continue
            found[part.name] = said
            total += part.weight
            reached += part.weight * said.value
            if part.gate and said.value < 1:
                closed_by = part.name
        value = reached / total if total else 1.0
        wrong = sorted((said for said in found.values() if said.value < 1), key=lambda said: said.value)
        reason = " ".join(dict.fromkeys(said.reason for said in wrong if said.reason))
        reason = reason if len(reason) <= _MOST_REASON else f"{reason[: _MOST_REASON - 3]}..."
        reason = reason or f"Nothing to be wished for: {', '.join(found) or 'no part applies'}."
        return Score(value=value, reason=reason, parts={name: said.value for name, said in found.items()})


def composite(parts: Iterable[Part]) -> Composite:
    """The metric of these parts: those of code in their order, then those that ask a model.

    Raises: ConfigError where two parts share a name, or no weight is positive.
    """
    listed = sorted(parts, key=lambda part: part.cost == "model")
    names = [part.name for part in listed]
    if len(set(names)) < len(names):
        raise ConfigError(f"the parts of a metric have names of their own: {', '.join(names)}")
    if any(part.weight < 0 for part in listed) or not any(part.weight > 0 for part in listed):
        raise ConfigError(f"the parts of a metric have weights of at least 0, one above it: {', '.join(names)}")
    return Composite(tuple(listed))


_JUDGE: ContextVar[dspy.LM | None] = ContextVar("judge", default=None)


@contextmanager
def judging(lm: dspy.LM | None) -> Generator[None]:
    """Within it, metrics ask this model what code cannot say; outside, or where it is None, those parts are left out.

    What they ask is no part of a trace that an optimizer makes demos of.
    """
    token = _JUDGE.set(lm)
    try:
        yield
    finally:
        _JUDGE.reset(token)


def ask_judge(module: dspy.Module, **inputs: Any) -> Any:
    """A role's answer by the model of `judging`. Raises: ModelError; ConfigError outside `judging`."""
    lm = _JUDGE.get()
    if lm is None:
        raise ConfigError("no judge is set: use `with judging(lm):`")
    with cast(AbstractContextManager[None], cast(Any, dspy).context(lm=lm, trace=None)):
        return module(**inputs)


def share(right: int, of: int) -> float:
    """A share, 1 where there is nothing to be counted."""
    return right / of if of else 1.0


def told(problems: Sequence[str], of: int | None = None) -> Found:
    """What problems leave of an answer: the share of `of` things without one; half for each, where `of` is None."""
    value = 0.5 ** len(problems) if of is None else share(of - min(len(problems), of), of)
    more = f" (and {len(problems) - _MOST_SAID} more)" if len(problems) > _MOST_SAID else ""
    return Found(value, " ".join(_sentence(problem) for problem in problems[:_MOST_SAID]) + more)


def all_there(got: int, wanted: int, what: str) -> Found:
    """Whether as many came as were asked for."""
    return Found(min(1.0, share(got, wanted)), f"{got} {what} came of {wanted}." if got < wanted else "")


def same_verdict(right: str, said: str, reason: str) -> Found:
    """Whether a judge came to the right word, and what it said where it did not."""
    if right == said:
        return Found(1.0)
    because = f" Its reason was: {reason}" if reason else ""
    return Found(0.0, f"The verdict was {said}, and {right} is right.{because}")


def matched(right: Sequence[str], said: Sequence[str], what: str) -> Found:
    """How well an answer names what it should: the F1 of the two lists."""
    missing = [item for item in right if item not in said]
    extra = [item for item in said if item not in right]
    problems = [f"{what} should name {', '.join(missing)}"] if missing else []
    problems += [f"{what} should not name {', '.join(extra)}"] if extra else []
    both = len(said) - len(extra)
    return Found(min(1.0, 2 * both / (len(right) + len(said))) if problems else 1.0, told(problems).reason)


def _sentence(text: str) -> str:
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
