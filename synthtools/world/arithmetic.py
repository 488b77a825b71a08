"""Values that follow from given ones: the price of two at 15 each, what is left of 80, ten percent off, a week later.

Precision before reach: a rule is tried only where the request has a word that asks for it, only for numbers and days,
never for ids, and it must give the value exactly (to the cent where it divides). What no rule finds may still follow.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from itertools import combinations, permutations, product
from typing import NamedTuple

from synthtools.types import Parameter, Response
from synthtools.types.dates import is_date_time, is_day
from synthtools.types.record import Json
from synthtools.world.spoken import SpokenText
from synthtools.world.spoken_numbers import number_of

_MOST_GIVEN = 60
"""Most numbers of earlier responses that are combined; beyond, chance hits would outnumber true ones."""
_TINY = 10
_MONEY = re.compile(r"-?\d+\.\d{1,4}")
_ID = re.compile(r"(?:^|_)ids?$")

_JOIN = r"both|together|total|sum|combined|altogether|in all|overall"
_ADD = rf"{_JOIN}|more|extra|additional|another|plus|add(?:ed|ing)?|increase[ds]?|raise[ds]?|on top|top (?:\w+ )?up"
_REST = r"remaining|remainder|rest|left|leftover|outstanding|difference"
_TAKE = rf"{_REST}|minus|less|fewer|reduce[ds]?|decrease[ds]?|lower(?:ed)?|(?:subtract|deduct|discount)(?:ed)?|off"
_TIMES = r"each|apiece|per|times|total|altogether"
_FACTORS = {
    r"twice|doubles?|doubled|both": Decimal(2),
    r"triples?|tripled|thrice": Decimal(3),
    r"half(?! past)|halve[ds]?": Decimal("0.5"),
}
_NO_OPERANDS = frozenset({"once", "single", "twice", "half"})
_PLUS_PERCENT = r"plus|more|increase[ds]?|raise[ds]?|higher|add(?:ed)?|on top|tip|tax|surcharge"
_LESS_PERCENT = r"minus|less|off|discount(?:ed)?|reduce[ds]?|decrease[ds]?|lower(?:ed)?|cut"
_COUNT = r"how many|number of|count"

_LATER = (
    r"later|after|from|past|extend(?:ed|s|ing)?|extension|postpone[ds]?|push(?:ed)?|delay(?:ed)?|longer|more|extra|"
    r"additional|another|following|next"
)
_EARLIER = r"earlier|before|sooner|prior|ago|shorten(?:ed)?"
_DISTANCE = re.compile(
    r"\b(?P<ahead>in )?(?P<count>\d{1,3}|[a-z]+(?:-[a-z]+)?)[ -](?:(?:more|extra|additional|full|whole) )?"
    r"(?P<unit>day|week|fortnight)s?\b"
)
_DAYS = {"day": 1, "week": 7, "fortnight": 14}
_ONE = frozenset({"a", "an", "the", "another", "next", "following", "extra", "additional", "one"})


class _Given(NamedTuple):
    """A number that is known before the call."""

    value: Decimal
    key: str = ""
    """The name it has in a response; empty: the request says it."""
    place: tuple[int, ...] = ()
    """The response and the object in it where it stands."""

    @property
    def said(self) -> bool:
        return not self.key

    def __str__(self) -> str:
        return _plain(self.value)


def derive(
    name: str,
    value: Json,
    parameter: Parameter,
    request: SpokenText,
    earlier: Sequence[Response],
    *,
    minor_units: bool,
) -> str | None:
    """How the value of a parameter follows from the request and earlier responses, in words; None where no rule says.

    Args:
        name: The parameter's name.
        value: Its value in a call.
        parameter: Its type; references, choices and prose never follow by arithmetic.
        request: What the user asked.
        earlier: What the calls before answered.
        minor_units: Whether an integer counts hundredths of what the request says.
    """
    if parameter.references or parameter.enum or parameter.prose or _ID.search(name):
        return None
    if is_date_time(value):
        return _moved(value, request, earlier)
    wanted = _number(value)
    if wanted is None or wanted < 0:
        return None
    cents = minor_units and isinstance(value, int)
    ways = _Ways(name, wanted, whole=isinstance(value, int), cents=cents, text=request, earlier=earlier)
    return next(ways.found(), None)


class _Ways:
    """The ways in which one number may follow; each finder yields those that hold, in words."""

    def __init__(
        self, name: str, wanted: Decimal, *, whole: bool, cents: bool, text: SpokenText, earlier: Sequence[Response]
    ) -> None:
        self._name = name
        self._wanted = wanted
        self._text = text
        self._cents = cents
        self._step = Decimal(1) if cents else None if whole else Decimal("0.01")
        self._answers = [response.data for response in earlier if response.ok]

    def found(self) -> Iterator[str]:
        yield from self._sums()
        yield from self._differences()
        yield from self._products()
        yield from self._percentages()
        yield from self._totals()

    @cached_property
    def _said(self) -> list[_Given]:
        found: list[_Given] = []
        for number, quote, decimals in self._text.numbers:
            if quote in _NO_OPERANDS or _percent(quote):
                continue
            exact = Decimal(str(number))
            found.append(_Given(exact))
            if self._cents and (decimals == 2 or self._text.is_money(quote)):
                found.append(_Given(exact * 100))
        return list(dict.fromkeys(found))

    @cached_property
    def _answered(self) -> list[_Given]:
        found = [given for index, data in enumerate(self._answers) for given in _numbers_in(data, (index,))]
        return list(dict.fromkeys(found)) if len(found) <= _MOST_GIVEN else []

    def _asked(self, words: str) -> bool:
        return re.search(rf"\b(?:{words})\b", self._text.text) is not None

    def _holds(self, exact: Decimal, *operands: _Given, rounded: bool = False) -> bool:
        near = Decimal("1e-9") * max(Decimal(1), abs(self._wanted))
        if abs(exact - self._wanted) > near:
            step = self._step if rounded else None
            if step is None or exact.quantize(step, ROUND_HALF_UP) != self._wanted:
                return False
        if any(abs(operand.value - self._wanted) <= near for operand in operands):
            return False
        # A tiny number comes out of almost any response: there the names must agree.
        tiny = self._wanted <= _TINY and self._wanted == self._wanted.to_integral_value()
        answered = [operand for operand in operands if not operand.said]
        return not tiny or not answered or any(_akin(operand.key, self._name) for operand in answered)

    def _sums(self) -> Iterator[str]:
        if not self._asked(_ADD):
            return
        pairs = [*combinations(self._said, 2), *product(self._answered, self._said)]
        if self._asked(_JOIN):
            pairs += [pair for pair in combinations(self._answered, 2) if _alike(*pair)]
        for left, right in pairs:
            if self._holds(left.value + right.value, left, right):
                yield f"{left} + {right}"

    def _differences(self) -> Iterator[str]:
        if not self._asked(_TAKE):
            return
        pairs = [
            *permutations(self._said, 2),
            *product(self._answered, self._said),
            *product(self._said, self._answered),
        ]
        if self._asked(_REST):
            pairs += [pair for pair in permutations(self._answered, 2) if _alike(*pair) or _beside(*pair)]
        for left, right in pairs:
            if self._holds(left.value - right.value, left, right):
                yield f"{left} - {right}"

    def _products(self) -> Iterator[str]:
        for words, factor in _FACTORS.items():
            if self._asked(words):
                for given in (*self._said, *self._answered):
                    if self._holds(given.value * factor, given, rounded=True):
                        yield f"{_plain(factor)} x {given}"
        if not self._asked(_TIMES):
            return
        pairs = [*combinations(self._said, 2), *product(self._said, self._answered)]
        pairs += [pair for pair in combinations(self._answered, 2) if _beside(*pair)]
        for left, right in pairs:
            if self._holds(left.value * right.value, left, right, rounded=True):
                yield f"{left} x {right}"

    def _percentages(self) -> Iterator[str]:
        quotes = [quote for _, quote, _ in self._text.numbers if _percent(quote)]
        shares = {Decimal(re.sub(r"[^\d.]", "", quote)) for quote in quotes}
        for share, given in product(sorted(shares), (*self._said, *self._answered)):
            part = given.value * share / 100
            ways = [(part, f"{_plain(share)} % of {given}")]
            if self._asked(_LESS_PERCENT):
                ways.append((given.value - part, f"{given} less {_plain(share)} %"))
            if self._asked(_PLUS_PERCENT):
                ways.append((given.value + part, f"{given} plus {_plain(share)} %"))
            for exact, words in ways:
                if self._holds(exact, given, rounded=True):
                    yield words

    def _totals(self) -> Iterator[str]:
        """Sum and count of a list; its least and greatest value stand in it anyway."""
        for key, rows in (found for data in self._answers for found in _lists_in(data, "the answer")):
            if self._asked(_COUNT) and len(rows) == self._wanted:
                yield f"the number of {key}"
            if self._asked(_JOIN) and len(rows) > 1:
                for field, numbers in _columns(rows):
                    if len(numbers) == len(rows) and sum(numbers) == self._wanted:
                        yield f"the sum of {field or key}: {' + '.join(map(_plain, numbers))}"


def _moved(value: str, text: SpokenText, earlier: Sequence[Response]) -> str | None:
    """A day that is some days or weeks from one that the request or an earlier response gives."""
    day = datetime.fromisoformat(value).date()
    signs = [sign for sign, words in ((1, _LATER), (-1, _EARLIER)) if re.search(rf"\b(?:{words})\b", text.text)]
    answers = [response.data for response in earlier if response.ok]
    for match in _DISTANCE.finditer(text.text):
        count = 1 if match["count"] in _ONE else number_of(match["count"])
        if count is None or count < 1:
            continue
        days = count * _DAYS[match["unit"]]
        from_today = match["ahead"] or re.match(r" from (?:now|today)\b", text.text[match.end() :])
        if from_today and text.today is not None and (day - text.today).days == days:
            return f"{text.today} + {days} days"
        for sign in signs:
            try:
                base = (day - timedelta(days=sign * days)).isoformat() + value[10:]
            except OverflowError:
                continue
            if text.mention(base) is not None or any(_stands_in(base, data) for data in answers):
                return f"{base} {'+' if sign > 0 else '-'} {days} days"
    return None


def _stands_in(text: str, data: Json) -> bool:
    """Whether a day or moment is one of the values in an answer; a day also where its moment is."""
    if isinstance(data, dict):
        return any(_stands_in(text, item) for item in data.values())
    if isinstance(data, list):
        return any(_stands_in(text, item) for item in data)
    return isinstance(data, str) and (data == text or (is_day(text) and is_date_time(data) and data.startswith(text)))


def _number(value: Json) -> Decimal | None:
    """A number, or a text that is an amount with decimals."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float) or (isinstance(value, str) and _MONEY.fullmatch(value)):
        return Decimal(str(value))
    return None


def _numbers_in(data: Json, place: tuple[int, ...], key: str = "value") -> Iterator[_Given]:
    if isinstance(data, dict):
        for index, (name, item) in enumerate(data.items()):
            inner = (*place, index) if isinstance(item, dict | list) else place
            yield from _numbers_in(item, inner, name)
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from _numbers_in(item, (*place, index), key)
    else:
        number = _number(data)
        if number is not None:
            yield _Given(number, key, place)


def _lists_in(data: Json, key: str) -> Iterator[tuple[str, list[Json]]]:
    if isinstance(data, list):
        yield key, data
        for item in data:
            yield from _lists_in(item, key)
    elif isinstance(data, dict):
        for name, item in data.items():
            yield from _lists_in(item, name)


def _columns(rows: Sequence[Json]) -> Iterator[tuple[str, list[Decimal]]]:
    """The numbers of a list, or of each field of its records."""
    plain = [number for row in rows if (number := _number(row)) is not None]
    if plain:
        yield "", plain
    for name in dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row):
        cells = [_number(row.get(name)) for row in rows if isinstance(row, dict)]
        yield name, [cell for cell in cells if cell is not None]


def _alike(left: _Given, right: _Given) -> bool:
    """Whether two numbers of responses are the same thing of two records."""
    return left.key == right.key and left.place != right.place


def _beside(left: _Given, right: _Given) -> bool:
    return left.place == right.place and left.key != right.key


def _akin(key: str, name: str) -> bool:
    """Whether a response's key and a parameter name the same thing: `quantity` and `new_quantity`."""
    return key == name or key.endswith(f"_{name}") or name.endswith(f"_{key}")


def _percent(quote: str) -> bool:
    return quote.endswith(("%", "percent"))


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
