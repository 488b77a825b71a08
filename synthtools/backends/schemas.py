"""JSON Schemas as they go on the wire: self-contained, closed and bounded.

A constrained decoder stops a string or an array only where a bound says so, hence every one gets a bound. Bounds of
ours (`Bounds`) are marked by their absence in the original: an answer that reaches one was probably cut, and is
refused instead of used (`injected_bounds_hit`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

import jsonschema_rs
import orjson

from synthtools.errors import ConfigError
from synthtools.types.record import Json, JsonObject

_DROPPED_KEYS = frozenset({"title", "default", "examples", "discriminator", "$defs", "definitions", "$schema", "$id"})
_MAX_DEPTH = 24
_MASK = "\x00value\x00"
_INJECTED = "x-synthtools-injected"
"""Marks a bound of ours until the schema goes on the wire."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds for strings and arrays that have none of their own."""

    max_chars: int = 400
    """Characters of a string."""
    max_items: int = 16
    """Items of an array, and keys of an open object."""


@dataclass(frozen=True, slots=True)
class WireSchema:
    """A schema ready for the wire, with what is needed to check an answer."""

    schema: JsonObject
    strict: bool
    """Whether every property is required everywhere, as OpenAI's strict mode demands."""
    validate: Callable[[object], str | None] = field(repr=False)
    """The first thing wrong with a value, in a line; None where it fits and reaches no bound of ours."""


def wire_schema(schema: Mapping[str, Json], *, title: str) -> WireSchema:
    """The wire form of an object schema whose parts were already closed and bounded.

    Raises: ConfigError if the schema is not a valid JSON Schema.
    """
    final: JsonObject = {"title": title, **{key: value for key, value in schema.items() if key != "title"}}
    clean = cast(JsonObject, _without_marks(final))
    try:
        validator = jsonschema_rs.Draft202012Validator(
            clean,
            validate_formats=False,
            pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=10_000),
            mask=_MASK,
        )
    except (jsonschema_rs.ValidationError, ValueError) as error:
        raise ConfigError(f"{title}: the output schema is not a valid JSON Schema: {error}") from error

    def validate(value: object) -> str | None:
        error = next(iter(validator.iter_errors(value)), None)
        if error is not None:
            return f"{_place(error.instance_path)}: {_shortened(error.message.replace(_MASK, _shown(error.instance)))}"
        return next(injected_bounds_hit(final, value), None)

    return WireSchema(schema=clean, strict=_is_strict(clean), validate=validate)


def closed_schema(schema: Mapping[str, Json], bounds: Bounds, *, where: str, bound_at_call: bool) -> JsonObject:
    """Inlines references, closes objects and gives every string and array a bound.

    Args:
        schema: Any JSON Schema, for example of a pydantic type.
        bounds: For what has no bound of its own.
        where: Named in errors.
        bound_at_call: Whether the schema is data (a tool's own) rather than a signature's type. A signature's free
            object is a mistake and refused; a tool's free object is narrowed to scalars under any keys, and its
            optional properties stay optional.

    Raises: ConfigError for a free object or an untyped value in a signature, and for recursive or unknown references.
    """
    raw = schema.get("$defs", schema.get("definitions"))
    defs = cast(JsonObject, raw) if isinstance(raw, dict) else {}
    return _Closer(defs, bounds, bound_at_call).close(schema, where, 0)


@dataclass(slots=True)
class _Closer:
    defs: JsonObject
    bounds: Bounds
    bound_at_call: bool

    def close(self, node: Mapping[str, Json], where: str, depth: int) -> JsonObject:
        if depth > _MAX_DEPTH:
            raise ConfigError(f"{where}: the schema refers to itself or nests more than {_MAX_DEPTH} deep")
        node = self._resolved(node, where, depth)
        out: JsonObject = {key: value for key, value in node.items() if key not in _DROPPED_KEYS}
        if "const" in out or "enum" in out:
            return out
        for union in ("anyOf", "oneOf", "allOf"):
            branches = out.get(union)
            if isinstance(branches, list):
                out[union] = [self.close(_node(branch, where), where, depth + 1) for branch in branches]
                return out
        kind = out.get("type")
        if isinstance(kind, list):
            shared = {key: value for key, value in out.items() if key not in ("type", "description")}
            described = {"description": out["description"]} if "description" in out else {}
            branches = [self.close({**shared, "type": one}, where, depth + 1) for one in kind]
            return {**described, "anyOf": cast(Json, branches)}
        if kind == "object" or "properties" in out:
            return self._object(out, where, depth)
        if kind == "array" or "items" in out or "prefixItems" in out:
            return self._array(out, where, depth)
        if kind == "string":
            if "maxLength" not in out and "format" not in out:
                out["maxLength"] = max(self.bounds.max_chars, cast(int, out.get("minLength", 0)) + 1)
                out[_INJECTED] = True
            return out
        if kind is None:
            return self._free(out, where)
        return out

    def _resolved(self, node: Mapping[str, Json], where: str, depth: int) -> Mapping[str, Json]:
        for _ in range(_MAX_DEPTH - depth + 1):
            reference = node.get("$ref")
            if reference is None:
                return node
            target = self.defs.get(str(reference).rsplit("/", 1)[-1])
            if not isinstance(target, dict):
                raise ConfigError(f"{where}: the schema refers to {reference}, which it does not define")
            node = {**target, **{key: value for key, value in node.items() if key != "$ref"}}
        raise ConfigError(f"{where}: the schema refers to itself")

    def _object(self, out: JsonObject, where: str, depth: int) -> JsonObject:
        properties = out.get("properties")
        if not isinstance(properties, dict) or not properties:
            return self._free(out, where)
        out["type"] = "object"
        out["properties"] = {
            name: self.close(_node(child, where), f"{where}.{name}", depth + 1) for name, child in properties.items()
        }
        if not self.bound_at_call:
            out["required"] = cast(Json, list(properties))
        out["additionalProperties"] = False
        return out

    def _array(self, out: JsonObject, where: str, depth: int) -> JsonObject:
        out["type"] = "array"
        out.pop("uniqueItems", None)
        prefix = out.get("prefixItems")
        if isinstance(prefix, list):
            out["prefixItems"] = [self.close(_node(item, where), where, depth + 1) for item in prefix]
            return out
        items = out.get("items")
        if isinstance(items, dict) and items:
            out["items"] = self.close(items, f"{where}[]", depth + 1)
        else:
            out["items"] = self._scalar(f"{where}[]")
        if "maxItems" not in out:
            out["maxItems"] = max(self.bounds.max_items, cast(int, out.get("minItems", 0)) + 1)
            out[_INJECTED] = True
        return out

    def _free(self, out: JsonObject, where: str) -> JsonObject:
        if not self.bound_at_call:
            raise ConfigError(
                f"{where}: an output of free shape (dict, Any) cannot be asked for exactly; "
                "use a pydantic model, or Annotated[Any, SchemaFrom(...)] where the shape is known at call time"
            )
        if out.get("type") == "object":
            described = {"description": out["description"]} if "description" in out else {}
            scalar = self._scalar(where)
            return {**described, "type": "object", "additionalProperties": scalar, "maxProperties": 16}
        return {**out, **self._scalar(where)}

    def _scalar(self, where: str) -> JsonObject:
        if not self.bound_at_call:
            raise ConfigError(f"{where}: a list output needs the type of its items")
        text: JsonObject = {"type": "string", "maxLength": self.bounds.max_chars, _INJECTED: True}
        return {"anyOf": [text, {"type": "number"}, {"type": "boolean"}, {"type": "null"}]}


def injected_bounds_hit(schema: Mapping[str, Json], value: object, place: str = "answer") -> Iterator[str]:
    """What in a fitting value reaches a bound that is ours and not the contract's."""
    for union in ("anyOf", "oneOf"):
        branches = schema.get(union)
        if isinstance(branches, list):
            hits = [list(injected_bounds_hit(_node(branch, place), value, place)) for branch in branches]
            kinds = [hit for branch, hit in zip(branches, hits, strict=True) if _may_hold(_node(branch, place), value)]
            if kinds and all(kinds):
                yield from kinds[0]
    if isinstance(value, str):
        if schema.get(_INJECTED) and schema.get("type") == "string" and len(value) >= cast(int, schema["maxLength"]):
            yield f"{place}: the text is too long; stay well under {schema['maxLength']} characters"
    elif isinstance(value, list):
        items = cast("list[object]", value)
        if schema.get(_INJECTED) and schema.get("type") == "array" and len(items) >= cast(int, schema["maxItems"]):
            yield f"{place}: the list is too long; give fewer than {schema['maxItems']} items"
        child = schema.get("items")
        if isinstance(child, dict):
            for index, item in enumerate(items):
                yield from injected_bounds_hit(child, item, f"{place}[{index}]")
    elif isinstance(value, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            for name, item in cast("dict[str, object]", value).items():
                child = properties.get(name)
                if isinstance(child, dict):
                    yield from injected_bounds_hit(child, item, f"{place}.{name}")


def _may_hold(branch: Mapping[str, Json], value: object) -> bool:
    """Whether a union's branch could be the one a value was written for; by its JSON type, and keys of objects."""
    kind = branch.get("type")
    if isinstance(value, str):
        return kind in ("string", None)
    if isinstance(value, list):
        return kind in ("array", None)
    if isinstance(value, dict):
        properties = branch.get("properties")
        named = set(properties) if isinstance(properties, dict) else None
        return kind in ("object", None) and (named is None or set(cast("dict[str, object]", value)) <= named)
    return False


def _is_strict(node: Json) -> bool:
    if isinstance(node, list):
        return all(_is_strict(item) for item in node)
    if not isinstance(node, dict):
        return True
    properties = node.get("properties")
    if isinstance(properties, dict):
        required = node.get("required")
        named = set(cast("list[str]", required)) if isinstance(required, list) else set[str]()
        if node.get("additionalProperties") is not False or named != set(properties):
            return False
        if not all(_is_strict(child) for child in properties.values()):
            return False
    elif node.get("type") == "object":
        return False
    return all(_is_strict(node[key]) for key in ("items", "anyOf", "oneOf", "allOf", "prefixItems") if key in node)


def _without_marks(node: Json) -> Json:
    if isinstance(node, list):
        return [_without_marks(item) for item in node]
    if isinstance(node, dict):
        return {key: _without_marks(value) for key, value in node.items() if key != _INJECTED}
    return node


def _node(value: Json, where: str) -> JsonObject:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: a part of the output schema is not an object")
    return value


def _place(path: list[str | int]) -> str:
    place = "answer"
    for part in path:
        place += f"[{part}]" if isinstance(part, int) else f".{part}"
    return place


def _shown(value: object) -> str:
    """A wrong value, cut so that the reason after it is not lost."""
    return _shortened(orjson.dumps(value).decode(), 60)


def _shortened(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
