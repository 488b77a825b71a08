"""Days and times of day as people say them: 4 March, the fifth of May, tomorrow, half past two, 9 am."""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from synthtools.world.spoken_numbers import in_words, ordinals

_MONTHS = (
    ("january", "jan"),
    ("february", "feb"),
    ("march", "mar"),
    ("april", "apr"),
    ("may", "may"),
    ("june", "jun"),
    ("july", "jul"),
    ("august", "aug"),
    ("september", "sept", "sep"),
    ("october", "oct"),
    ("november", "nov"),
    ("december", "dec"),
)
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ISO_DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}(?:t[\d:.]+(?:z|[+-][\d:]+)?)?", re.ASCII)
_NAMES = "|".join(name for names in _MONTHS for name in names)
_NO_MODAL = r"(?! (?:be|have|not|need|want|come|go|use|also|take|get)\b)"
_NAMED_DAY = re.compile(
    rf"(?<![\w.-])(?:(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<month>{_NAMES})\b{_NO_MODAL}\.?"
    rf"|(?P<first_month>{_NAMES})\b\.? (?:the )?(?P<last_day>\d{{1,2}})(?:st|nd|rd|th)?(?![\w:]))"
    r"(?:,? (?P<year>(?:19|20)\d{2})\b)?"
)


def without_days(text: str) -> str:
    """A text in lower case with its dates blanked: the 21 of `21 May` counts nothing."""
    for pattern in (_ISO_DAY, _NAMED_DAY):
        text = pattern.sub(lambda match: " " * len(match.group()), text)
    return text


def parts_of_days(text: str) -> Iterator[int]:
    """The days, months and years of dates whose month is named."""
    for match in _NAMED_DAY.finditer(text):
        month = match["month"] or match["first_month"]
        yield int(match["day"] or match["last_day"])
        yield next(number for number, names in enumerate(_MONTHS, start=1) if month in names)
        if match["year"]:
            yield int(match["year"])


def day_forms(day: date, today: date | None) -> Iterator[str]:
    """How people write a day; words such as `tomorrow` only where today is known."""
    yield day.isoformat()
    full, *short = _MONTHS[day.month - 1]
    for number in (str(day.day), *ordinals(day.day), f"{day.day:02d}"):
        for month in (full, *(f"{name}." for name in short), *short):
            yield f"{month} {number}"
            yield f"{number} {month}"
            yield f"{number} of {month}"
            yield f"{month} the {number}"
    for mark in "/.-":
        for day_text, month_text in ((f"{day.day}", f"{day.month}"), (f"{day.day:02d}", f"{day.month:02d}")):
            for year in (f"{day.year}", f"{day.year % 100:02d}"):
                yield mark.join((day_text, month_text, year))
                yield mark.join((month_text, day_text, year))
    yield f"{day.year}/{day.month:02d}/{day.day:02d}"
    if today is not None:
        yield from _relative_forms(day, today)


def day_of_the_month(text: str, day: date, today: date) -> str | None:
    """How a text says a day by its number alone, `on the 20th`: the next one of that number."""
    if not timedelta(0) <= day - today < timedelta(days=31):
        return None
    # A noun after it would be what is counted: the 20th floor.
    after = r"(?=[.,;:!?)]|$| (?:at|from|to|until|through|and|instead|of this month|this month|please|for)\b)"
    pattern = rf"\b(?:on|by|from|to|until|till|through|before|after|for) the {next(ordinals(day.day))}{after}"
    match = re.search(pattern, text)
    return match.group() if match else None


def month_forms(year: int, month: int) -> Iterator[str]:
    """How people write a month."""
    full, *short = _MONTHS[month - 1]
    yield f"{full} {year}"
    yield from (f"{name} {year}" for name in short)
    yield full
    yield f"{month:02d}/{year}"
    yield f"{month}/{year}"


def time_forms(hour: int, minute: int) -> Iterator[str]:
    """How people write a time of day."""
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
        yield f"{in_words(twelve)} o'clock"
    following = in_words((hour + 1) % 12 or 12)
    named = {15: f"quarter past {in_words(twelve)}", 30: f"half past {in_words(twelve)}", 45: f"quarter to {following}"}
    if minute in named:
        yield named[minute]


def bare_hour(text: str, hour: int) -> str | None:
    """How a text says a whole hour by its number alone: `at 9`, or the 9 of `9-11 am`."""
    twelve, half = (hour % 12 or 12), ("am" if hour < 12 else "pm")
    closing = re.search(rf"(?<![\w.:-]){twelve}\s?(?:-|to|until)\s?(?P<end>\d{{1,2}})(?::\d\d)?\s?{half}\b", text)
    if closing is not None and twelve % 12 < int(closing["end"]) % 12:
        return closing.group()
    if not 0 < hour <= 12:
        return None
    # A noun after it would be what is counted, or an address: at 9 Elm Street.
    after = r"(?=[,;!?)]|\.(?!\d)|$| (?:and|to|on|until|tomorrow|today|in the morning|sharp|please)\b)"
    match = re.search(rf"\b(?:at|from|until|till) {hour}{after}", text)
    return match.group() if match else None


def _relative_forms(day: date, today: date) -> Iterator[str]:
    named = {0: ("today", "tonight"), 1: ("tomorrow",), -1: ("yesterday",), 2: ("the day after tomorrow",)}
    distance = (day - today).days
    yield from named.get(distance, ())
    if 0 < distance <= 14:
        yield from (f"in {distance} days", f"in {in_words(distance)} days")
        weekday = _WEEKDAYS[day.weekday()]
        yield f"next {weekday}"
        if distance <= 7:
            yield weekday
    if distance == 7:
        yield from ("in a week", "a week from today", "a week from now")
    if -7 <= distance < 0:
        yield f"last {_WEEKDAYS[day.weekday()]}"
        yield from (f"{-distance} days ago", f"{in_words(-distance)} days ago")
    if day - today == timedelta(days=14):
        yield "in two weeks"
