"""Probes: calls that break a tool's schema in one way each, made by code."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from synthtools.types.call import ToolCall
from synthtools.types.record import Json, JsonObject
from synthtools.types.tool import Parameter, Tool
from synthtools.world.gate import check

_WRONG: dict[str, Json] = {
    "string": 7,
    "integer": "seven",
    "number": "seven",
    "boolean": "maybe",
    "array": "one",
    "object": "one",
}


class Probe(NamedTuple):
    """A call that the gate must refuse, and the parameter it must name."""

    call: ToolCall
    parameter: str
    why: str


def schema_probes(tool: Tool, arguments: Mapping[str, Json], count: int) -> list[Probe]:
    """Up to `count` probes of different kinds, spread over the parameters; `arguments` is a call that is right."""
    kinds = [
        list(_omitted(tool, arguments)),
        [_with(tool, arguments, "unexpected_option", "yes", "a parameter the tool does not have")],
        list(_wrong_types(tool, arguments)),
        list(_out_of_bounds(tool, arguments)),
    ]
    chosen: list[Probe] = []
    position = 0
    while len(chosen) < count and any(position < len(kind) for kind in kinds):
        chosen.extend(kind[position] for kind in kinds if position < len(kind))
        position += 1
    # A value that happens to be right after all (a string parameter without constraints, say) is no probe.
    return [probe for probe in chosen if not check(tool, probe.call).passed][:count]


def _with(tool: Tool, arguments: Mapping[str, Json], name: str, value: Json, why: str) -> Probe:
    changed: JsonObject = {**arguments, name: value}
    return Probe(ToolCall(name=tool.name, arguments=changed), name, why)


def _omitted(tool: Tool, arguments: Mapping[str, Json]) -> Iterator[Probe]:
    for name, parameter in tool.parameters.items():
        if parameter.required:
            rest = {key: value for key, value in arguments.items() if key != name}
            yield Probe(ToolCall(name=tool.name, arguments=rest), name, f"{name} is missing")


def _wrong_types(tool: Tool, arguments: Mapping[str, Json]) -> Iterator[Probe]:
    for name, parameter in tool.parameters.items():
        yield _with(tool, arguments, name, _WRONG[parameter.type], f"{name} is no {parameter.type}")


def _out_of_bounds(tool: Tool, arguments: Mapping[str, Json]) -> Iterator[Probe]:
    for name, parameter in tool.parameters.items():
        for value, why in _crossing(parameter):
            yield _with(tool, arguments, name, value, f"{name} is {why}")


def _crossing(parameter: Parameter) -> Iterator[tuple[Json, str]]:
    if parameter.enum and parameter.type == "string":
        yield "none of these", "not one of its choices"
    if parameter.minimum is not None:
        yield parameter.minimum - 1, "under its minimum"
    if parameter.maximum is not None:
        yield parameter.maximum + 1, "over its maximum"
    if parameter.format:
        yield "next Tuesday", "not a date in ISO 8601"
    if parameter.max_length is not None and not parameter.enum and not parameter.format:
        yield "x" * (parameter.max_length + 1), "too long"
    if parameter.max_items is not None and parameter.items is not None:
        yield [_WRONG["integer"]] * (parameter.max_items + 1), "too many items"
