"""Data that fits a JSON Schema, drawn with a seed: the answers of the scripted stand-in."""

import importlib
import math
import random
import re
import string
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from synthtools.errors import ConfigError
from synthtools.types.record import Json, JsonObject

_WORDS = ("amber", "birch", "cedar", "delta", "ember", "flint", "grove", "harbor", "indigo", "juniper", "kestrel",
          "linden", "maple", "nectar", "orchid", "pebble", "quartz", "river", "sable", "tundra", "umber", "violet",
          "willow", "zephyr")  # fmt: skip
_EPOCH = datetime(2026, 1, 15, 9, tzinfo=UTC)
_PATTERN_TRIES = 50
_MOST_REPEATS = 6
"""Most repeats of a part of a pattern that has no bound."""


def fitting(schema: Mapping[str, Json], draw: random.Random, name: str = "value") -> Json:
    """One value of a schema in the subset that `schemas.closed_schema` makes.

    Args:
        schema: With `type`, `enum`, `const`, unions, bounds, `pattern`, `format`, nested objects and arrays.
        draw: Decides everything that is open.
        name: Key the value will stand under; texts mention it.

    Raises: ConfigError where nothing fits, for example a pattern longer than the length allowed.
    """
    if "const" in schema:
        return schema["const"]
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return draw.choice(choices)
    for union in ("anyOf", "oneOf"):
        branches = schema.get(union)
        if isinstance(branches, list) and branches:
            return fitting(cast(JsonObject, draw.choice(branches)), draw, name)
    merged = schema.get("allOf")
    if isinstance(merged, list) and merged:
        whole = {key: value for part in merged for key, value in cast(JsonObject, part).items()}
        return fitting(whole, draw, name)
    match schema.get("type"):
        case "object":
            return _object(schema, draw)
        case "array":
            return _array(schema, draw, name)
        case "string":
            return _text(schema, draw, name)
        case "integer":
            return _integer(schema, draw)
        case "number":
            return _number(schema, draw)
        case "boolean":
            return draw.random() < 0.5
        case "null":
            return None
        case _:
            raise ConfigError(f"{name}: no data can be drawn for a schema without a type")


def _object(schema: Mapping[str, Json], draw: random.Random) -> Json:
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    required = schema.get("required")
    needed = set(cast("list[str]", required)) if isinstance(required, list) else set[str]()
    return {
        key: fitting(cast(JsonObject, child), draw, key)
        for key, child in properties.items()
        if key in needed or draw.random() < 0.5
    }


def _array(schema: Mapping[str, Json], draw: random.Random, name: str) -> Json:
    prefix = schema.get("prefixItems")
    if isinstance(prefix, list):
        return [fitting(cast(JsonObject, item), draw, name) for item in prefix]
    least = _bound(schema, "minItems", 0)
    most = _bound(schema, "maxItems", least + 3)
    child = schema.get("items")
    if not isinstance(child, dict):
        return []
    count = draw.randint(least, max(least, min(most - 1 if most > least + 1 else most, max(least, 3))))
    items: list[Json] = []
    for _ in range(count):
        item = fitting(child, draw, name)
        for _ in range(8):  # distinct items, as people list them, where the schema has enough values
            if item not in items:
                break
            item = fitting(child, draw, name)
        items.append(item)
    return items


def _text(schema: Mapping[str, Json], draw: random.Random, name: str) -> str:
    least = _bound(schema, "minLength", 0)
    most = _bound(schema, "maxLength", max(least, 60))
    if schema.get("format") in ("date-time", "date"):
        moment = _EPOCH + timedelta(days=draw.randint(0, 300), minutes=draw.randint(0, 1400))
        return moment.date().isoformat() if schema["format"] == "date" else moment.isoformat().replace("+00:00", "Z")
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        return _matching(pattern, least, most, draw)
    text = f"{name.replace('_', ' ')} {draw.choice(_WORDS)} {draw.randint(1, 999)}"
    while len(text) < least:
        text += f" {draw.choice(_WORDS)}"
    return text[:most]


def _matching(pattern: str, least: int, most: int, draw: random.Random) -> str:
    parser = importlib.import_module("re._parser")
    try:
        parsed = parser.parse(pattern)
        check = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"the pattern {pattern!r} is not a regular expression: {error}") from error
    for _ in range(_PATTERN_TRIES):
        text = _drawn(parsed, draw)
        if len(text) < least and not pattern.endswith("$"):
            text += "".join(draw.choice(string.ascii_lowercase) for _ in range(least - len(text)))
        if least <= len(text) <= most and check.search(text):
            return text
    raise ConfigError(f"no text of {least} to {most} characters was found for the pattern {pattern!r}")


def _drawn(parsed: Sequence[tuple[Any, Any]], draw: random.Random) -> str:
    out = ""
    for operation, argument in parsed:
        match str(operation):
            case "LITERAL":
                out += chr(argument)
            case "NOT_LITERAL":
                out += draw.choice([c for c in string.ascii_letters if ord(c) != argument])
            case "ANY":
                out += draw.choice(string.ascii_lowercase)
            case "IN":
                out += draw.choice(_members(argument))
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, inner = argument
                count = draw.randint(least, max(least, min(int(most), least + _MOST_REPEATS)))
                out += "".join(_drawn(inner, draw) for _ in range(count))
            case "SUBPATTERN":
                out += _drawn(argument[3], draw)
            case "ATOMIC_GROUP":
                out += _drawn(argument, draw)
            case "BRANCH":
                out += _drawn(draw.choice(argument[1]), draw)
            case "CATEGORY":
                out += draw.choice(_category(str(argument)))
            case _:
                pass  # anchors and assertions draw nothing; the whole is checked against the pattern
    return out


def _members(parts: Sequence[tuple[Any, Any]]) -> str:
    members: set[str] = set()
    negated = False
    for operation, argument in parts:
        match str(operation):
            case "NEGATE":
                negated = True
            case "LITERAL":
                members.add(chr(argument))
            case "RANGE":
                low, high = argument
                members.update(chr(code) for code in range(low, min(high, low + 200) + 1))
            case "CATEGORY":
                members.update(_category(str(argument)))
            case _:
                pass
    if negated:
        members = set(string.ascii_letters + string.digits + " -_") - members
    return "".join(sorted(members)) or "x"


def _category(name: str) -> str:
    word = string.ascii_letters + string.digits + "_"
    kinds = {
        "CATEGORY_DIGIT": string.digits,
        "CATEGORY_NOT_DIGIT": string.ascii_letters,
        "CATEGORY_SPACE": " ",
        "CATEGORY_NOT_SPACE": word,
        "CATEGORY_WORD": word,
        "CATEGORY_NOT_WORD": " -",
    }
    return kinds[name]


def _integer(schema: Mapping[str, Json], draw: random.Random) -> int:
    low, high = _range(schema)
    step = schema.get("multipleOf")
    if isinstance(step, (int, float)) and step >= 1:
        return int(step) * draw.randint(math.ceil(low / step), math.floor(high / step))
    return draw.randint(math.ceil(low), math.floor(high))


def _number(schema: Mapping[str, Json], draw: random.Random) -> float:
    low, high = _range(schema)
    rounded = round(draw.uniform(low, high), 2)
    return rounded if low <= rounded <= high else low


def _range(schema: Mapping[str, Json]) -> tuple[float, float]:
    low, high = _limit(schema, "minimum"), _limit(schema, "maximum")
    above, below = _limit(schema, "exclusiveMinimum"), _limit(schema, "exclusiveMaximum")
    step = 1 if schema.get("type") == "integer" else 0.01
    if low is None and above is not None:
        low = math.floor(above) + 1 if step == 1 else above + step
    if high is None and below is not None:
        high = math.ceil(below) - 1 if step == 1 else below - step
    if low is None:
        low = 1 if high is None or high >= 1 else high - 100
    if high is None:
        high = max(100, low + 100)
    if low > high:
        raise ConfigError(f"no number lies between {low} and {high}")
    return low, high


def _limit(schema: Mapping[str, Json], key: str) -> float | None:
    value = schema.get(key)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _bound(schema: Mapping[str, Json], key: str, default: int) -> int:
    value = schema.get(key)
    return value if isinstance(value, int) else default
