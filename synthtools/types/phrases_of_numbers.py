"""Phrases about numbers: `(1-100)`, `from 1 (low) to 5 (high)`, `must be positive`, `(24, 30, 60 fps)`."""

import re
from collections.abc import Iterator

from synthtools.types.phrase import HEDGED, LEAST, MOST, TO, Phrase, around, hedges
from synthtools.types.record import Json

_N = r"[-+−]?\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?"
_UNIT = r"(?P<unit>\s?%|\s[a-z]+)?"
_RANGE = re.compile(
    rf"(?<![\w./:-])(?P<low>{_N})(?:{TO}|\sand\s)(?P<high>{_N})(?![\d.,/:-]*[\d/:]|[a-z]|-[a-z]){_UNIT}", re.IGNORECASE
)
_GLOSSED = re.compile(rf"\bfrom (?P<low>{_N}) \([^()]*\) to (?P<high>{_N})(?P<unit>)(?: \([^()]*\))?", re.IGNORECASE)
_SPOKEN = re.compile(
    r"\b(?:between|from|score|rating|level|quality|scale|range|satisfaction)(?: of)?:? $", re.IGNORECASE
)
_BOUND = re.compile(
    rf"(?:\((?:must be |should be )?|\bmust be )(?:(?P<least>{LEAST})|(?P<most>{MOST})"
    r"|(?P<over>greater than|more than|above|>)|(?P<under>less than|below|under|<))"
    rf"(?: value)?(?: of)?:?\s?(?P<value>{_N})(?P<unit>\s?%|\s?[a-z]+)?",
    re.IGNORECASE,
)
_SIGN = re.compile(
    r"(?P<zero>\bnon-?negative\b|\b(?:0|zero) or (?:a )?positive(?: integer| number)?\b|\(0-based\))"
    r"|(?P<one>(?:\(|\bmust be )(?:must be )?(?:a )?positive(?: integer| number| value)?(?=\)|\.|$)"
    r"|^(?:a )?positive (?:integer|number)\b|\(1-based\))",
    re.IGNORECASE,
)
_VALUES = re.compile(
    rf"\((?:typically |usually )?(?P<values>{_N}(?:,? (?:or )?{_N})+)(?P<more>[^()]*)\)", re.IGNORECASE
)
_UNIT_OF_VALUES = re.compile(r"( (?:fps|Hz|kHz|dpi|kbps|bits?|px|pixels|degrees|percent))?")
_CHARACTERS = re.compile(r" ?(?:digit|char|word|letter|sentence)", re.IGNORECASE)
_MEASURED = re.compile(r"\b(?:length|limit|count|number of|size)\b", re.IGNORECASE)
_SPECIAL = re.compile(r"(?<![\w.-])(-?\d+)\s?(?:=|for|means|to|removes)\s?(?=[a-z])", re.IGNORECASE)
_TIME = re.compile(r"\b(second|minute|hour|day|week|month|year)s?\b", re.IGNORECASE)


def ranges(text: str, *, is_integer: bool) -> Iterator[Phrase]:
    """Two bounds: in brackets, or after a word that says that bounds follow."""
    for pattern in (_GLOSSED, _RANGE):
        for match in pattern.finditer(text):
            place = around(text, match)
            if not (pattern is _GLOSSED or place.is_bracketed or _SPOKEN.search(text[: match.start()])):
                continue
            low, high = _number(match["low"]), _number(match["high"])
            doubt = HEDGED if hedges(place.text) else _doubt(text, match["unit"], (low, high), is_integer=is_integer)
            if low >= high:
                doubt = doubt or "its bounds are no range"
            yield Phrase("range", *match.span(), {"minimum": low, "maximum": high}, doubt)


def bounds(text: str, *, is_integer: bool) -> Iterator[Phrase]:
    """One bound. A number has no open bounds: `more than 0` is lifted as at least 0, which refuses nothing good."""
    step = 1 if is_integer else 0
    for match in _BOUND.finditer(text):
        value = _number(match["value"])
        fields: dict[str, Json] = {}
        if match["least"] or match["over"]:
            fields["minimum"] = value + step if match["over"] else value
        else:
            fields["maximum"] = value - step if match["under"] else value
        if hedges(around(text, match).text):
            doubt = HEDGED
        elif match["unit"] and not match["unit"].startswith((" ", "%")):
            doubt = "its unit is written into the number"
        else:
            doubt = _doubt(text, match["unit"], (value,), is_integer=is_integer)
        yield Phrase("bound", *match.span(), fields, doubt)
    for match in _SIGN.finditer(text):
        yield Phrase("bound", *match.span(), {"minimum": 1 if match["one"] and is_integer else 0})


def number_choices(text: str) -> Iterator[Phrase]:
    """The values that a number takes, in brackets."""
    for match in _VALUES.finditer(text):
        values: list[Json] = [_number(value) for value in re.findall(_N, match["values"])]
        if hedges(match[0]):
            doubt = HEDGED
        else:
            doubt = "" if _UNIT_OF_VALUES.fullmatch(match["more"]) else "something follows the values"
        yield Phrase("choices", *match.span(), {"enum": values}, doubt)


def _doubt(text: str, unit: str | None, limits: tuple[int | float, ...], *, is_integer: bool) -> str:
    """Why bounds may not be the value's own; empty: they are."""
    if unit and _CHARACTERS.match(unit) and not _MEASURED.search(text):
        return "it counts characters"
    if unit and _TIME.search(unit) and len({word.lower() for word in _TIME.findall(text)}) > 1:
        return "the units differ"
    if is_integer and any(isinstance(limit, float) and not limit.is_integer() for limit in limits):
        return "its bounds are no integers"
    if len(limits) == 2 and any(not limits[0] <= int(value) <= limits[1] for value in _SPECIAL.findall(text)):
        return "a value outside of it has a meaning"
    return ""


def _number(text: str) -> int | float:
    text = text.replace(",", "").replace("−", "-")
    return float(text) if "." in text or "e" in text.lower() else int(text)
