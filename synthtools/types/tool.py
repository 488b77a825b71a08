"""Tools as agents see them: typed parameters, typed output, documented errors, declared effects."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field

from synthtools.types.record import Json, JsonObject, Record

ParameterType = Literal["string", "integer", "number", "boolean", "array", "object"]


class Parameter(Record):
    """One typed value: a tool's parameter, a key of its output, or a field of a record."""

    type: ParameterType
    description: str = ""
    required: bool = True
    default: Json = None
    """Value of an absent optional parameter; None: no default."""
    enum: tuple[Json, ...] | None = None
    minimum: float | int | None = None
    maximum: float | int | None = None
    min_length: int | None = Field(None, alias="minLength")
    max_length: int | None = Field(None, alias="maxLength")
    pattern: str | None = None
    format: Literal["date-time", "date"] | None = None
    """`date-time`: any ISO 8601 date or date-time; `date`: a calendar day."""
    min_items: int | None = Field(None, alias="minItems")
    max_items: int | None = Field(None, alias="maxItems")
    items: "Parameter | None" = None
    """Type of an array's items."""
    properties: dict[str, "Parameter"] | None = None
    """Keys of an object; None: any object."""
    references: str | None = None
    """Collection whose record ids this value takes; None: not a reference."""
    prose: bool = False
    """Free text by a model: its shape is checked, its wording is never compared."""

    def json_schema(self) -> JsonObject:
        """This value as JSON Schema (2020-12). Shape: `{"type": ..., constraints..., "description": ...}`."""
        raise NotImplementedError


class DocumentedError(Record):
    """An error a tool declares: when it occurs, and what the caller should do."""

    title: str
    advice: str = ""
    status_code: Literal[400, 401, 403, 404, 409, 422, 429] = 400

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

    @property
    def version(self) -> str:
        """SHA-256 (hex, 16 characters) of the tool's canonical content: part of a transition's key."""
        raise NotImplementedError

    def parameters_schema(self) -> JsonObject:
        """JSON Schema of the arguments object; closed (`additionalProperties: false`)."""
        raise NotImplementedError

    def output_schema(self) -> JsonObject:
        """JSON Schema of a successful response's `data`; closed, every key required unless optional."""
        raise NotImplementedError

    def to_openai(self) -> JsonObject:
        """The tool as an OpenAI function tool."""
        raise NotImplementedError

    def to_mcp(self) -> JsonObject:
        """The tool as an MCP tool (`name`, `description`, `inputSchema`, `outputSchema`, `annotations`)."""
        raise NotImplementedError

    def to_wire(self) -> JsonObject:
        """The tool under the reference's names, ours added as optional keys."""
        raise NotImplementedError

    @classmethod
    def from_wire(cls, row: Mapping[str, Json]) -> Self:
        """The tool of a row written by `to_wire`, checked strictly."""
        raise NotImplementedError

    @classmethod
    def from_v1(cls, row: Mapping[str, Json]) -> Self:
        """The tool of a row of the reference's data, normalised (names, types, defaults)."""
        raise NotImplementedError
