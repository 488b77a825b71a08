"""Phrases about numbers: `(1-100)`, `from 1 (low) to 5 (high)`, `must be positive`, `(24, 30, 60 fps)`."""

import re
from collections.abc import Iterator

from synthtools.types.phrase import HEDGED, LEAST, MOST, TO, Phrase, around, condition, hedges
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
_SPECIAL = re.compile(
    r"(?<![\w.-])(-?\d+)\s?(?:=|for|means|to|is|removes|disables|turns|indicates|if|when)\s?(?=[a-z])", re.IGNORECASE
)
_TIME = re.compile(r"\b(second|minute|hour|day|week|month|year)s?\b", re.IGNORECASE)
_MEASURE = re.compile(
    r"\b(?:milli|centi|kilo)?(?:meters?|metres?|km|cm|mm|miles?|feet|foot|inch(?:es)?|kg|lbs?|pounds?|grams?|ounces?"
    r"|celsius|fahrenheit|kelvin|cents?|dollars?|euros?)\b",
    re.IGNORECASE,
)
_SCALED = re.compile(r" (?:hundred|thousand|k|million|m|mn|billion|bn|dozen|lakh|crore)s?$", re.IGNORECASE)
_NUMBERED = re.compile(
    r"\b(?:phone|telephone|mobile|fax|zip|postal|postcode|isbn|ssn|serial|licen[cs]e)\b", re.IGNORECASE
)
"""Labels of numbers that are written with hyphens and counted by nobody."""


def ranges(text: str, *, is_integer: bool) -> Iterator[Phrase]:
    """Two bounds: in brackets, or after a word that says that bounds follow."""
    for pattern in (_GLOSSED, _RANGE):
        for match in pattern.finditer(text):
            place = around(text, match)
            if not (pattern is _GLOSSED or place.is_bracketed or _SPOKEN.search(text[: match.start()])):
                continue
            low, high = _number(match["low"]), _number(match["high"])
            doubt = HEDGED if hedges(place.text) else _doubt(text, match["unit"], low, high, is_integer=is_integer)
            end = match.end("high") if pattern is _RANGE else match.end()
            doubt = doubt or condition(text, match, end, is_count=True)
            if _NUMBERED.search(text[: match.start()]):
                doubt = doubt or "its two numbers may be one"
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
            least, most = fields.get("minimum"), fields.get("maximum")
            doubt = _doubt(text, match["unit"], least, most, is_integer=is_integer)
            doubt = doubt or condition(text, match, match.end("value"), is_count=True)
        yield Phrase("bound", *match.span(), fields, doubt)
    for match in _SIGN.finditer(text):
        least = 1 if match["one"] and is_integer else 0
        doubt = _outside(text, least, None) or condition(text, match, match.end(), is_count=True)
        yield Phrase("bound", *match.span(), {"minimum": least}, doubt)


def number_choices(text: str, *, default: Json, is_array: bool) -> Iterator[Phrase]:
    """The values that a number takes, in brackets.

    Two of them are sure only with an `or` or the default in them, those of an array's items only with the default.
    """
    known = default if isinstance(default, list) else [default]
    for match in _VALUES.finditer(text):
        values: list[Json] = [_number(value) for value in re.findall(_N, match["values"])]
        if hedges(match[0]):
            doubt = HEDGED
        elif not _UNIT_OF_VALUES.fullmatch(match["more"]):
            doubt = "something follows the values"
        else:
            is_list = not is_array and (len(values) > 2 or " or " in match["values"])
            is_sure = is_list or (bool(known) and all(value in values for value in known))
            doubt = "" if is_sure else "its values may be examples"
        yield Phrase("choices", *match.span(), {"enum": values}, doubt)


def _doubt(text: str, unit: str | None, low: Json, high: Json, *, is_integer: bool) -> str:
    """Why bounds may not be the value's own; empty: they are."""
    if unit and _CHARACTERS.match(unit) and not _MEASURED.search(text):
        return "it counts characters"
    if unit and _SCALED.match(unit):
        return "its unit scales the number"
    if unit and any(measure.search(unit) and _names_two(measure, text) for measure in (_TIME, _MEASURE)):
        return "the units differ"
    if is_integer and any(isinstance(limit, float) and not limit.is_integer() for limit in (low, high)):
        return "its bounds are no integers"
    return _outside(text, low, high)


def _names_two(measure: re.Pattern[str], text: str) -> bool:
    """Whether a text names more than one unit of a measure; of one word, the plural is the same unit."""
    return len({match[0].lower().rstrip("s") for match in measure.finditer(text)}) > 1


def _outside(text: str, low: Json, high: Json) -> str:
    """Whether the text gives a value outside of the bounds a meaning of its own."""
    for value in map(int, _SPECIAL.findall(text)):
        if (isinstance(low, int | float) and value < low) or (isinstance(high, int | float) and value > high):
            return "a value outside of it has a meaning"
    return ""


def _number(text: str) -> int | float:
    text = text.replace(",", "").replace("−", "-")
    return float(text) if "." in text or "e" in text.lower() else int(text)
