"""Probes: calls that break a tool's schema in one way each, made by code, with the refusal that each must get.

The expected status and words are written here from the table of the gate's errors, not asked of the gate: the audit
holds the gate to them. Every required parameter is left out once, every parameter (array items and object keys too)
gets every JSON type that it is not, and every bound is crossed by the smallest step. A bound that cannot be crossed
without breaking another one is left out, as it would not be sure which of the two is reported.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor, inf, nextafter
from typing import Literal, NamedTuple

import jsonschema_rs

from synthtools.types.call import Response, ToolCall
from synthtools.types.canonical import MAX_INTEGER
from synthtools.types.environment import Collection
from synthtools.types.parameter import Parameter
from synthtools.types.record import Json, JsonObject, State
from synthtools.types.tool import Tool
from synthtools.world.draw import draw_other_values
from synthtools.world.gate import constraint, type_name
from synthtools.world.validators import compile_schema

_BY_TYPE: dict[str, Json] = {
    "string": "seven",
    "integer": 7,
    "number": 7.5,
    "boolean": True,
    "array": ["seven"],
    "object": {"seven": 7},
    "null": None,
}
_OF_A_TYPE = {"integer": ("integer",), "number": ("integer", "number")}
"""Values that a type takes beyond its own name's."""

_LONGEST = 20_000
"""Most characters or items of a probe: bounds of imported schemas can be any number."""

_Keyword = Literal["enum", "minimum", "maximum", "minLength", "maxLength", "pattern", "format", "minItems", "maxItems"]
_Field = Literal[
    "enum", "minimum", "maximum", "min_length", "max_length", "pattern", "format", "min_items", "max_items"
]


class Probe(NamedTuple):
    """A call that the gate must refuse, and the message that it must give."""

    call: ToolCall
    parameter: str
    """The parameter that is wrong; keys of objects are dotted: `address.zip`."""
    message: str
    """The gate's whole message. It names the parameter."""
    status_code: int = 400

    @property
    def expectation(self) -> str:
        """What must come, in words."""
        return f"{self.status_code} {self.message}"

    def is_met_by(self, response: Response) -> bool:
        """Whether a response is the refusal: the gate's, with this code and this message."""
        given = (response.answered_by, response.status_code, response.error_message)
        return given == ("gate", self.status_code, self.message)


class _Wrong(NamedTuple):
    """A value that is wrong in one way."""

    value: Json
    name: str
    message: str


def schema_probes(
    tool: Tool, arguments: Mapping[str, Json], state: State | None = None, collections: Sequence[Collection] = ()
) -> list[Probe]:
    """Every probe of a tool.

    Args:
        tool: The tool.
        arguments: A call of it that passes the gate; each probe changes one argument.
        state: Where values of parameters that `arguments` leaves out are drawn from.
        collections: The state's schemas.
    """
    source = _Source(state or {}, collections)
    probes: list[Probe] = []

    def add(changed: JsonObject, name: str, message: str) -> None:
        probes.append(Probe(ToolCall(name=tool.name, arguments=changed), name, message))

    unknown = _new_name(tool.parameters)
    add({**arguments, unknown: "yes"}, unknown, _unknown(unknown))
    for name, parameter in tool.parameters.items():
        if parameter.required:
            add({key: value for key, value in arguments.items() if key != name}, name, _missing(name))
        right = source.example(name, parameter, arguments.get(name))
        for wrong in _wrongs(name, parameter, parameter, right, source):
            add({**arguments, name: wrong.value}, wrong.name, wrong.message)
    return probes


class _Source(NamedTuple):
    """Where right values come from, that probes then break."""

    state: State
    collections: Sequence[Collection]

    def example(self, name: str, parameter: Parameter, given: Json = None) -> Json:
        """A right value, one with items or keys if there can be one: the given one, else drawn; None: none is found."""
        if given not in (None, [], {}):
            return given
        empty: Json = [] if parameter.type == "array" else {}
        tool = Tool(name="Example", description="", parameters={name: parameter})
        drawn = draw_other_values(tool, name, empty, self.state, self.collections, n=1)
        return drawn[0] if drawn else given


def _wrongs(name: str, parameter: Parameter, named: Parameter, right: Json, source: _Source) -> Iterator[_Wrong]:
    """Values of a parameter, each wrong in one way; the message gives the type of `named`: for an item, its array."""
    taken = _OF_A_TYPE.get(parameter.type, (parameter.type,))
    for kind, value in _BY_TYPE.items():
        if kind not in taken:
            yield _Wrong(value, name, f"Invalid type for {name}: expected {type_name(named)}.")
    for value, keyword in _crossed(parameter, right):
        yield _Wrong(value, name, f"Invalid value for {name}: {constraint(parameter, keyword)}.")
    if parameter.type == "array" and parameter.items is not None and isinstance(right, list) and right:
        for wrong in _wrongs(name, parameter.items, named, right[0], source):
            yield wrong._replace(value=[wrong.value, *right[1:]])
    elif parameter.type == "object" and parameter.properties is not None and isinstance(right, dict):
        yield from _wrong_keys(name, parameter.properties, right, source)


def _wrong_keys(name: str, properties: Mapping[str, Parameter], right: JsonObject, source: _Source) -> Iterator[_Wrong]:
    unknown = _new_name(properties)
    yield _Wrong({**right, unknown: "yes"}, f"{name}.{unknown}", _unknown(f"{name}.{unknown}"))
    for key, inner in properties.items():
        path = f"{name}.{key}"
        if inner.required:
            yield _Wrong({other: right[other] for other in right if other != key}, path, _missing(path))
        for wrong in _wrongs(path, inner, inner, source.example(key, inner, right.get(key)), source):
            yield wrong._replace(value={**right, key: wrong.value})


def _crossed(parameter: Parameter, right: Json) -> Iterator[tuple[Json, str]]:
    """Values just outside each bound, with the bound's keyword; only such as break no other bound."""
    for keyword, field, values in _outside(parameter, right):
        relaxed = compile_schema(parameter.model_copy(update={field: None}).json_schema())
        crossing = next((value for value in values if relaxed.is_valid(value)), None)
        if crossing is not None:
            yield crossing, keyword


def _outside(parameter: Parameter, right: Json) -> Iterator[tuple[_Keyword, _Field, Sequence[Json]]]:
    """By bound: values outside it, those nearest to it first."""
    whole = parameter.type == "integer"
    if parameter.enum:
        others = _others(parameter.type, parameter.enum)
        yield "enum", "enum", [value for value in others if value not in parameter.enum]
    if parameter.minimum is not None and abs(parameter.minimum) < MAX_INTEGER:
        low = parameter.minimum
        yield "minimum", "minimum", [ceil(low) - 1 if whole else nextafter(low, -inf)]
    if parameter.maximum is not None and abs(parameter.maximum) < MAX_INTEGER:
        high = parameter.maximum
        yield "maximum", "maximum", [floor(high) + 1 if whole else nextafter(high, inf)]
    if isinstance(right, str):
        yield from _outside_text(parameter, right)
    if isinstance(right, list):
        if parameter.min_items:
            yield "minItems", "min_items", [list[Json](right[: parameter.min_items - 1])]
        if right and parameter.max_items is not None and parameter.max_items < _LONGEST:
            yield "maxItems", "max_items", [list[Json]((right * (parameter.max_items + 1))[: parameter.max_items + 1])]


def _outside_text(parameter: Parameter, right: str) -> Iterator[tuple[_Keyword, _Field, Sequence[Json]]]:
    if parameter.min_length:
        size = parameter.min_length - 1
        yield "minLength", "min_length", [right[:size], "x" * size]
    if parameter.max_length is not None and parameter.max_length < _LONGEST:
        size = parameter.max_length + 1
        longer = (right + right[-1:] * (size - len(right)), "x" * size)
        yield "maxLength", "max_length", [text for text in longer if len(text) == size]
    if parameter.pattern is not None:
        near = (right[:-1], right + right[-1:], "9" + right[1:], right + "!", "!" + right[1:], right.swapcase(), "!")
        yield "pattern", "pattern", [text for text in near if _misses(parameter.pattern, text)]
    if parameter.format is not None:
        yield "format", "format", ["2026-02-30", "2026-13-01T00:00:00", "next Tuesday"]


def _misses(pattern: str, text: str) -> bool:
    """Whether a text does not match; one on which the pattern takes too many steps is refused in other words."""
    errors = compile_schema({"pattern": pattern}).iter_errors(text)
    return any(isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Pattern) for error in errors)


def _others(kind: str, enum: Sequence[Json]) -> Iterator[Json]:
    """Values of a type that are near an enum's."""
    if kind == "boolean":
        yield from (True, False)
    for option in enum:
        if kind == "string" and isinstance(option, str):
            yield from (option[:-1], option + "x", option.swapcase())
        elif kind in ("integer", "number") and isinstance(option, int | float):
            yield from (option + 1, option - 1)


def _new_name(known: Mapping[str, Parameter]) -> str:
    name = "unexpected_option"
    while name in known:
        name += "_"
    return name


def _unknown(name: str) -> str:
    return f"Unknown parameter: {name}."


def _missing(name: str) -> str:
    return f"Missing required parameter: {name}."
