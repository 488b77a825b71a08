"""Tools as agents see them: typed parameters, typed output, documented errors, declared effects."""

from collections.abc import Mapping
from functools import cached_property
from typing import Literal, Self, cast, get_args

import orjson
from pydantic import model_validator

from synthtools.errors import DataError
from synthtools.types.canonical import check_json, content_hash
from synthtools.types.names import is_identifier
from synthtools.types.parameter import Parameter as Parameter
from synthtools.types.parameter import ParameterType as ParameterType
from synthtools.types.parameter import closed_object, parameters_from_object
from synthtools.types.record import Json, JsonObject, Record

StatusCode = Literal[400, 401, 403, 404, 409, 422, 429]
"""Status codes that a documented error may have."""

_USAGE = "\n\nUsage: "
_META = "synthtools"
_WIRE_KEYS = (
    "tool_name",
    "tool_description",
    "parameters",
    "error_messages",
    "usage",
    "output_details",
    "error_status_codes",
    "reads",
    "writes",
)


class DocumentedError(Record):
    """An error a tool declares: when it occurs, and what the caller should do.

    A title has no `: ` of its own: what follows one belongs to the advice, so that the message reads back the same.
    """

    title: str
    advice: str = ""
    status_code: StatusCode = 400

    @model_validator(mode="before")
    @classmethod
    def _split(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        fields = cast("Mapping[str, object]", data)
        title, advice = fields.get("title"), fields.get("advice", "")
        if not isinstance(title, str) or ": " not in title:
            return fields
        title, rest = title.split(": ", 1)
        return {**fields, "title": title, "advice": f"{rest}: {advice}" if advice else rest}

    @property
    def message(self) -> str:
        """The documented message, `Title: advice`."""
        return f"{self.title}: {self.advice}" if self.advice else self.title


class Tool(Record):
    """A tool: what an agent reads, and what code needs to check and run a call of it.

    On the wire it has the reference's names (`tool_name`, `tool_description`, `parameters`, `error_messages`, `usage`,
    `output_details`), with ours added as optional keys (`error_status_codes`, `reads`, `writes`).
    """

    name: str
    description: str
    parameters: dict[str, Parameter] = {}
    output: dict[str, Parameter] = {}
    errors: tuple[DocumentedError, ...] = ()
    usage: str = ""
    """How to use the tool, with the rules that hold across parameters."""
    reads: tuple[str, ...] = ()
    """Collections the tool looks at."""
    writes: tuple[str, ...] = ()
    """Collections the tool may change; empty: it only reads."""

    @property
    def changes_state(self) -> bool:
        """Whether the tool may change the state."""
        return bool(self.writes)

    @cached_property
    def version(self) -> str:
        """SHA-256 (hex, 16 characters) of the tool's canonical content: part of a transition's key."""
        return content_hash(self.to_wire())[:16]

    def parameters_schema(self) -> JsonObject:
        """JSON Schema of the arguments object; closed (`additionalProperties: false`)."""
        return closed_object(self.parameters)

    def output_schema(self) -> JsonObject:
        """JSON Schema of a successful response's `data`; closed, every key required unless optional."""
        return closed_object(self.output)

    def to_openai(self) -> JsonObject:
        """The tool as an OpenAI function tool; the usage closes the description.

        Raises: DataError, if a name is no identifier.
        """
        self._check_names()
        function: JsonObject = {
            "name": self.name,
            "description": self._described(),
            "parameters": self.parameters_schema(),
        }
        return {"type": "function", "function": function}

    @classmethod
    def from_openai(cls, row: Mapping[str, Json]) -> Self:
        """The tool of an OpenAI function tool (or of its bare `function`).

        That form has no output, errors, effects, references or prose marks: those are lost in `to_openai`.
        Raises: DataError naming the field.
        """
        function = row.get("function", row)
        if not isinstance(function, dict | Mapping):
            raise DataError("function: expected an object")
        return cls._described_by(function, "parameters")

    def to_mcp(self) -> JsonObject:
        """The tool as an MCP tool (`name`, `description`, `inputSchema`, `outputSchema`, `annotations`, `_meta`).

        `from_mcp` reads the same tool back: what MCP has no place for is in `_meta` and in `x-` keywords.
        Raises: DataError, if a name is no identifier.
        """
        self._check_names()
        wire = self.to_wire()
        row: JsonObject = {
            "name": self.name,
            "description": self._described(),
            "inputSchema": closed_object(self.parameters, marks=True),
        }
        if self.output:
            row["outputSchema"] = closed_object(self.output, marks=True)
        if self.writes or self.reads:
            row["annotations"] = {"readOnlyHint": not self.writes, "openWorldHint": False}
        meta = {key: wire[key] for key in ("error_messages", "error_status_codes", "reads", "writes") if wire.get(key)}
        if meta:
            row["_meta"] = {_META: meta}
        return row

    @classmethod
    def from_mcp(cls, row: Mapping[str, Json]) -> Self:
        """The tool of an MCP tool. Raises: DataError naming the field."""
        tool = cls._described_by(row, "inputSchema")
        output = row.get("outputSchema")
        update: dict[str, object] = {}
        if isinstance(output, dict):
            update["output"] = parameters_from_object(Parameter, output, f"{tool.name}.outputSchema")
        meta = row.get("_meta")
        ours = meta.get(_META) if isinstance(meta, dict) else None
        if isinstance(ours, dict):
            update["errors"] = _errors(ours, tool.name)
            update["reads"] = _names(ours, "reads", tool.name)
            update["writes"] = _names(ours, "writes", tool.name)
        return tool.model_copy(update=update)

    def to_wire(self) -> JsonObject:
        """The tool under the reference's names, ours added as optional keys."""
        return {
            "tool_name": self.name,
            "tool_description": self.description,
            "parameters": {name: _parameter_row(value) for name, value in self.parameters.items()},
            "error_messages": [error.message for error in self.errors],
            "usage": self.usage,
            "output_details": {name: value.to_json() for name, value in self.output.items()},
            "error_status_codes": [error.status_code for error in self.errors],
            "reads": list(self.reads),
            "writes": list(self.writes),
        }

    @cached_property
    def wire_json(self) -> bytes:
        """`to_wire` as JSON. Raises: StateError for a value that JSON cannot carry."""
        wire = self.to_wire()
        check_json(wire)
        return orjson.dumps(wire)

    @classmethod
    def from_wire(cls, row: Mapping[str, Json]) -> Self:
        """The tool of a row written by `to_wire`, checked strictly. Raises: DataError naming the field."""
        name, description, usage = row.get("tool_name"), row.get("tool_description"), row.get("usage", "")
        if not isinstance(name, str) or not name:
            raise DataError("tool_name: expected the tool's name as a string")
        if not isinstance(description, str) or not isinstance(usage, str):
            raise DataError(f"{name}: tool_description and usage are strings")
        unknown = sorted(set(row) - set(_WIRE_KEYS))
        if unknown:
            raise DataError(f"{name}: unknown key {unknown[0]!r}, expected {', '.join(_WIRE_KEYS)}")
        return cls(
            name=name,
            description=description,
            parameters=_parameters(row, "parameters", name),
            output=_parameters(row, "output_details", name),
            errors=_errors(row, name),
            usage=usage,
            reads=_names(row, "reads", name),
            writes=_names(row, "writes", name),
        )

    @staticmethod
    def from_v1(row: Mapping[str, Json]) -> "Tool":
        """The tool of a row of the reference's data, normalised (names, types, defaults).

        `synthtools.types.v1.normalise_tool` tells what was changed. Raises: DataError, if the row has no tool name.
        """
        from synthtools.types.v1 import normalise_tool

        return normalise_tool(row).tool

    def _described(self) -> str:
        return f"{self.description}{_USAGE}{self.usage}" if self.usage else self.description

    @classmethod
    def _described_by(cls, row: Mapping[str, Json], schema_key: str) -> Self:
        name, text, schema = row.get("name"), row.get("description"), row.get(schema_key)
        if not isinstance(name, str) or not name:
            raise DataError("name: expected the tool's name as a string")
        description, _, usage = (text if isinstance(text, str) else "").partition(_USAGE)
        if not isinstance(schema, dict):
            raise DataError(f"{name}.{schema_key}: expected a JSON Schema object")
        parameters = parameters_from_object(Parameter, schema, f"{name}.{schema_key}")
        return cls(name=name, description=description, usage=usage, parameters=parameters)

    def _check_names(self) -> None:
        for name in (self.name, *self.parameters):
            if not is_identifier(name):
                raise DataError(f"{self.name}: name {name!r} is no identifier, as exports need")


def _parameter_row(parameter: Parameter) -> JsonObject:
    """A parameter as the reference writes it: `required` always said."""
    row = parameter.to_json()
    return {"type": row.pop("type"), "required": parameter.required, **row}


def _parameters(row: Mapping[str, Json], key: str, tool: str) -> dict[str, Parameter]:
    rows = row.get(key, {})
    if not isinstance(rows, dict):
        raise DataError(f"{tool}.{key}: expected an object of name to parameter")
    found: dict[str, Parameter] = {}
    for name, value in rows.items():
        if not isinstance(value, dict):
            raise DataError(f"{tool}.{key}.{name}: expected an object with 'type'")
        found[name] = Parameter.from_json(value, f"{tool}.{key}.{name}")
    return found


def _errors(row: Mapping[str, Json], tool: str) -> tuple[DocumentedError, ...]:
    messages, codes = row.get("error_messages", []), row.get("error_status_codes", [])
    if not isinstance(messages, list) or not isinstance(codes, list) or (codes and len(codes) != len(messages)):
        raise DataError(f"{tool}: error_messages and error_status_codes are lists of one length")
    found: list[DocumentedError] = []
    for index, message in enumerate(messages):
        code = codes[index] if codes else 400
        if not isinstance(message, str):
            raise DataError(f"{tool}.error_messages[{index}]: expected a string 'Title: advice'")
        if code not in get_args(StatusCode):
            raise DataError(f"{tool}.error_status_codes[{index}]: {code!r} is none of {get_args(StatusCode)}")
        title, _, advice = message.partition(": ")
        found.append(DocumentedError.from_json({"title": title, "advice": advice, "status_code": code}, tool))
    return tuple(found)


def _names(row: Mapping[str, Json], key: str, tool: str) -> tuple[str, ...]:
    names = row.get(key, [])
    if not isinstance(names, list):
        raise DataError(f"{tool}.{key}: expected a list of collection names")
    strings = tuple(name for name in names if isinstance(name, str))
    if len(strings) < len(names):
        raise DataError(f"{tool}.{key}: expected a list of collection names")
    return strings
