"""One typed value: a tool's parameter, a key of its output, a field of a record; and its JSON Schema, both ways."""

from collections.abc import Mapping
from typing import Literal, Self, TypeVar, cast, get_args

import jsonschema_rs
from pydantic import AliasChoices, Field, field_validator

from synthtools.errors import DataError
from synthtools.types.canonical import MAX_INTEGER
from synthtools.types.record import Json, JsonObject, Record

ParameterType = Literal["string", "integer", "number", "boolean", "array", "object"]

MAX_PATTERN_LENGTH = 256
"""Longest regular expression that is compiled, in characters."""

PATTERN_OPTIONS = jsonschema_rs.FancyRegexOptions(backtrack_limit=20_000, size_limit=1 << 20)
"""Bounds of a compiled pattern: patterns come from models and from other people's files."""

P = TypeVar("P", bound="Parameter")
_TYPES = get_args(ParameterType)
_PLAIN_KEYS = ("minimum", "maximum", "minLength", "maxLength", "pattern", "format", "minItems", "maxItems")
_REFERENCES, _PROSE = "x-references", "x-prose"


def _camel(alias: str, name: str) -> None:
    """A size whose wire name is JSON Schema's, with None as default (typed as its value, as pydantic's `Field` is)."""
    return Field(default=None, ge=0, validation_alias=AliasChoices(alias, name), serialization_alias=alias)


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
    min_length: int | None = _camel("minLength", "min_length")
    max_length: int | None = _camel("maxLength", "max_length")
    pattern: str | None = None
    format: Literal["date-time", "date"] | None = None
    """`date-time`: any ISO 8601 date or date-time; `date`: a calendar day."""
    min_items: int | None = _camel("minItems", "min_items")
    max_items: int | None = _camel("maxItems", "max_items")
    items: "Parameter | None" = None
    """Type of an array's items; None: any."""
    properties: dict[str, "Parameter"] | None = None
    """Keys of an object; None: any object."""
    references: str | None = None
    """Collection whose record ids this value takes; None: not a reference."""
    prose: bool = False
    """Free text by a model: its shape is checked, its wording is never compared."""

    @field_validator("pattern")
    @classmethod
    def _usable(cls, pattern: str | None) -> str | None:
        if pattern is not None and (why := pattern_problem(pattern)):
            raise ValueError(why)
        return pattern

    @property
    def is_free_text(self) -> bool:
        """Whether this takes any words: a string without choices, format or references."""
        return self.type == "string" and not (self.enum or self.format or self.references)

    def json_schema(self, *, marks: bool = False) -> JsonObject:
        """This value as JSON Schema (2020-12). Shape: `{"type": ..., constraints..., "description": ...}`.

        Args:
            marks: Also write `references` and `prose`, as `x-references` and `x-prose`, for a reader that is ours.
        """
        schema: JsonObject = {"type": self.type}
        if self.description:
            schema["description"] = self.description
        if self.enum is not None:
            schema["enum"] = list(self.enum)
        values = (
            self.minimum,
            self.maximum,
            self.min_length,
            self.max_length,
            self.pattern,
            self.format,
            self.min_items,
            self.max_items,
        )
        schema.update({key: value for key, value in zip(_PLAIN_KEYS, values, strict=True) if value is not None})
        if self.items is not None:
            schema["items"] = self.items.json_schema(marks=marks)
        if self.properties is not None:
            schema.update(closed_object(self.properties, marks=marks))
        if self.default is not None:
            schema["default"] = self.default
        if marks and self.references is not None:
            schema[_REFERENCES] = self.references
        if marks and self.prose:
            schema[_PROSE] = True
        return schema

    @classmethod
    def from_json_schema(cls, schema: Mapping[str, Json], *, required: bool = True, where: str = "schema") -> Self:
        """The value that a JSON Schema describes; keywords that are mere annotations are passed over.

        A type of `[T, "null"]` is read as T. Raises: DataError with `where`, for what a Parameter cannot express.
        """
        _refuse_composition(schema, where)
        fields: JsonObject = {key: schema[key] for key in ("description", "default", *_PLAIN_KEYS) if key in schema}
        if fields.get("format") not in ("date-time", "date"):
            fields.pop("format", None)
        fields["type"] = _type_of(schema, where)
        fields["required"] = required
        enum = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if isinstance(enum, list):
            fields["enum"] = [value for value in enum if value is not None]
        if _REFERENCES in schema:
            fields["references"] = schema[_REFERENCES]
        if _PROSE in schema:
            fields["prose"] = schema[_PROSE]
        read = cls.from_json(fields, where)
        nested: dict[str, object] = {}
        items = schema.get("items")
        if isinstance(items, dict):
            nested["items"] = cls.from_json_schema(items, where=f"{where}[]")
        if isinstance(schema.get("properties"), dict):
            nested["properties"] = parameters_from_object(cls, schema, where)
        return read.model_copy(update=nested) if nested else read

    def normalise(self, value: Json) -> Json:
        """The value with every number in the type its schema says: 3.0 as 3 for an integer, 3 as 3.0 for a number.

        Values of another type are left as they are: refusing them is the gate's part. Normalised values are equal
        by `same_json` exactly when their hashes are.
        """
        if self.type == "integer" and isinstance(value, float) and value.is_integer() and abs(value) <= MAX_INTEGER:
            return int(value)
        if self.type == "number" and type(value) is int and abs(value) <= MAX_INTEGER:
            return float(value)
        if self.type == "array" and self.items is not None and isinstance(value, list):
            return [self.items.normalise(item) for item in value]
        if self.type == "object" and self.properties is not None and isinstance(value, dict):
            return {
                key: self.properties[key].normalise(item) if key in self.properties else item
                for key, item in value.items()
            }
        return value


def pattern_problem(pattern: str) -> str | None:
    """Why a pattern cannot be a constraint, or None where it can."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        return f"a pattern of {len(pattern)} characters; at most {MAX_PATTERN_LENGTH} are compiled"
    try:
        jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=PATTERN_OPTIONS)
    except (jsonschema_rs.ValidationError, ValueError):
        return f"{pattern!r:.60} is no regular expression of JSON Schema"
    return None


def closed_object(properties: Mapping[str, Parameter], *, marks: bool = False) -> JsonObject:
    """JSON Schema of an object with exactly these keys, those marked `required` always present."""
    return {
        "type": "object",
        "properties": {name: value.json_schema(marks=marks) for name, value in properties.items()},
        "required": [name for name, value in properties.items() if value.required],
        "additionalProperties": False,
    }


def parameters_from_object(kind: type[P], schema: Mapping[str, Json], where: str) -> dict[str, P]:
    """The properties of an object schema. Raises: DataError with the path of the property."""
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        raise DataError(f"{where}: an object schema has 'properties' as an object and 'required' as a list")
    found: dict[str, P] = {}
    for name, value in properties.items():
        if not isinstance(value, dict):
            raise DataError(f"{where}.{name}: expected a JSON Schema object")
        found[name] = kind.from_json_schema(value, required=name in required, where=f"{where}.{name}")
    return found


def _refuse_composition(schema: Mapping[str, Json], where: str) -> None:
    for key in ("$ref", "anyOf", "oneOf", "allOf", "not", "if"):
        if key in schema:
            raise DataError(f"{where}: '{key}' cannot be expressed by a typed parameter; resolve it first")


def _type_of(schema: Mapping[str, Json], where: str) -> ParameterType:
    kind = schema.get("type")
    if isinstance(kind, list):
        kinds = [name for name in kind if name != "null"]
        kind = kinds[0] if len(kinds) == 1 else None
    if kind is None and isinstance(schema.get("properties"), dict):
        kind = "object"
    if kind not in _TYPES:
        raise DataError(f"{where}: 'type' is {schema.get('type')!r}, expected one of {', '.join(_TYPES)}")
    return cast("ParameterType", kind)
