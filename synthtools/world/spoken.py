"""How people say values: whether a text mentions a value, in digits or words, as a date, as money.

Rules only, no model: what they find is there; what they miss may still be a paraphrase.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cached_property

from synthtools.types.record import Json
from synthtools.world.validators import is_date_time, is_day

_MONTHS = (
    ("january", "jan"),
    ("february", "feb"),
    ("march", "mar"),
    ("april", "apr"),
    ("may", "may"),
    ("june", "jun"),
    ("july", "jul"),
    ("august", "aug"),
    ("september", "sep"),
    ("october", "oct"),
    ("november", "nov"),
    ("december", "dec"),
)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
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
_SUFFIXES = {"k": 1000, "m": 1_000_000, "%": 0.01}
_NUMBER = re.compile(
    r"(?<![\w.])(?<!\w-)(?<![\w][:/])[-+]?(?:\d{1,3}(?:[, ']\d{3})+|\d+)(?P<decimals>\.\d+)?"
    r"\s?(?P<suffix>%|percent\b|k\b|m\b)?(?![\w])(?![:/.-]\d)"
)
_ISO_DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}(?:t[\d:.]+(?:z|[+-][\d:]+)?)?", re.ASCII)
_TIME = re.compile(r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?")
_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])")
_YES = re.compile(r"\b(?:yes|true|yep|indeed|affirmative)\b")
_NO = re.compile(r"\b(?:no|not|false|nope|cannot|without|none|never)\b|n't\b")
_NOTHING = re.compile(r"\b(?:no|none|nothing|null|empty|unknown|not|n/a|zero)\b|n't\b")


class SpokenText:
    """A text that is asked for values, prepared once."""

    def __init__(self, text: str, now: str | None = None) -> None:
        """Prepares a text; `now` (ISO 8601) gives `tomorrow` and weekdays their meaning."""
        plain = unicodedata.normalize("NFKC", text).translate(str.maketrans("‘’“”–—", "''\"\"--"))
        self.text = re.sub(r"\s+", " ", plain).casefold().strip()
        """The text in lower case, with plain quotes, dashes and spaces."""
        self.today = datetime.fromisoformat(now).date() if now and is_date_time(now) else None
        """The day of the clock, if there is one."""

    def mention(self, value: Json, *, minor_units: bool = False, loose: bool = False) -> str | None:
        """How the text says a value, or None where it does not.

        Args:
            value: Any JSON value; every item of an array and every value of an object must be said.
            minor_units: Whether an integer may stand for hundredths of what is said (`$19.99` for 1999).
            loose: Whether other forms of the same word count (`cancel` for `cancelled`), as for enum values.
        """
        match value:
            case bool() | None:
                return None
            case int() | float():
                return self._number(float(value), minor_units)
            case str():
                return self._string(value, loose)
            case list() | dict():
                quotes = [
                    self.mention(item, minor_units=minor_units, loose=loose)
                    for item in (value if isinstance(value, list) else value.values())
                ]
                found = [quote for quote in quotes if quote is not None]
                return ", ".join(found) if found and len(found) == len(quotes) else None

    def says(self, value: Json, tolerance: float = 0.0) -> bool:
        """Whether the text, as an answer, gives a value: true as yes, an empty list as none, numbers rounded."""
        match value:
            case bool():
                yes, no = _YES.search(self.text), _NO.search(self.text)
                says_yes = yes is not None and (no is None or yes.start() < no.start())
                return says_yes if value else no is not None and not says_yes
            case None | [] | "":
                return bool(_NOTHING.search(self.text))
            case int() | float():
                cents = isinstance(value, int)
                return self._number(float(value), cents, tolerance, rounded=True) is not None
            case str():
                return self._string(value, loose="_" in value) is not None
            case list():
                return all(self.says(item, tolerance) for item in value)
            case dict():
                return all(self.says(item, tolerance) for item in value.values())

    def mentions_words(self, name: str) -> str | None:
        """How the text says an identifier in words: `notify_customer` by `notify` or `customer`."""
        for word in _words(name):
            found = self._similar_word(word) if len(word) > 3 else None
            if found:
                return found
        return None

    def _string(self, value: str, loose: bool) -> str | None:
        if not value.strip():
            return None
        found = self._phrase(value)
        if found is None and (is_day(value) or is_date_time(value)):
            found = self._moment(value)
        if found is None and _MONTH.fullmatch(value):
            found = self._any(_month_forms(int(value[:4]), int(value[5:])))
        if found is None and _TIME.fullmatch(value):
            found = self._any(_time_forms(int(value.split(":")[0]), int(value.split(":")[1])))
        if found is None and re.fullmatch(r"[-+]?\d+(\.\d+)?", value):
            found = self._number(float(value), minor_units=False)
        if found is None and not any(letter.isdigit() for letter in value):
            found = self._phrase(" ".join(_words(value)))
        if found is None and loose:
            found = self._loosely(value)
        return found

    def _phrase(self, phrase: str) -> str | None:
        """The phrase as whole words, whatever stands between its words."""
        tokens = re.findall(r"\w+|[^\w\s]", unicodedata.normalize("NFKC", phrase).casefold())
        tokens = [token for token in tokens if re.match(r"\w", token) or token in "@#$€£+&"]
        if not tokens:
            return None
        # As it stands first: ORD-1 is neither in ORD-12 nor in ORD-1-2.
        exact = re.escape(re.sub(r"\s+", " ", phrase.casefold().strip()))
        for form in (exact, exact.replace(r"\-", "[- ]?").replace("_", "[_ -]?")):
            match = re.search(rf"(?<!\w)(?<!\w-){form}(?!\w)(?!-\w)(?![.:/]\d)", self.text)
            if match is not None:
                return match.group()
        if any(letter.isdigit() for letter in phrase):
            return None
        between = r"[^\w]{1,3}"
        pattern = between.join(map(re.escape, tokens))
        match = re.search(rf"(?<!\w){pattern}(?!\w)", self.text) if len(tokens) < 400 else None
        return match.group() if match else None

    def _loosely(self, value: str) -> str | None:
        found = [self._similar_word(word) for word in _words(value)]
        said = [word for word in found if word is not None]
        return " ".join(said) if said and len(said) == len(found) else None

    def _similar_word(self, word: str) -> str | None:
        for other in self._all_words:
            if other == word:
                return other
            common = next((i for i, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), None)
            common = min(len(word), len(other)) if common is None else common
            if common >= 4 and common >= 0.75 * min(len(word), len(other)) and abs(len(word) - len(other)) <= 5:
                return other
        return None

    @cached_property
    def _all_words(self) -> list[str]:
        return re.findall(r"[^\W\d_]+", self.text)

    def _number(self, value: float, minor_units: bool, tolerance: float = 0.0, *, rounded: bool = False) -> str | None:
        for said, quote, decimals in self.numbers:
            rounding = 0.5 * 10.0**-decimals if rounded and decimals >= 2 and value % 1 else 0.0
            if abs(said - value) <= max(tolerance, rounding, 1e-9 * abs(value)):
                return quote
            if minor_units and abs(said * 100 - value) < 1e-6 and (decimals == 2 or self.is_money(quote)):
                return quote
        return None

    def is_money(self, quote: str) -> bool:
        """Whether a currency stands beside a number of the text."""
        number = rf"(?<![\w.]){re.escape(quote)}(?!\w|[.,]\d)"
        near = rf"[$€£]\s?{number}|{number}\s?(?:[$€£]|dollar|euro|pound|usd|eur|gbp)"
        return re.search(near, self.text) is not None

    @cached_property
    def numbers(self) -> list[tuple[float, str, int]]:
        """Every number in the text: value, quote, digits after the point."""
        text = _ISO_DAY.sub(" ", self.text)
        found: list[tuple[float, str, int]] = []
        for match in _NUMBER.finditer(text):
            decimals = match["decimals"] or ""
            suffix = (match["suffix"] or "").replace("percent", "%")
            quote = match.group().strip()
            digits = re.sub(r"[, ']", "", quote.removesuffix(match["suffix"] or "").strip())
            if len(digits) > 300:
                continue
            number = float(digits)
            found.append((number, quote, max(0, len(decimals) - 1)))
            if suffix:
                found.append((number * _SUFFIXES[suffix], quote, max(0, len(decimals) - 1)))
        return [*found, *_numbers_in_words(text)]

    def _moment(self, value: str) -> str | None:
        """A date, and its time unless it has none or midnight."""
        moment = datetime.fromisoformat(value)
        said = self._any(self._date_forms(moment.date()))
        if said is None or is_day(value) or (moment.hour, moment.minute) == (0, 0):
            return said
        time = self._any(_time_forms(moment.hour, moment.minute))
        return f"{said}, {time}" if time else None

    def _date_forms(self, day: date) -> Iterator[str]:
        yield day.isoformat()
        full, short = _MONTHS[day.month - 1]
        ordinal = {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10 if day.day not in (11, 12, 13) else 0, "th")
        for number in (str(day.day), f"{day.day}{ordinal}", f"{day.day:02d}"):
            for month in (full, f"{short}.", short):
                yield f"{month} {number}"
                yield f"{number} {month}"
                yield f"{number} of {month}"
        for mark in "/.-":
            for day_text, month_text in ((f"{day.day}", f"{day.month}"), (f"{day.day:02d}", f"{day.month:02d}")):
                for year in (f"{day.year}", f"{day.year % 100:02d}"):
                    yield mark.join((day_text, month_text, year))
                    yield mark.join((month_text, day_text, year))
        yield f"{day.year}/{day.month:02d}/{day.day:02d}"
        if self.today is not None:
            yield from _relative_forms(day, self.today)

    def _any(self, forms: Iterator[str]) -> str | None:
        for form in forms:
            match = re.search(rf"(?<![\w]){re.escape(form)}(?![\w])", self.text)
            if match:
                return match.group()
        return None


def _relative_forms(day: date, today: date) -> Iterator[str]:
    named = {0: ("today", "tonight"), 1: ("tomorrow",), -1: ("yesterday",), 2: ("the day after tomorrow",)}
    distance = (day - today).days
    yield from named.get(distance, ())
    if 0 < distance <= 14:
        yield from (f"in {distance} days", f"in {_in_words(distance)} days")
        weekday = _WEEKDAYS[day.weekday()]
        yield f"next {weekday}"
        if distance <= 7:
            yield weekday
    if distance == 7:
        yield from ("in a week", "a week from today", "a week from now")
    if -7 <= distance < 0:
        yield f"last {_WEEKDAYS[day.weekday()]}"
        yield from (f"{-distance} days ago", f"{_in_words(-distance)} days ago")
    if day - today == timedelta(days=14):
        yield "in two weeks"


def _month_forms(year: int, month: int) -> Iterator[str]:
    full, short = _MONTHS[month - 1]
    yield f"{full} {year}"
    yield f"{short} {year}"
    yield full
    yield f"{month:02d}/{year}"
    yield f"{month}/{year}"


def _time_forms(hour: int, minute: int) -> Iterator[str]:
    twelve, half = (hour % 12 or 12), ("am" if hour < 12 else "pm")
    dotted = f"{half[0]}.m."
    yield f"{hour:02d}:{minute:02d}"
    yield f"{hour}:{minute:02d}"
    for suffix in (half, f" {half}", f" {dotted}", dotted):
        yield f"{twelve}:{minute:02d}{suffix}"
        yield f"{twelve}.{minute:02d}{suffix}"
        if minute == 0:
            yield f"{twelve}{suffix}"
    if minute == 0:
        yield from {12: ("noon", "midday"), 0: ("midnight",)}.get(hour, ())
        yield f"{twelve} o'clock"
        yield f"{_in_words(twelve)} o'clock"
    if minute == 30:
        yield f"half past {_in_words(twelve)}"


def _in_words(number: int) -> str:
    if number < len(_SMALL):
        return _SMALL[number]
    tens, rest = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{_SMALL[rest]}" if rest else "")


def number_of(word: str) -> int | None:
    """The whole number that a word is, in digits or letters: `12`, `twelve`; None where it is none."""
    if word.isdecimal():
        return int(word)
    number = next((number for number, said, _ in _numbers_in_words(word) if said == word.replace("-", " ")), None)
    return int(number) if number is not None and number.is_integer() else None


def _numbers_in_words(text: str) -> Iterator[tuple[float, str, int]]:
    """Numbers such as `twenty-five`, `two hundred and five`, `a dozen`."""
    total, current, said = 0.0, 0.0, list[str]()
    for word in [*re.findall(r"[a-z]+|[^a-z\s-]+", text), "."]:
        if word in _WORD_VALUES:
            value = float(_WORD_VALUES[word])
            # `two three` are two numbers; `twenty three` is one.
            if said and not (current % 100 >= 20 and value < 10) and current % 100 and word != "dozen":
                yield total + current, " ".join(said), 0
                total, current, said = 0.0, 0.0, []
            current = max(1.0, current) * value if word == "dozen" else current + value
            said.append(word)
        elif word in _SCALES and (said or word == "hundred"):
            scale = _SCALES[word]
            if scale == 100:
                current = max(1.0, current) * scale
            else:
                total, current = total + max(1.0, current) * scale, 0.0
            said.append(word)
        elif not (said and word == "and"):
            if said:
                yield total + current, " ".join(said), 0
            total, current, said = 0.0, 0.0, []


def _words(identifier: str) -> list[str]:
    """The words of an identifier or phrase, in lower case: `inProgress`, `in_progress` and `in-progress` alike."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", identifier)
    return [word for word in re.split(r"[^\w]+|_", spaced.casefold()) if word]
