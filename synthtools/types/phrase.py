"""A phrase of a description that states a constraint: where it stands, and the fields that it means."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from synthtools.types.record import Json

ConstraintKind = Literal["range", "bound", "choices", "length", "items", "date", "pattern", "relation"]
"""`range`: two bounds of a number; `bound`: one of them; `choices`: the values; `length`: characters of a text;
`items`: how many an array has; `date`: a day or a time; `pattern`: a code or a notation; `relation`: to other
parameters, or a rule on the value as a whole."""

NO_FIELDS: Mapping[str, Json] = MappingProxyType({})

HEDGED = "the phrase hedges"
"""The doubt about a phrase that says itself that it is none, or not always, a constraint."""

LEAST = r"minimum|min\.?|at least|no less than|not less than|>=|≥"
MOST = r"maximum|max\.?|at most|up to|no more than|not more than|<=|≤"
TO = r"\s?(?:-|–|—|to)\s?"
SIZE = (
    rf"(?:(?P<low>\d+){TO}(?P<high>\d+)|(?:{LEAST})(?: of)? (?P<least>\d+)|(?:{MOST})(?: of)? (?P<most>\d+)"
    r"|(?<![\w.-])(?P<exact>\d+))[ -]"
)
"""A count before its unit: `2-5 `, `at least 2 `, `up to 5 `, `5-`."""

_HEDGE = re.compile(
    r"\b(?:e\.?g|typical(?:ly)?|usual(?:ly)?|recommend(?:ed)?|such as|for example|examples?|like|approx(?:imately)?"
    r"|about|roughly|around|etc|similar|suggested|ideal(?:ly)?|normally|often|commonly|defaults?)\b|\.\.\.|~|≈",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"\([^()]*\)")


class Phrase(NamedTuple):
    """One phrase about a constraint."""

    kind: ConstraintKind
    start: int
    end: int
    fields: Mapping[str, Json] = NO_FIELDS
    """What it means, by the names of `Parameter`'s fields; empty: no rule says."""
    doubt: str = ""
    """Why it may mean something else; empty: it is sure."""


class Around(NamedTuple):
    """What a phrase stands in."""

    is_bracketed: bool
    text: str
    """What stands in the same brackets; where it stands in none, the whole text but what is in brackets."""
    before: str
    """The part of the brackets, or of the whole text, before the phrase."""


def around(text: str, match: re.Match[str]) -> Around:
    """What a phrase stands in."""
    start, end = text.rfind("(", 0, match.start() + 1), text.find(")", match.start())
    if start >= 0 and end >= 0 and ")" not in text[start : match.start()]:
        inside = text[start + 1 : max(end, match.end())]
        return Around(is_bracketed=True, text=inside, before=text[start + 1 : match.start()])
    return Around(is_bracketed=False, text=_BRACKETS.sub("", text), before=text[: match.start()])


def hedges(text: str) -> bool:
    """Whether a text says that it gives examples, or what is usual or advised."""
    return bool(_HEDGE.search(text))


def sizes(match: re.Match[str]) -> tuple[int | None, int | None]:
    """The least and the most of a match of `SIZE`."""
    if match["exact"]:
        return int(match["exact"]), int(match["exact"])
    low, high = match["low"] or match["least"], match["high"] or match["most"]
    return int(low) if low else None, int(high) if high else None
