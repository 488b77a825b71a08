"""Texts that match a regular expression, drawn for boundary-value tests."""

import random
import re
from collections.abc import Sequence
from re import _parser  # pyright: ignore[reportAttributeAccessIssue, reportUnknownVariableType]
from typing import Any, cast

from synthtools.types.parameter import MAX_PATTERN_LENGTH

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_CATEGORIES = {"CATEGORY_DIGIT": "0123456789", "CATEGORY_WORD": _LETTERS + "0123456789_", "CATEGORY_SPACE": " "}
_ANY = _LETTERS + _LETTERS.upper() + "0123456789 -_.@/"
_MOST_REPEATS = 3
_PARSER = cast("Any", _parser)
"""The standard library's own parser; it has no public name."""


def draw_matching(pattern: str, rng: random.Random) -> str | None:
    """A text that a pattern finds a match in, or None where the pattern uses what the drawer does not know."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        return None
    try:
        tree = cast("Sequence[tuple[Any, Any]]", _PARSER.parse(pattern))
        text = _draw(tree, rng, {})
        return text if re.search(pattern, text) else None
    except (re.error, LookupError, RecursionError, OverflowError):
        return None


def _draw(tree: Sequence[tuple[Any, Any]], rng: random.Random, groups: dict[int, str]) -> str:
    return "".join(_draw_one(str(op), argument, rng, groups) for op, argument in tree)


def _draw_one(op: str, argument: Any, rng: random.Random, groups: dict[int, str]) -> str:
    match op:
        case "LITERAL":
            return chr(argument)
        case "NOT_LITERAL":
            return rng.choice([letter for letter in _ANY if letter != chr(argument)])
        case "ANY":
            return rng.choice(_ANY)
        case "IN":
            return _draw_class(argument, rng)
        case "BRANCH":
            return _draw(rng.choice(argument[1]), rng, groups)
        case "SUBPATTERN":
            text = _draw(argument[3], rng, groups)
            if argument[0] is not None:
                groups[argument[0]] = text
            return text
        case "GROUPREF":
            return groups[argument]
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, inner = argument
            most = min(least + _MOST_REPEATS, least + _MOST_REPEATS if most is _PARSER.MAXREPEAT else most)
            return "".join(_draw(inner, rng, groups) for _ in range(rng.randint(least, most)))
        case "AT" | "ASSERT" | "ASSERT_NOT":
            return ""
        case _:
            raise LookupError(op)


def _draw_class(members: Sequence[tuple[Any, Any]], rng: random.Random) -> str:
    negated = str(members[0][0]) == "NEGATE"
    letters = "".join(_class_letters(str(op), argument) for op, argument in members if str(op) != "NEGATE")
    return rng.choice([letter for letter in _ANY if letter not in letters] if negated else letters)


def _class_letters(op: str, argument: Any) -> str:
    match op:
        case "LITERAL":
            return chr(argument)
        case "RANGE":
            low, high = argument
            return "".join(map(chr, range(low, min(high, low + 127) + 1)))
        case "CATEGORY":
            return _CATEGORIES[str(argument)]
        case _:
            raise LookupError(op)
