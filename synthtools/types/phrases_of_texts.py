"""Phrases about texts: `(2-50 characters)`, `in YYYY-MM-DD format`, `ISO 4217 currency code`; and counts of items."""

import re
from collections.abc import Iterator, Mapping

from synthtools.types.phrase import (
    ALTERNATIVE,
    HEDGED,
    NO_FIELDS,
    OPEN_SIZE,
    SIZE,
    TO,
    Phrase,
    around,
    condition,
    hedges,
    odd_size,
    sizes,
)
from synthtools.types.record import Json

_LENGTH = re.compile(
    rf"{SIZE}(?P<unit>characters?|chars?|digits?|words?|sentences?|paragraphs?)\b{OPEN_SIZE}", re.IGNORECASE
)
_ITEMS = re.compile(rf"\({SIZE}(?:items?|entries|elements?|values?)\b{OPEN_SIZE}", re.IGNORECASE)
_BARE_RANGE = re.compile(rf"\(\d+{TO}\d+\)")
_LONGEST_NUMBER = 8
"""Digits; longer numbers are often written in groups."""
_UNIT_OF_TIME = r"(?:YYYY|YY|MM|DD|HH|SS)"
_TEMPLATE = re.compile(
    rf"(?<![\w/-]){_UNIT_OF_TIME}(?:(?:[-/:.]| |T){_UNIT_OF_TIME})+Z?(?![\w/]|[-:.,+]\w)", re.IGNORECASE
)
_ISO_DATE = re.compile(
    r"\bISO[ -]?8601\b(?P<other> durations?| intervals?| periods?| weeks?| months?| years?| time of day| times?\b)?"
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
_MORE = re.compile(r"^[\s,)'\"]*(?:[\w.]+ ){0,2}(?:with|without|followed by|and|plus|optional(?:ly)?)\b", re.IGNORECASE)
_HALF_DAYS = re.compile(r"\b[ap]\.?m\b|\b12-?hour\b|\b(?:UTC|GMT|Z|time ?zone)\b", re.IGNORECASE)
"""What a time has beside its template's hours."""
_NAMED_DAY = re.compile(
    r"['\"](?:now|today|tomorrow|yesterday|latest|current|asap|never|always|all|any)['\"]", re.IGNORECASE
)
_QUOTED = re.compile(r"['\"]([\w-]+)['\"]")
_LONGER = re.compile(r"\b[A-Za-z]{2,3}[-/_][A-Z]{2,3}\b")
"""An example that is made of two codes: `en-US`, `EUR/USD`."""
_JOINED = re.compile(r"\b(?:separated|delimited|pairs?)\b", re.IGNORECASE)
_SEVERAL = re.compile(
    r"\b(?:lists?|separated|delimited|pairs?|series|arrays?|several|multiple|codes|dates|timestamps|colou?rs)\b",
    re.IGNORECASE,
)
"""Words of a text that holds more than one of them."""
_NOT_ALL = "it may not be the whole value"
_A_LIST = "it may hold several"
_A_SPAN = "a span of time is no single date"
_SPANS = re.compile(r"\b(?:(?:date|time) (?:ranges?|spans?)|intervals?|durations?)\b", re.IGNORECASE)


def lengths(text: str) -> Iterator[Phrase]:
    """How many characters or digits a text has; words and sentences have no field."""
    for match in _LENGTH.finditer(text):
        place = around(text, match)
        if match["exact"] and not place.is_bracketed:
            continue  # "the last 4 digits of the card", "a line of 80 characters"
        unit, (low, high) = match["unit"].lower(), sizes(match)
        doubt = HEDGED if hedges(place.text) else odd_size(text, match) or _several(text, is_array=False)
        fields: Mapping[str, Json] = NO_FIELDS
        if unit.startswith("char"):
            fields = {key: value for key, value in (("min_length", low), ("max_length", high)) if value is not None}
        elif unit.startswith("digit"):
            fields = {"pattern": f"^[0-9]{{{low or 0},{high or ''}}}$"}
            if high is None or high > _LONGEST_NUMBER:
                doubt = doubt or "a long number may be written in groups"
            elif _MORE.match(text[match.end() :]):
                doubt = doubt or _NOT_ALL
        yield Phrase("length", *match.span(), fields, doubt if fields else "")


def item_counts(text: str, *, is_numeric: bool) -> Iterator[Phrase]:
    """How many items an array has; a bare range is about the items themselves where they are numbers."""
    for match in _ITEMS.finditer(text):
        low, high = sizes(match)
        fields = {key: value for key, value in (("min_items", low), ("max_items", high)) if value is not None}
        doubt = HEDGED if hedges(around(text, match).text) else odd_size(text, match)
        yield Phrase("items", *match.span(), fields, doubt)
    if not is_numeric:
        for match in _BARE_RANGE.finditer(text):
            yield Phrase("items", *match.span(), doubt="it does not say of what")


def dates(text: str, *, is_array: bool) -> Iterator[Phrase]:
    """A day or a time, by a template or by ISO 8601."""
    named = ALTERNATIVE if _NAMED_DAY.search(text) else ""
    templates = list(_TEMPLATE.finditer(text))
    for match in templates:
        template = match[0].upper()
        fields: Mapping[str, Json] = {"pattern": "^" + re.sub("[YMDHS]", "[0-9]", template.replace(".", "[.]")) + "$"}
        if template == "YYYY-MM-DD":
            fields = {"format": "date"}
        elif template.startswith("YYYY-MM-DDT"):
            fields = {"format": "date-time"}
        doubt = named or _doubt(text, match, is_array=is_array) or (_A_LIST if len(templates) > 1 else "")
        if "format" in fields:
            doubt = doubt or (_A_SPAN if _SPANS.search(text) else "")
        elif "HH" in template and _HALF_DAYS.search(text):
            doubt = doubt or _NOT_ALL
        yield Phrase("date", *match.span(), fields, doubt)
    for match in _ISO_DATE.finditer(text):
        fields = NO_FIELDS if match["other"] else {"format": "date-time"}
        doubt = named or _doubt(text, match, is_array=is_array) or (_A_SPAN if fields and _SPANS.search(text) else "")
        yield Phrase("date", *match.span(), fields, doubt)


def codes(text: str, *, is_array: bool) -> Iterator[Phrase]:
    """Codes of a standard."""
    is_known = False
    for code, pattern in _CODES:
        for match in code.finditer(text):
            is_known = True
            doubt = _doubt(text, match, is_array=is_array) or (_NOT_ALL if _LONGER.search(text) else "")
            if not all(re.match(pattern, value) for value in _QUOTED.findall(text)):
                doubt = doubt or ALTERNATIVE
            yield Phrase("pattern", *match.span(), {"pattern": pattern}, doubt)
    for match in () if is_known else _SOME_CODE.finditer(text):
        yield Phrase("pattern", *match.span(), doubt="it has two letters, or three, or digits")


def _doubt(text: str, match: re.Match[str], *, is_array: bool) -> str:
    """Why a notation may be one of several, or not the whole value; empty: it is the one."""
    place = around(text, match)
    if hedges(place.before):
        return HEDGED
    if _OR.search(place.text):
        return ALTERNATIVE
    if _MORE.match(text[match.end() :]):
        return _NOT_ALL
    return condition(text, match, match.end(), is_count=False) or _several(text, is_array=is_array)


def _several(text: str, *, is_array: bool) -> str:
    """Whether one value holds more than one of what a text tells of."""
    return _A_LIST if (_JOINED if is_array else _SEVERAL).search(text) else ""
