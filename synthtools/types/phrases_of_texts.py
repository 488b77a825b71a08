"""Phrases about texts: `(2-50 characters)`, `in YYYY-MM-DD format`, `ISO 4217 currency code`; and counts of items."""

import re
from collections.abc import Iterator, Mapping

from synthtools.types.phrase import HEDGED, NO_FIELDS, SIZE, TO, Phrase, around, hedges, sizes
from synthtools.types.record import Json

_LENGTH = re.compile(rf"{SIZE}(?P<unit>characters?|chars?|digits?|words?|sentences?|paragraphs?)\b", re.IGNORECASE)
_ITEMS = re.compile(rf"\({SIZE}(?:items?|entries|elements?|values?)\b", re.IGNORECASE)
_BARE_RANGE = re.compile(rf"\(\d+{TO}\d+\)")
_LONGEST_NUMBER = 8
"""Digits; longer numbers are often written in groups."""
_UNIT_OF_TIME = r"(?:YYYY|YY|MM|DD|HH|SS)"
_TEMPLATE = re.compile(rf"(?<![\w/-]){_UNIT_OF_TIME}(?:(?:[-/:.]| |T){_UNIT_OF_TIME})+(?![\w/])", re.IGNORECASE)
_ISO_DATE = re.compile(
    r"\bISO[ -]?8601\b(?P<other> durations?| intervals?| weeks?| time of day)?"
    r"|\bISO (?:date|datetime|date-time|timestamp|format)\b|\bdate-time format\b",
    re.IGNORECASE,
)
_CODES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(code, re.IGNORECASE), pattern)
    for code, pattern in (
        (r"\bISO[ -]?4217\b", "^[A-Za-z]{3}$"),
        (r"\bISO[ -]?3166(?:-1)?,? alpha-?2\b|\bISO[ -]?639-1\b|\b(?:two|2)-letter\b", "^[A-Za-z]{2}$"),
        (r"\bISO[ -]?3166(?:-1)?,? alpha-?3\b|\b(?:three|3)-letter\b", "^[A-Za-z]{3}$"),
        (r"\bE\.164\b", r"^\+[0-9]{2,15}$"),
        (r"\b(?:colou?rs?|palette)\b[^()]* in hex(?:adecimal)? format\b", "^#?([0-9A-Fa-f]{3,4}){1,2}$"),
    )
)
"""Codes by their standards, with what is common to their spellings."""
_SOME_CODE = re.compile(r"\bISO (?:country|language|currency) codes?\b", re.IGNORECASE)
_OR = re.compile(r"\bor\b", re.IGNORECASE)
_A_SPAN = "a span of time is no single date"
_SPANS = re.compile(r"\b(?:(?:date|time) (?:ranges?|spans?)|intervals?|durations?)\b", re.IGNORECASE)


def lengths(text: str) -> Iterator[Phrase]:
    """How many characters or digits a text has; words and sentences have no field."""
    for match in _LENGTH.finditer(text):
        place = around(text, match)
        if match["exact"] and not place.is_bracketed:
            continue  # "the last 4 digits of the card", "a line of 80 characters"
        unit, (low, high) = match["unit"].lower(), sizes(match)
        doubt = HEDGED if hedges(place.text) else ""
        fields: Mapping[str, Json] = NO_FIELDS
        if unit.startswith("char"):
            fields = {key: value for key, value in (("min_length", low), ("max_length", high)) if value is not None}
        elif unit.startswith("digit"):
            fields = {"pattern": f"^[0-9]{{{low or 0},{high or ''}}}$"}
            if high is None or high > _LONGEST_NUMBER:
                doubt = doubt or "a long number may be written in groups"
        yield Phrase("length", *match.span(), fields, doubt)


def item_counts(text: str, *, is_numeric: bool) -> Iterator[Phrase]:
    """How many items an array has; a bare range is about the items themselves where they are numbers."""
    for match in _ITEMS.finditer(text):
        low, high = sizes(match)
        fields = {key: value for key, value in (("min_items", low), ("max_items", high)) if value is not None}
        yield Phrase("items", *match.span(), fields, HEDGED if hedges(around(text, match).text) else "")
    if not is_numeric:
        for match in _BARE_RANGE.finditer(text):
            yield Phrase("items", *match.span(), doubt="it does not say of what")


def dates(text: str) -> Iterator[Phrase]:
    """A day or a time, by a template or by ISO 8601."""
    for match in _TEMPLATE.finditer(text):
        template = match[0].upper()
        fields: Mapping[str, Json] = {"pattern": "^" + re.sub("[YMDHS]", "[0-9]", template.replace(".", "[.]")) + "$"}
        if template == "YYYY-MM-DD":
            fields = {"format": "date"}
        elif template.startswith("YYYY-MM-DDT"):
            fields = {"format": "date-time"}
        doubt = _doubt(text, match) or (_A_SPAN if "format" in fields and _SPANS.search(text) else "")
        yield Phrase("date", *match.span(), fields, doubt)
    for match in _ISO_DATE.finditer(text):
        fields = NO_FIELDS if match["other"] else {"format": "date-time"}
        doubt = _doubt(text, match) or (_A_SPAN if fields and _SPANS.search(text) else "")
        yield Phrase("date", *match.span(), fields, doubt)


def codes(text: str) -> Iterator[Phrase]:
    """Codes of a standard."""
    is_known = False
    for code, pattern in _CODES:
        for match in code.finditer(text):
            is_known = True
            yield Phrase("pattern", *match.span(), {"pattern": pattern}, _doubt(text, match))
    for match in () if is_known else _SOME_CODE.finditer(text):
        yield Phrase("pattern", *match.span(), doubt="it has two letters, or three, or digits")


def _doubt(text: str, match: re.Match[str]) -> str:
    """Why a notation may be one of several; empty: it is the one."""
    place = around(text, match)
    if hedges(place.before):
        return HEDGED
    return "it names an alternative" if _OR.search(place.text) else ""
