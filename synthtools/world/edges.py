"""Edges of a call: the same call with one argument on, or one off, a value that a rule could compare it with."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from synthtools.types import Parameter, Tool, ToolCall
from synthtools.types.canonical import same_json
from synthtools.types.dates import is_date_time, is_day, iso_text
from synthtools.types.record import Json, JsonObject, State
from synthtools.world.gate import check, fill


def edge_arguments(
    tool: Tool, arguments: JsonObject, state: State, *, now: str, constants: Sequence[Json]
) -> Iterator[JsonObject]:
    """Argument sets that pass the gate and differ from the given ones in one number or date, or in the case of one id.

    Args:
        tool: The tool.
        arguments: A call's.
        state: The numbers and dates of the records that the call names are compared with.
        now: Dates are compared with it, too.
        constants: Numbers that the tool's code compares with.
    """
    held = [*_held(arguments, state), now, *constants]
    tried: list[JsonObject] = [arguments]
    for name, parameter in tool.parameters.items():
        for value in (*_other_case(arguments.get(name), state), *_near(parameter, held)):
            call = ToolCall(name=tool.name, arguments={**arguments, name: value})
            if not check(tool, call).passed:
                continue
            filled = fill(tool, call)
            if not any(same_json(filled, known) for known in tried):
                tried.append(filled)
                yield filled


def _other_case(value: Json, state: State) -> Iterator[Json]:
    """An id in letters of the other case, which names no record."""
    if isinstance(value, str) and value.swapcase() != value:
        for records in state.values():
            if isinstance(records, dict) and value in records and value.swapcase() not in records:
                yield value.swapcase()
                return


def _held(arguments: Mapping[str, Json], state: State) -> Iterator[Json]:
    """What stands in the records that a call names."""
    for value in arguments.values():
        for record_id in value if isinstance(value, list) else [value]:
            if not isinstance(record_id, str):
                continue
            for records in state.values():
                record = records.get(record_id) if isinstance(records, dict) else None
                if isinstance(record, dict):
                    yield from record.values()


def _near(parameter: Parameter, values: Sequence[Json]) -> Iterator[Json]:
    for value in values:
        if parameter.enum or isinstance(value, bool):
            continue
        if isinstance(value, int | float) and parameter.type in ("integer", "number"):
            for step in (0, 1, -1):
                yield parameter.normalise(value + step)
        elif parameter.format and is_date_time(value):
            day = datetime.fromisoformat(value)
            for step in (0, 1, -1):
                yield iso_text(day + timedelta(days=step), day_only=parameter.format == "date" or is_day(value))
