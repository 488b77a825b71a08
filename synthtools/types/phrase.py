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
"""The doubt about a phrase which itself says that it is no constraint, or not always one."""
ALTERNATIVE = "it names an alternative"
"""The doubt about a phrase beside which another way to give the value is named."""

LEAST = r"minimum|min\.?|at least|no less than|not less than|>=|≥"
MOST = r"maximum|max\.?|at most|up to|no more than|not more than|<=|≤"
TO = r"\s?(?:-|–|—|to)\s?"
SIZE = (
    rf"(?:(?P<low>\d+){TO}(?P<high>\d+)|(?:{LEAST})(?: of)? (?P<least>\d+)|(?:{MOST})(?: of)? (?P<most>\d+)"
    r"|(?<![\w.-])(?P<exact>\d+))[ -]"
)
"""A count before its unit: `2-5 `, `at least 2 `, `up to 5 `, `5-`."""
OPEN_SIZE = (
    r"(?:,? (?:(?P<upward>or (?:more|longer)|minimum|min\b|at least|at minimum)"
    r"|(?P<downward>or (?:fewer|less|shorter)|maximum|max\b|at most|at maximum)))?"
)
"""What may follow an exact count and its unit, and make it a least or a most: ` or more`, ` maximum`."""

_HEDGE = re.compile(
    r"\b(?:e\.?g|typical(?:ly)?|usual(?:ly)?|recommend(?:ed)?|such as|for example|examples?|like|approx(?:imately)?"
    r"|about|roughly|around|etc|similar|suggested|ideal(?:ly)?|normally|often|commonly|defaults?)\b|\.\.\.|~|≈",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"\([^()]*\)")
_RARELY = r"unless|except|otherwise|depends|depending|varies"
_RARE = re.compile(rf"\b(?:{_RARELY})\b", re.IGNORECASE)
_SOMETIMES = re.compile(
    rf"\b(?:{_RARELY}|if|when|for|per|each|every|during|in (?:the|most|some|summer|winter|spring|autumn)"
    r"|on (?:\w+days?|weekends|holidays))\b",
    re.IGNORECASE,
)
_OR = re.compile(r"\bor\b(?! (?:null|none|empty)\b)", re.IGNORECASE)
_OR_THEN = re.compile(r"^\)?['\"]?(?:[ -][\w%-]+){0,2},? or\b(?! (?:null|none|empty)\b)", re.IGNORECASE)
_SOMETIMES_THEN = re.compile(rf"^(?:[ -][\w%-]+){{0,2}},? {_SOMETIMES.pattern}", re.IGNORECASE)


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
    """The text around a phrase."""

    is_bracketed: bool
    text: str
    """What stands in the same brackets; where it stands in none, the whole text but what is in brackets."""
    before: str
    """The part of the brackets, or of the whole text, before the phrase."""


def around(text: str, match: re.Match[str]) -> Around:
    """The text around a phrase."""
    start, end = text.rfind("(", 0, match.start() + 1), text.find(")", match.start())
    if start >= 0 and end >= 0 and ")" not in text[start : match.start()]:
        inside = text[start + 1 : max(end, match.end())]
        return Around(is_bracketed=True, text=inside, before=text[start + 1 : match.start()])
    return Around(is_bracketed=False, text=_BRACKETS.sub("", text), before=text[: match.start()])


def hedges(text: str) -> bool:
    """Whether a text says that it gives examples, or what is usual or advised."""
    return bool(_HEDGE.search(text))


def condition(text: str, match: re.Match[str], end: int, *, is_count: bool) -> str:
    """Why a phrase may hold only at times, or be one of two ways; empty: it always holds.

    Args:
        text: The description.
        match: The phrase.
        end: Where the part of the phrase ends that gives the value; its unit and what follows may name a condition.
        is_count: Whether `for`, `per` and the like beside it, outside of brackets too, limit when it holds; a code or
            a day is often said to be for something.
    """
    place, rest = around(text, match), text[end:]
    if place.is_bracketed:
        inside, _, after = rest.partition(")")
        conditional = _SOMETIMES.search(place.before) or _SOMETIMES.search(inside) or _RARE.search(after)
        alternative = _OR.search(inside) or _OR.search(place.before) or _OR_THEN.match(")" + after)
    else:
        conditional = _RARE.search(rest) or (is_count and _SOMETIMES_THEN.match(rest))
        alternative = _OR_THEN.match(rest)
    if conditional:
        return "it may hold only at times"
    return ALTERNATIVE if alternative else ""


def odd_size(text: str, match: re.Match[str]) -> str:
    """Why a match of `SIZE` and `OPEN_SIZE` may not be a text's or an array's own size; empty: it is."""
    is_open = bool(match["upward"] or match["downward"])
    if is_open and not match["exact"]:
        return "its bounds are said in two ways"
    place = around(text, match)
    if match["exact"] and not is_open and place.is_bracketed and text[match.end() : match.end() + 1] not in ("", ")"):
        return "something follows an exact count"
    return condition(text, match, match.end(), is_count=True)


def sizes(match: re.Match[str]) -> tuple[int | None, int | None]:
    """The least and the most of a match of `SIZE`, its unit and `OPEN_SIZE`."""
    if match["exact"]:
        exact = int(match["exact"])
        return None if match["downward"] else exact, None if match["upward"] else exact
    low, high = match["low"] or match["least"], match["high"] or match["most"]
    return int(low) if low else None, int(high) if high else None
