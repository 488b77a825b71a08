"""Environments: a scenario, its collections with their records, its tools, and the code of the tools."""

from typing import Literal

from synthtools.types.names import Id
from synthtools.types.parameter import Parameter, closed_object
from synthtools.types.record import JsonObject, Record, State
from synthtools.types.tool import Tool

Difficulty = Literal["easy", "medium", "hard"]

DEFAULT_NOW = "2026-01-15T09:00:00Z"
"""The clock of an environment or world to which none is given."""


class RecordKind(Record):
    """A kind of records in a scenario, by its nouns in snake_case."""

    singular: str
    plural: str


class Scenario(Record):
    """A concrete situation in a subfield, in which people use tools that share data."""

    field: str
    subfield: str
    title: str
    description: str = ""
    kinds: tuple[RecordKind, ...] = ()
    """Kinds of records, those that others belong to first; each becomes a collection."""
    repeats: str = ""
    """The earlier scenario of the field that it nearly repeats, in words; no environment is made of such a one."""


class Collection(Record):
    """A kind of record in a state, with the schema of its records. Ids are the map's keys, never a field."""

    name: str
    """Plural noun in snake_case, the key in the state."""
    id_prefix: str
    """Ids are `{id_prefix}-{number}`, for example `ORD-1`."""
    fields: dict[str, Parameter]
    """Fields of a record; `references` names the collection a field points into."""
    record: str = ""
    """Singular noun of a record in snake_case, for example `order`; empty: the collection's name is used."""
    description: str = ""

    def record_schema(self) -> JsonObject:
        """JSON Schema of one record; closed."""
        return closed_object(self.fields)


class ToolCode(Record):
    """A tool's behaviour as source, and how far it is certified."""

    source: str
    """Python for the sandbox: defines `guard(args, state, now)` and `apply(args, state, now)`."""
    guard_certified: bool = False
    certified: bool = False
    """Whether both guard and apply passed certification."""
    agrees_with: Literal["", "design", "second behaviour"] = ""
    """What answered every drawn call in the same way: the tool's design, or a behaviour written apart; empty: nothing
    was asked."""
    clock_fields: tuple[str, ...] = ()
    """`collection.field`s whose values derive from the clock: left out where states are compared, unless a policy names
    them."""


class Drop(Record):
    """A part of a record that was lost on the way, with the reason that the funnel counts."""

    part: str
    """What was lost, for example `tool:CancelBooking`."""
    reason: str
    """A short phrase from a closed set, for example `not certified`."""
    detail: str = ""


class EnvSpec(Record):
    """An environment: tools over a populated state, ready for an audit and for tasks."""

    id: Id
    """`{field_slug}_spec_{NNN}`; safe as a file name."""
    scenario: Scenario
    difficulty: Difficulty = "easy"
    """By the number of tools it was generated for: up to 10, up to 15, more. Says nothing of an imported one."""
    collections: tuple[Collection, ...] = ()
    """Empty: a state of unknown schema (imported), whose tools are answered by an LLM."""
    initial_state: State = {}
    spare_records: dict[str, tuple[JsonObject, ...]] = {}
    """By collection: realistic records that are not in the state, for calls that create or change one."""
    now: str = DEFAULT_NOW
    """The world's clock: an input of every call, never the wall clock."""
    tools: tuple[Tool, ...] = ()
    code: dict[str, ToolCode] = {}
    """By tool name; a tool without an entry is answered by an LLM."""
    drops: tuple[Drop, ...] = ()
    """Tools that were tried and given up."""

    def tool(self, name: str) -> Tool | None:
        """The tool of that name, or None."""
        return next((tool for tool in self.tools if tool.name == name), None)
