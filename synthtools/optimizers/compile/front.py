"""Several aims at once: the candidates of a compile by quality and by what an answer costs."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from synthtools.runs.compiles import Evaluation
from synthtools.types.record import Record


class Point(Record):
    """A candidate that answered every validation case."""

    candidate: str
    quality: float
    """Mean score on the validation cases."""
    tokens: float
    """Prompt and generated tokens of a case, on average."""
    calls: float
    """Calls of a case, on average: more than the program needs where answers were refused."""
    seconds: float = 0.0
    """Of a case, on average, as it was first asked."""
    on_front: bool = False
    """Whether no other candidate is at least as good at fewer tokens, or better at as many."""


def points(evaluations: Iterable[Evaluation], cases: int, seconds: Mapping[str, float]) -> list[Point]:
    """The fully validated candidates, best first.

    Args:
        evaluations: Of the validation cases, asked as in use.
        cases: How many validation cases there are.
        seconds: Mean seconds of a case by candidate.
    """
    by_candidate: dict[str, list[Evaluation]] = {}
    for one in evaluations:
        by_candidate.setdefault(one.candidate, []).append(one)
    found = [
        Point(
            candidate=candidate,
            quality=fmean(one.score for one in scored),
            tokens=fmean(one.tokens for one in scored),
            calls=fmean(one.usage.calls for one in scored),
            seconds=seconds.get(candidate, 0.0),
        )
        for candidate, scored in by_candidate.items()
        if len(scored) == cases
    ]
    marked = [point.model_copy(update={"on_front": not _is_beaten(point, found)}) for point in found]
    return sorted(marked, key=lambda point: (-point.quality, point.tokens, point.candidate))


def _is_beaten(point: Point, others: Sequence[Point]) -> bool:
    return any(
        other.quality >= point.quality
        and other.tokens <= point.tokens
        and (other.quality > point.quality or other.tokens < point.tokens)
        for other in others
    )
