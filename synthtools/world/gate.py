"""The gate: decides by code alone whether a call fits its tool, and with which error it is refused if not.

Only the first error that applies is reported, in this order: unknown tool (404), unknown parameter, missing required
parameter, wrong type, value outside a constraint (400 each); within one of them, in the order of the tool's parameters.
"""

import weakref
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Literal

import jsonschema_rs

from synthtools.errors import DataError
from synthtools.types import Check, Parameter, Tool, ToolCall
from synthtools.types.parameter import closed_object
from synthtools.types.record import Json, JsonObject
from synthtools.world.validators import compile_schema, problem_of

Policy = Literal["lenient", "strict"]
"""`lenient`: an integer may come as `3.0`, a number as an integer; `strict`: neither."""

PASSED = Check(passed=True)
"""The one decision on every call that passes."""

_UNKNOWN, _MISSING, _TYPE, _VALUE = range(4)

_Problem = tuple[int, int, str, str]
"""Class of the error, position of the parameter, parameter, message."""


class ToolGate:
    """The compiled gate of one tool, and the check of what it answers.

    Raises:
        DataError: A pattern of the tool is no regular expression, or too long to be compiled.
    """

    def __init__(self, tool: Tool) -> None:
        self._parameters = tool.parameters
        self._output = tool.output
        try:
            self._validator = compile_schema(tool.parameters_schema())
        except DataError as error:
            raise DataError(f"tool {tool.name}: {error}") from error
        self._order = {name: position for position, name in enumerate(tool.parameters)}
        self._defaults = {
            name: parameter.default
            for name, parameter in tool.parameters.items()
            if not parameter.required and not is_absent(parameter.default)
        }
        self._numeric = {name: parameter for name, parameter in tool.parameters.items() if _holds_numbers(parameter)}
        self._bad_defaults = {
            name: _value_message(name, parameter, "the tool's own default does not fit")
            for name, parameter in tool.parameters.items()
            if name in self._defaults and not compile_schema(parameter.json_schema()).is_valid(parameter.default)
        }

    @cached_property
    def _response(self) -> jsonschema_rs.Draft202012Validator:
        return compile_schema(closed_object(self._output))

    def response_problem(self, data: Json) -> str | None:
        """Why the data of a success does not fit the tool's output, as `path: message`; None where it does.

        Raises: DataError, as the gate itself, for a pattern of the output.
        """
        return problem_of(self._response, data)

    def check(self, arguments: JsonObject, policy: Policy = "lenient") -> Check:
        """The decision on a call's arguments; defaults that would be filled must pass too."""
        if self._validator.is_valid(arguments):
            if not self._bad_defaults and (policy == "lenient" or not self._numeric):
                return PASSED
            problems = list(self._late_problems(arguments, policy))
        else:
            problems = [*self._schema_problems(arguments), *self._late_problems(arguments, policy)]
        if not problems:
            return PASSED
        _, _, parameter, message = min(problems, key=lambda problem: problem[:2])
        return Check(passed=False, status_code=400, error_message=message, parameter=parameter)

    def fill(self, arguments: JsonObject) -> JsonObject:
        """The arguments in the tool's order with defaults filled, integers as int and numbers as float."""
        filled: JsonObject = {}
        for name, parameter in self._parameters.items():
            if name in arguments:
                filled[name] = parameter.normalise(arguments[name])
            elif name in self._defaults:
                filled[name] = parameter.normalise(self._defaults[name])
        return filled

    def _schema_problems(self, arguments: JsonObject) -> Iterable[_Problem]:
        for error in self._validator.iter_errors(arguments):
            path = list(error.instance_path)
            kind = error.kind
            if isinstance(kind, jsonschema_rs.ValidationErrorKind.AdditionalProperties):
                name = _dotted([*path, kind.unexpected[0]])
                yield _UNKNOWN, self._position(path), name, f"Unknown parameter: {name}."
            elif isinstance(kind, jsonschema_rs.ValidationErrorKind.Required):
                name = _dotted([*path, str(kind.property)])
                yield _MISSING, self._position([*path, str(kind.property)]), name, _missing_message(name)
            elif isinstance(kind, jsonschema_rs.ValidationErrorKind.BacktrackLimitExceeded):
                yield self._value_problem(path, "backtracking")
            else:
                yield self._value_problem(path, kind.name)

    def _value_problem(self, path: list[str | int], keyword: str) -> _Problem:
        name, parameter = _innermost(self._parameters, path)
        if keyword == "type":
            # An item of the wrong type is reported with its array's type: `array of integer`.
            return _TYPE, self._position(path), name, _type_message(name, parameter)
        item = _descend(parameter, path)
        return _VALUE, self._position(path), name, _value_message(name, parameter, constraint(item, keyword))

    def _late_problems(self, arguments: JsonObject, policy: Policy) -> Iterable[_Problem]:
        for name, message in self._bad_defaults.items():
            if name not in arguments:
                yield _VALUE, self._order[name], name, message
        if policy == "strict":
            for name, parameter in self._numeric.items():
                if name in arguments and not _is_strict(arguments[name], parameter):
                    yield _TYPE, self._order[name], name, _type_message(name, parameter)

    def _position(self, path: list[str | int]) -> int:
        return self._order.get(str(path[0]), -1) if path else -1


class Gate:
    """The gate of a set of tools: also knows which names exist."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._gates = {tool.name: tool_gate(tool) for tool in tools}

    def check(self, call: ToolCall, policy: Policy = "lenient") -> Check:
        """The decision on a call; 404 where no tool has its name."""
        gate = self._gates.get(call.name)
        if gate is None:
            return unknown_tool(call.name)
        return gate.check(call.arguments, policy)

    def fill(self, call: ToolCall) -> JsonObject:
        """The arguments with the defaults of the tool's optional parameters; the call must have passed."""
        return self._gates[call.name].fill(call.arguments)


def unknown_tool(name: str) -> Check:
    """The refusal of a call of a tool that does not exist."""
    return Check(passed=False, status_code=404, error_message=f"Invalid tool name: {name}.")


def check(tool: Tool, call: ToolCall | str, policy: Policy = "lenient") -> Check:
    """The gate's decision on a call of one tool; 404 where the call names another.

    Raises:
        ToolCallSyntaxError: A text is no tool call.
    """
    if isinstance(call, str):
        call = ToolCall.parse(call)
    if call.name != tool.name:
        return unknown_tool(call.name)
    return tool_gate(tool).check(call.arguments, policy)


def fill(tool: Tool, call: ToolCall) -> JsonObject:
    """A passed call's arguments with defaults filled; a default of null or "None" means absent."""
    return tool_gate(tool).fill(call.arguments)


def is_absent(default: Json) -> bool:
    """Whether a default stands for no value."""
    return default is None or default == "None"


_GATES: dict[int, tuple[weakref.ref[Tool], ToolGate]] = {}


def tool_gate(tool: Tool) -> ToolGate:
    """The compiled gate of a tool, made once per tool object (records are frozen)."""
    key = id(tool)
    known = _GATES.get(key)
    if known is not None and known[0]() is tool:
        return known[1]
    gate = ToolGate(tool)
    _GATES[key] = (weakref.ref(tool, lambda _: _GATES.pop(key, None)), gate)
    return gate


def type_name(parameter: Parameter) -> str:
    """A type in words: `integer`, `array of string`."""
    if parameter.type == "array" and parameter.items is not None:
        return f"array of {type_name(parameter.items)}"
    return parameter.type


def constraint(parameter: Parameter, keyword: str) -> str:
    """The constraint of a parameter that a JSON Schema keyword stands for, in words."""
    match keyword:
        case "enum" | "const":
            return "must be one of: " + ", ".join(str(option) for option in parameter.enum or ())
        case "minimum" | "maximum" if parameter.minimum is not None and parameter.maximum is not None:
            return f"must be between {parameter.minimum} and {parameter.maximum}"
        case "minimum":
            return f"must be at least {parameter.minimum}"
        case "maximum":
            return f"must be at most {parameter.maximum}"
        case "minLength":
            return f"must have at least {parameter.min_length} characters"
        case "maxLength":
            return f"must have at most {parameter.max_length} characters"
        case "minItems":
            return f"must have at least {parameter.min_items} items"
        case "maxItems":
            return f"must have at most {parameter.max_items} items"
        case "pattern":
            return f"must match the pattern {parameter.pattern}"
        case "backtracking":
            return f"the pattern {parameter.pattern} takes too many steps on this value"
        case "format" if parameter.format == "date":
            return "must be a calendar day (YYYY-MM-DD)"
        case "format":
            return "must be an ISO 8601 date or date-time"
        case _:
            return f"does not fit its {keyword}"


def _missing_message(name: str) -> str:
    return f"Missing required parameter: {name}."


def _type_message(name: str, parameter: Parameter) -> str:
    return f"Invalid type for {name}: expected {type_name(parameter)}."


def _value_message(name: str, parameter: Parameter, words: str) -> str:
    return f"Invalid value for {name}: {words}."


def _dotted(path: list[str | int]) -> str:
    return ".".join(str(step) for step in path if isinstance(step, str))


def _innermost(parameters: Mapping[str, Parameter], path: list[str | int]) -> tuple[str, Parameter]:
    """The parameter that a path ends in, arrays as a whole: `rows.3` is about `rows`, `address.zip` about itself."""
    parameter = parameters[str(path[0])]
    names = [str(path[0])]
    current = parameter
    for step in path[1:]:
        if isinstance(step, int):
            if current.items is None:
                break
            current = current.items
        else:
            if current.properties is None or step not in current.properties:
                break
            current = current.properties[step]
            parameter = current
            names.append(step)
    return ".".join(names), parameter


def _descend(parameter: Parameter, path: list[str | int]) -> Parameter:
    """The items' type where a path ends inside an array of `parameter`."""
    trailing = 0
    while trailing < len(path) and isinstance(path[-1 - trailing], int):
        trailing += 1
    for _ in range(trailing):
        parameter = parameter.items or parameter
    return parameter


def _holds_numbers(parameter: Parameter) -> bool:
    if parameter.type == "array":
        return parameter.items is not None and _holds_numbers(parameter.items)
    if parameter.type == "object":
        return any(_holds_numbers(inner) for inner in (parameter.properties or {}).values())
    return parameter.type in ("integer", "number")


def _is_strict(value: Json, parameter: Parameter) -> bool:
    if isinstance(value, list) and parameter.items is not None:
        return all(_is_strict(item, parameter.items) for item in value)
    if isinstance(value, dict) and parameter.properties is not None:
        known = parameter.properties
        return all(_is_strict(item, known[key]) for key, item in value.items() if key in known)
    if parameter.type == "integer":
        return not isinstance(value, float)
    if parameter.type == "number":
        return isinstance(value, float)
    return True
