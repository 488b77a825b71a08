"""Schemas of answers that depend on the call: exact counts, names to choose from, arguments of the tools at hand.

Each function gives a JSON Schema for one call. What a schema can rule out is never begged for in a prompt.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from pydantic import TypeAdapter

from synthtools.signatures.generator import FieldDraft
from synthtools.types.environment import Collection
from synthtools.types.profile import Profile
from synthtools.types.record import Json, JsonObject
from synthtools.types.tool import Parameter, Tool
from synthtools.world.design import CHANGING, Action

NAME = "^[A-Z][a-z]{2,11}([A-Z][a-z]{2,11}){1,2}$"
"""A tool's name: two or three words in PascalCase, none as short as `By`."""


def text(max_length: int, *, pattern: str | None = None) -> JsonObject:
    """A bounded text."""
    schema: JsonObject = {"type": "string", "minLength": 1, "maxLength": max_length}
    return {**schema, "pattern": pattern} if pattern else schema


def closed(properties: JsonObject) -> JsonObject:
    """An object with exactly these keys, in this order."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def one_of(values: Iterable[Json]) -> JsonObject:
    """One of fixed values."""
    return {"enum": list(values)}


def exactly(count: int, item: JsonObject) -> JsonObject:
    """A list of exactly that many items."""
    return {"type": "array", "items": item, "minItems": count, "maxItems": count}


def between(least: int, most: int, item: JsonObject) -> JsonObject:
    """A list of a bounded number of items."""
    return {"type": "array", "items": item, "minItems": least, "maxItems": most}


def scenario_schema(kinds: int) -> JsonObject:
    """One scenario: title, description, kinds of records."""
    noun = text(20, pattern="^[a-z]{3,11}(_[a-z]{3,9})?$")
    return closed(
        {
            "title": text(48, pattern="^[A-Z][a-z]{1,11}( [A-Za-z][a-z]{1,11}){1,3}$"),
            "description": text(200, pattern="^[A-Z][A-Za-z ,'-]{20,190}\\.$"),
            "kinds": exactly(kinds, closed({"singular": noun, "plural": {**noun, "maxLength": 24}})),
        }
    )


def collection_schema(earlier: Sequence[Collection], fields: int) -> JsonObject:
    """The fields of a collection: what it belongs to and its stages, where there are earlier ones, and its own."""
    field = cast(JsonObject, TypeAdapter(FieldDraft).json_schema())
    definitions = field.pop("$defs")
    properties: JsonObject = {}
    if earlier:
        names = [collection.name for collection in earlier]
        properties["belongs_to"] = between(1, min(2, len(names)), one_of(names))
        properties["fields"] = between(1, max(1, fields - 2), field)
        properties["stages"] = between(2, 4, text(14, pattern="^[a-z]{3,12}$"))
    else:
        properties["fields"] = between(2, fields, field)
    return {**closed(properties), "$defs": definitions}


def is_written(field: Parameter) -> bool:
    """Whether a model writes this field of a record; code draws references, choices and flags, so that all occur."""
    return field.references is None and not field.enum and field.type != "boolean"


def record_schema(collection: Collection) -> JsonObject:
    """One record as a model writes it."""
    return closed({name: _value_schema(field) for name, field in collection.fields.items() if is_written(field)})


def _value_schema(field: Parameter) -> JsonObject:
    if field.format == "date":
        return {"type": "string", "pattern": "^2026-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$", "maxLength": 10}
    schema = field.json_schema()
    schema.pop("description", None)
    if field.type == "string" and not field.enum:
        return {**schema, "minLength": 2, "maxLength": min(field.max_length or 40, 40)}
    return schema


def tool_schema(
    collections: Sequence[Collection],
    actions: Sequence[Action],
    profile: Profile,
    used: Sequence[tuple[Action, str]] = (),
) -> JsonObject:
    """One tool's design: a variant for each action on each collection, offering only what fits there.

    Pairs of action and collection that are `used` are offered again only where no other is left.
    """
    referenced = {field.references for collection in collections for field in collection.fields.values()}
    variants = {
        (action, collection.name): _variants(action, collection, collections, profile)
        for action in actions
        for collection in collections
        if action != "delete" or collection.name not in referenced
    }
    unused = {pair: offered for pair, offered in variants.items() if pair not in used and offered}
    return {"anyOf": [variant for offered in (unused or variants).values() for variant in offered]}


def _variants(
    action: Action, collection: Collection, collections: Sequence[Collection], profile: Profile
) -> list[JsonObject]:
    head: JsonObject = {"action": {"const": action}, "collection": {"const": collection.name}}
    tail: JsonObject = {"name": text(32, pattern=NAME), "description": text(110)}
    rules = _rules(action, collection, collections)
    if rules:
        tail["refused_when"] = {"anyOf": [{"type": "null"}, *rules]}
    names = list(collection.fields)
    own = [name for name, field in collection.fields.items() if field.references is None]
    match action:
        case "mark":
            choices = {name: field.enum for name, field in collection.fields.items() if field.enum}
            return [
                closed({**head, "field": {"const": name}, "becomes": one_of(options), **tail})
                for name, options in choices.items()
            ]
        case "update":
            most = max(1, min(len(own), profile.parameters - 3))
            return [closed({**head, "parameters": between(1, most, one_of(own)), **tail})]
        case "find":
            searchable = [name for name, field in collection.fields.items() if field.type not in ("integer", "number")]
            most = min(len(searchable), max(1, profile.parameters - 2), 3)
            return [closed({**head, "parameters": between(1, most, one_of(searchable)), **tail})] if searchable else []
        case "create":
            return [
                closed({**head, "parameters": between(1, min(len(names), profile.parameters), one_of(names)), **tail})
            ]
        case "get" | "delete":
            return [closed({**head, **tail})]


def _rules(action: Action, collection: Collection, collections: Sequence[Collection]) -> list[JsonObject]:
    """Refusals on offer: by a choice field of the record itself, or, when creating, of a record it belongs to."""
    if action not in CHANGING:
        return []
    if action == "create":
        parents = {field.references for field in collection.fields.values() if field.references}
        sources = [other for other in collections if other.name in parents]
    else:
        sources = [collection]
    return [
        closed(
            {
                "collection": {"const": source.name},
                "field": {"const": name},
                "is": one_of(field.enum),
                "title": text(40, pattern="^[A-Z][a-z ]{6,38}$"),
            }
        )
        for source in sources
        for name, field in source.fields.items()
        if field.enum
    ]


def sequences_schema(names: Sequence[str], starts: Mapping[str, Sequence[str]], length: int) -> JsonObject:
    """By first tool: the second one, and the others up to `length`."""
    sequences: JsonObject = {}
    for first, seconds in starts.items():
        rest: JsonObject = {"second": one_of(seconds)}
        if length > 2:
            rest["then"] = between(0, length - 2, one_of(names))
        sequences[first] = closed(rest)
    return closed(sequences)


def call_schema(tools: Sequence[Tool]) -> JsonObject:
    """A call of one of the tools, with that tool's own arguments."""
    return {"anyOf": [closed({"tool": {"const": tool.name}, "arguments": tool.parameters_schema()}) for tool in tools]}


def step_schema(tools: Sequence[Tool], parallel: int) -> JsonObject:
    """A step of a rollout: calls, or the final answer."""
    return {
        "anyOf": [
            closed({"calls": between(1, parallel, call_schema(tools))}),
            closed({"answer": {**text(400), "minLength": 12}}),
        ]
    }
