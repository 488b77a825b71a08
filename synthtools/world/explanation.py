"""Verdicts in words: what a person reads to see why a rollout was solved or not, bounded in length."""

from collections.abc import Iterable, Sequence

from synthtools.errors import FailureCause
from synthtools.types import ToolCall, VerdictCheck
from synthtools.types.record import Json
from synthtools.types.shortened import shortened, shown_json
from synthtools.world.comparison import Difference
from synthtools.world.patch import pointer_steps

_MOST_RECORDS = 6
_MOST_FIELDS = 6
_MOST_NAMED = 8
_MOST_VALUE = 160
_MOST_TEXT = 4000


def explain(
    checks: Sequence[VerdictCheck],
    passed: bool,
    cause: FailureCause | None,
    remark: str = "",
    undecided: Sequence[str] = (),
) -> str:
    """A verdict in words: `solved` or `not solved (cause)`, a remark on the cause, then a line or more for each part.

    Long texts are cut: differing records and values are counted where they are too many to be shown. `undecided` names
    the parts that wait for a judge's word.
    """
    lines = ["solved" if passed else f"not solved ({cause})"]
    if remark:
        lines.append(remark)
    for check in checks:
        word = "ok" if check.passed else "UNDECIDED" if check.name in undecided else "FAILED"
        lines.append(f"{word} {check.name}: {check.detail}")
    text = "\n".join(lines)
    return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 4].rstrip() + "\n..."


def records_block(differences: Sequence[Difference]) -> str:
    """Differing records, each with the values that were expected (-) and those that were found (+)."""
    by_record: dict[str, list[Difference]] = {}
    for difference in differences:
        by_record.setdefault("/".join(pointer_steps(difference.path)[:2]), []).append(difference)
    count = len(by_record)
    lines = [f"{count} record{'s are' if count > 1 else ' is'} not as expected (- expected, + found)"]
    for record, found in list(by_record.items())[:_MOST_RECORDS]:
        lines.append(f"  {record}")
        for difference in found[:_MOST_FIELDS]:
            lines += _field_lines(difference)
        if len(found) > _MOST_FIELDS:
            lines.append(f"    and {len(found) - _MOST_FIELDS} more fields")
    if count > _MOST_RECORDS:
        lines.append(f"  and {count - _MOST_RECORDS} more records")
    return "\n".join(lines)


def _field_lines(difference: Difference) -> list[str]:
    field = "/".join(pointer_steps(difference.path)[2:])
    name = f"{field}: " if field else ""
    expected, actual = f"    - {name}{_value(difference.expected)}", f"    + {name}{_value(difference.actual)}"
    match difference.kind:
        case "missing":
            return [expected]
        case "extra":
            return [actual]
        case _:
            return [expected, actual + ("  (left to a judge)" if difference.judged else "")]


def listed(calls: Iterable[ToolCall]) -> str:
    """Calls in a line."""
    return _cut([shortened(str(call), _MOST_VALUE) for call in calls])


def listed_values(values: Iterable[Json]) -> str:
    """Values in a line."""
    return _cut([_value(value) for value in values])


def _cut(texts: list[str]) -> str:
    more = len(texts) - _MOST_NAMED
    return ", ".join(texts[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _value(value: Json) -> str:
    return shown_json(value, _MOST_VALUE)
