"""Marks on the fields of a signature, so that a static signature can carry a schema that is known at call time only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SchemaFrom:
    """On an output field: its JSON Schema is taken from an input of the same call.

    `Annotated[Json, SchemaFrom("tool.output_schema")]` takes the input `tool`, its attribute (or key) `output_schema`,
    and calls it where it is callable. `SchemaFrom("answer_schema")` takes an input that is a JSON Schema itself; mark
    that input `Hidden`. The adapter binds the schema; a value that does not fit it is a `ParseError`.
    """

    path: str
    """Name of an input, then attributes or keys, with dots between."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """On an input field: the value is there for `SchemaFrom` to read and is never shown in the prompt."""
