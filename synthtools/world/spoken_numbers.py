"""Numbers as people write and say them: in digits or words, with scales, halves and signs, as amounts of money."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_WORD_VALUES = {
    **{word: value for value, word in enumerate(_SMALL)},
    **{word: 10 * value for value, word in enumerate(_TENS, start=2)},
    "dozen": 12,
    "once": 1,
    "twice": 2,
    "single": 1,
    "half": 0.5,
}
_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh"),
    *("twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth"),
)
_ROUND_ORDINALS = {20: "twentieth", 30: "thirtieth"}
_SUFFIXES = {"k": 1000, "m": 1_000_000, "%": 0.01}
_NUMBER = re.compile(
    r"(?<![\w.])(?<!\w-)(?<![\w][:/])[-+]?(?:\d{1,3}(?:[, ']\d{3})+|\d+)(?P<decimals>\.\d+)?"
    r"\s?(?P<suffix>%|percent\b|k\b|m\b|thousand\b|million\b)?(?![\w])(?![:/.-]\d)(?!\s?p\.?m\b)"
)
_CODES = "usd|eur|gbp|chf|inr|cad|aud|nzd|sek|nok|dkk|pln"
_BEFORE = rf"(?:[$€£₹]|\b(?:{_CODES}|rs\.?))\s?"
_UNIT = rf"(?:dollars?|euros?|pounds?|bucks|quid|francs|rupees?|kron[eo]r|kr|{_CODES})\b"
_AFTER = rf"(?:\s?[$€£₹]|[\s-]?{_UNIT})"
_DECIMAL_COMMA = r"(?<![\w.,])(?:\d{1,3}(?:\.\d{3})+|\d+),\d{2}(?![\w])(?![.,]\d)"
_COMMA_MONEY = re.compile(rf"(?:(?<=[$€£₹])|(?<=[$€£₹] )){_DECIMAL_COMMA}|{_DECIMAL_COMMA}(?={_AFTER})")
_AND_CENTS = re.compile(rf" {_UNIT}(?: and|,)? (?P<count>\d{{1,2}}|[a-z]+(?:[- ][a-z]+)?) (?:cents?|pence)\b")
_FRACTIONS = {r"\bthree[- ]quarters\b(?= of| an?\b|[.,;!?]|$)": 0.75, r"\ba couple of\b": 2.0}


class SaidNumber(NamedTuple):
    """A number that a text says."""

    value: float
    quote: str
    """How the text says it."""
    decimals: int
    """Digits after the point."""


class _Span(NamedTuple):
    number: SaidNumber
    start: int
    end: int


def numbers_in(text: str) -> list[SaidNumber]:
    """Every number of a text in lower case whose dates are left out."""
    comma = [
        _Span(SaidNumber(float(match.group().replace(".", "").replace(",", ".")), match.group(), 2), *match.span())
        for match in _COMMA_MONEY.finditer(text)
    ]
    rest = _COMMA_MONEY.sub(lambda match: " " * len(match.group()), text)
    plain = [*comma, *_in_digits(rest), *_spans_in_words(rest)]
    found = [span.number for span in plain]
    for number, start, end in plain:
        if text.startswith(" and a half", end):
            found.append(SaidNumber(number.value + 0.5, text[start : end + len(" and a half")], 1))
        cents = _AND_CENTS.match(text, end)
        count = number_of(cents["count"]) if cents else None
        if cents and count is not None and count < 100 and not number.decimals:
            found.append(SaidNumber(number.value + count / 100, text[start : cents.end()], 2))
        if re.search(r"\bminus $", text[:start]):
            found.append(SaidNumber(-number.value, f"minus {number.quote}", number.decimals))
    for pattern, value in _FRACTIONS.items():
        found += [SaidNumber(value, match.group(), 0) for match in re.finditer(pattern, text)]
    return found


def is_money(text: str, quote: str) -> bool:
    """Whether a currency stands beside a number of a text in lower case, or in its quote."""
    number = rf"(?<![\w.]){re.escape(quote)}(?!\w|[.,]\d)"
    near = rf"{_BEFORE}{number}|{number}{_AFTER}"
    return re.search(near, text) is not None or re.search(rf" {_UNIT}", quote) is not None


def number_of(word: str) -> int | None:
    """The whole number that a word is, in digits or letters: `12`, `twelve`; None where it is none."""
    if word.isdecimal():
        return int(word)
    number = next((span.number.value for span in _spans_in_words(word) if span.number.quote == word), None)
    return int(number) if number is not None and number.is_integer() else None


def in_words(number: int) -> str:
    """A whole number below 100 in words."""
    if number < len(_SMALL):
        return _SMALL[number]
    tens, rest = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{_SMALL[rest]}" if rest else "")


def ordinals(number: int) -> Iterator[str]:
    """How people write a place from 1 to 39: `3rd`, `third`."""
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number not in (11, 12, 13) else 0, "th")
    yield f"{number}{suffix}"
    if number in _ROUND_ORDINALS:
        yield _ROUND_ORDINALS[number]
    elif number <= len(_ORDINALS):
        yield _ORDINALS[number - 1]
    elif number < 40:
        tens, rest = divmod(number, 10)
        yield f"{_TENS[tens - 2]}-{_ORDINALS[rest - 1]}"


def _in_digits(text: str) -> Iterator[_Span]:
    for match in _NUMBER.finditer(text):
        decimals = max(0, len(match["decimals"] or "") - 1)
        suffix = (match["suffix"] or "").replace("percent", "%")
        quote = match.group().strip()
        digits = re.sub(r"[, ']", "", quote.removesuffix(match["suffix"] or "").strip())
        if len(digits) > 300:
            continue
        number = float(digits)
        if suffix not in _SCALES:
            yield _Span(SaidNumber(number, quote, decimals), *match.span())
        if suffix:
            scaled = number * {**_SUFFIXES, **_SCALES}[suffix]
            yield _Span(SaidNumber(scaled, quote, decimals), *match.span())


def _spans_in_words(text: str) -> Iterator[_Span]:
    """Numbers such as `twenty-five`, `two hundred and five`, `a dozen`."""
    total, current, start, end = 0.0, 0.0, -1, -1
    tokens = [(match.group(), *match.span()) for match in re.finditer(r"[a-z]+|[^a-z\s-]+", text)]
    for word, begins, ends in [*tokens, (".", len(text), len(text))]:
        said = start >= 0
        if word in _WORD_VALUES:
            value = float(_WORD_VALUES[word])
            # `two three` are two numbers; `twenty three` is one.
            if said and not (current % 100 >= 20 and value < 10) and current % 100 and word != "dozen":
                yield _Span(SaidNumber(total + current, text[start:end], 0), start, end)
                total, current, said = 0.0, 0.0, False
            current = max(1.0, current) * value if word == "dozen" else current + value
            start, end = (start if said else begins), ends
        elif word in _SCALES and (said or word == "hundred"):
            scale = _SCALES[word]
            if scale == 100:
                current = max(1.0, current) * scale
            else:
                total, current = total + max(1.0, current) * scale, 0.0
            start, end = (start if said else begins), ends
        elif not (said and word == "and"):
            if said:
                yield _Span(SaidNumber(total + current, text[start:end], 0), start, end)
            total, current, start, end = 0.0, 0.0, -1, -1
