"""Lengths of time as people say them: half an hour, two hours and 30 minutes, an hour and a half."""

import re
from typing import NamedTuple

from synthtools.world.spoken_numbers import number_of

_SECONDS = {"sec": 1, "min": 60, "hou": 3600, "hr": 3600, "day": 86_400, "wee": 604_800}
_LENGTH = re.compile(
    r"(?<![\w.,/$€£-])(?P<count>\d+(?:\.\d+)?|half an?|[a-z]+(?:[- ][a-z]+)?)(?P<half> and a half)?[ -]?"
    r"(?P<unit>hours?|hrs?|minutes?|mins?|seconds?|secs?|days?|weeks?)\b(?P<more> and a half)?"
)
_RATE = re.compile(r"(?:[\d$€£%]|\b(?:once|twice|times|dollars?|euros?|pounds?|bucks|cents|at|per|each|rate|price)) ?$")
"""What stands before `an hour` where it is no length: a price or a rate."""
_JOINED = re.compile(r" |, | and |, and ")


class SaidLength(NamedTuple):
    """A length of time that a text says."""

    seconds: float
    quote: str


class _Part(NamedTuple):
    seconds: float
    unit: int
    start: int
    end: int


def lengths_in(text: str) -> list[SaidLength]:
    """Every length of a text in lower case; `2 hours 30 minutes` is one."""
    found: list[_Part] = []
    for match in _LENGTH.finditer(text):
        unit = next(seconds for short, seconds in _SECONDS.items() if match["unit"].startswith(short))
        count, start = _count(match["count"], match.start(), text)
        if count is None:
            continue
        count += 0.5 * bool(match["half"] or match["more"])
        last = found[-1] if found else None
        if last and unit < last.unit and _JOINED.fullmatch(text[last.end : start]):
            found[-1] = _Part(last.seconds + count * unit, unit, last.start, match.end())
        else:
            found.append(_Part(count * unit, unit, start, match.end()))
    return [SaidLength(part.seconds, text[part.start : part.end]) for part in found]


def _count(said: str, start: int, text: str) -> tuple[float | None, int]:
    """The number before a unit, and where it begins; None where it is none."""
    if said.startswith("half a"):
        return 0.5, start
    if said[0].isdigit():
        return float(said), start
    number = number_of(said)
    if number is None:
        word = re.split(r"[- ]", said)[-1]
        start += len(said) - len(word)
        number = (None if _RATE.search(text[:start]) else 1) if word in ("a", "an") else number_of(word)
    return number, start
