"""Right answers of tools, spoiled by code: labelled cases for whoever judges answers, without a model or an annotator.

Each kind of mistake is one that simulators make. A spoiled answer differs from the right one in a single thing, so what
is wrong is known, and where nothing can be spoiled for certain, nothing is: a mistake that is none teaches the
opposite.
"""

import random
import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import permutations
from typing import Literal, TypeGuard, TypeVar

from synthtools.optimizers.draws.places import Place, leaves, places, replaced
from synthtools.types.call import Response, ToolCall
from synthtools.types.canonical import same_json
from synthtools.types.dates import is_date_time, is_day
from synthtools.types.record import Json, JsonObject, Record
from synthtools.types.tool import DocumentedError, Tool
from synthtools.types.verdict import SimulationJudgement
from synthtools.world.draw import draw_other_values, draw_valid_call
from synthtools.world.validators import compile_schema

Mistake = Literal[
    "wrong type",
    "missing key",
    "wrong echo",
    "wrong arithmetic",
    "wrong fact",
    "error for success",
    "success for error",
    "wrong error",
]
"""wrong echo: a value of the call comes back changed; wrong arithmetic: a number is not what others give in the answer,
the call or the records that it names; wrong fact: a value stands otherwise in the records that the call names; wrong
error: another documented one."""


class Corruption(Record):
    """A right answer with one mistake in it, and what a judge should say of it."""

    label: Mistake
    response: Response
    verdict: SimulationJudgement
    what: str
    """The mistake in words: where, what it says, and what would be right."""


_T = TypeVar("_T")
_COUNT = re.compile(r"(?:^|_)(?:count|total|number|num)(?:_|$)")
_DISTINCT = 8
"""Shortest text without a digit that comes back from a call by no chance, in characters."""


def corrupted(
    tool: Tool, call: ToolCall, response: Response, seed: int, *, records: Json = None, success: Json = None
) -> tuple[Corruption, ...]:
    """The answer spoiled in each way that applies, at most once a way; equal inputs give equal mistakes.

    Args:
        tool: The tool that answered.
        call: A call that passed its gate.
        response: The right answer to it.
        seed: Draws which value is spoiled, and how; other seeds give other mistakes of the same kinds.
        records: The records before the call, by collection and id; without them there are no wrong facts.
        success: Data that the tool gave to another call, for a success where an error is right; None: it is drawn from
            the tool's output schema.
    """
    spoiled = _Spoiled(tool, call, response, random.Random(f"{tool.name}:{call}:{seed}"), records, success)
    return tuple(spoiled.all_kinds())


class _Spoiled:
    """The ways to spoil one answer."""

    def __init__(
        self, tool: Tool, call: ToolCall, response: Response, rng: random.Random, records: Json, success: Json
    ) -> None:
        self._tool = tool
        self._call = call
        self._response = response
        self._rng = rng
        self._records = records
        self._success = success
        self._said = list(leaves(call.arguments))
        self._named = _named_records(records, call.arguments)
        self._seed = rng.randrange(1 << 30)
        self._data: JsonObject = response.data if response.ok and isinstance(response.data, dict) else {}
        self._fits = compile_schema(tool.output_schema()).is_valid
        self._places = [place for place in places(tool.output, self._data) if not place.parameter.prose]

    def all_kinds(self) -> Iterator[Corruption]:
        of_successes = (
            self._wrong_type,
            self._missing_key,
            self._wrong_echo,
            self._wrong_arithmetic,
            self._wrong_fact,
            self._error_for_success,
        )
        for spoil in of_successes if self._response.ok else (self._success_for_error, self._wrong_error):
            spoiled = spoil()
            if spoiled is not None:
                yield spoiled

    def _wrong_type(self) -> Corruption | None:
        for place in self._shuffled_places():
            data = replaced(self._data, place.path, _mistyped(place.value))
            if not self._fits(data):
                what = f"{place} is {_mistyped(place.value)!r}, no {place.parameter.type}"
                return self._inappropriate("wrong type", data, what)
        return None

    def _missing_key(self) -> Corruption | None:
        for name in _shuffled(self._rng, list(self._data)):
            data = {key: value for key, value in self._data.items() if key != name}
            if not self._fits(data):
                return self._inappropriate("missing key", data, f"{name} is missing")
        return None

    def _wrong_echo(self) -> Corruption | None:
        for place in self._shuffled_places():
            said = next((name for name, value in self._said if _echoes(place, name, value)), None)
            if said is not None:
                right = f"the call says {said} = {place.value!r}"
                if (spoiled := self._otherwise("wrong echo", place, self._other_value(place), right)) is not None:
                    return spoiled
        return None

    def _wrong_arithmetic(self) -> Corruption | None:
        for place in self._shuffled_places():
            number, right = self._miscounted(place) or self._miscalculated(place) or (None, "")
            if (spoiled := self._otherwise("wrong arithmetic", place, number, right)) is not None:
                return spoiled
        return None

    def _wrong_fact(self) -> Corruption | None:
        for place in self._shuffled_places():
            holder = next((id for id, record in self._named if _holds(record, place)), None)
            if holder is not None:
                right = f"{place.name} of {holder} is {place.value!r}"
                if (spoiled := self._otherwise("wrong fact", place, self._other_value(place), right)) is not None:
                    return spoiled
        return None

    def _error_for_success(self) -> Corruption:
        errors = self._tool.errors or (DocumentedError(title="Not available", advice="Try again later."),)
        error = self._rng.choice(errors)
        response = Response(status_code=error.status_code, error_message=error.message)
        what = f"the call should succeed, and was refused: {_refusal(response)}"
        return Corruption(label="error for success", response=response, verdict="should_success_got_error", what=what)

    def _success_for_error(self) -> Corruption | None:
        """The data of a success, with the call's values where the names are the same."""
        data = self._success if isinstance(self._success, dict) else self._drawn_data()
        if data is None:
            return None
        echoed = {name: self._call.arguments.get(name, value) for name, value in data.items()}
        return Corruption(
            label="success for error",
            response=Response(status_code=200, data=echoed if self._fits(echoed) else data),
            verdict="should_error_got_success",
            what=f"the call was carried out, and should be refused: {_refusal(self._response)}",
        )

    def _drawn_data(self) -> JsonObject | None:
        answer = self._tool.model_copy(update={"parameters": self._tool.output})
        drawn = draw_valid_call(answer, self._records if isinstance(self._records, dict) else {}, seed=self._seed)
        return drawn.arguments if drawn is not None and self._fits(drawn.arguments) else None

    def _wrong_error(self) -> Corruption | None:
        others = [error for error in self._tool.errors if error.message != self._response.error_message]
        if not others:
            return None
        error = self._rng.choice(others)
        response = Response(status_code=error.status_code, error_message=error.message)
        what = f"refused with {_refusal(response)}, where this is right: {_refusal(self._response)}"
        return Corruption(label="wrong error", response=response, verdict="inappropriate_response", what=what)

    def _shuffled_places(self) -> list[Place]:
        return _shuffled(self._rng, self._places)

    def _otherwise(self, label: Mistake, place: Place, value: Json, right: str) -> Corruption | None:
        """The answer with another value of the same type at a place; None where there is none that fits."""
        data = replaced(self._data, place.path, value)
        if value is None or not self._fits(data):
            return None
        return self._inappropriate(label, data, f"{place} is {value!r}, and {right}")

    def _other_value(self, place: Place) -> Json:
        """A value of the same type that the call has nowhere; None where none is found."""
        value, parameter = place.value, place.parameter
        if isinstance(value, bool):
            return not value
        others: list[Json]
        if isinstance(value, str) and is_day(value[:10]) and is_date_time(value):
            others = [_days_off(value, days) for days in _shuffled(self._rng, range(2, 20))]
        elif isinstance(value, str) and parameter.enum is None and re.search(r"[0-9]", value):
            others = [_other_digits(value, step) for step in _shuffled(self._rng, range(1, 10))]
        else:
            state = self._records if isinstance(self._records, dict) else {}
            alone = Tool(name="Answer", description="", parameters={place.name: parameter}, reads=tuple(state))
            others = draw_other_values(alone, place.name, value, state, seed=self._seed, n=5)
        said = [item for _, item in self._said]
        return next((other for other in others if not any(same_json(other, item) for item in said)), None)

    def _miscounted(self, place: Place) -> tuple[Json, str] | None:
        """One less than what a number counts, and what that is: less than is listed is wrong even of a longer list."""
        counted = _counted(place, self._data)
        return (len(counted[1]) - 1, f"{counted[0]} has {len(counted[1])}") if counted is not None else None

    def _miscalculated(self, place: Place) -> tuple[Json, str] | None:
        """A number off by a tenth or a quarter, within its bounds; and how the right one comes about."""
        number = place.value
        way = self._derived(number) if _is_number(number) and not place.is_listed else None
        if way is None or not _is_number(number):
            return None
        decimals = len(str(number).partition(".")[2]) if isinstance(number, float) else 0
        for share in _shuffled(self._rng, [0.1, 0.25, -0.1, -0.25]):
            step = round(abs(number) * share, decimals) or (1 if share > 0 else -1)
            wrong = round(number + step, decimals)
            if self._fits(replaced(self._data, place.path, wrong)):
                return int(wrong) if isinstance(number, int) else wrong, f"{way} is {number}"
        return None

    def _derived(self, wanted: int | float) -> str | None:
        """How a number follows from others of the answer, the call or the records that it names, in words."""
        if not _is_telling(wanted):
            return None
        near = 1e-9 * max(1, abs(wanted))
        sums = dict.fromkeys((*_sums(self._call.arguments), *_sums(self._data)))
        for way, result in sums:
            if abs(result - wanted) < near:
                return way
        held = [(f"{name} of {id}", value) for id, record in self._named for name, value in _numbers(record)]
        numbers = dict.fromkeys((*_numbers(self._call.arguments), *_numbers(self._data), *held))
        given = [(name, value) for name, value in numbers if value not in (0, 1, wanted)]
        for (left, one), (right, other) in permutations(given, 2):
            for sign, result in (("+", one + other), ("x", one * other), ("-", one - other)):
                if abs(result - wanted) < near:
                    return f"{left} {sign} {right}"
        return None

    def _inappropriate(self, label: Mistake, data: JsonObject, what: str) -> Corruption:
        response = self._response.model_copy(update={"data": data})
        return Corruption(label=label, response=response, verdict="inappropriate_response", what=what)


def _shuffled(rng: random.Random, items: Sequence[_T]) -> list[_T]:
    return rng.sample(items, len(items))


def _refusal(response: Response) -> str:
    return f"{response.status_code} {response.error_message}"


def _mistyped(value: Json) -> Json:
    """The value in the type that a careless writer gives it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case str():
            return [value]
        case int() | float():
            return f"{value} units"
        case list():
            return ", ".join(str(item) for item in value)
        case dict():
            return ", ".join(f"{key}: {item}" for key, item in value.items())
        case _:
            return "none"


def _echoes(place: Place, name: str, value: Json) -> bool:
    """Whether a value of the answer is one of the call's: under the same name, or too distinct for chance."""
    if isinstance(value, bool) or not same_json(place.value, value):
        return False
    if place.name == name:
        return True
    return isinstance(value, str) and (len(value) >= _DISTINCT or re.search(r"\d", value) is not None)


def _counted(place: Place, data: JsonObject) -> tuple[str, list[Json]] | None:
    """The list beside a number that the number counts, with its key."""
    lists = [(name, value) for name, value in data.items() if isinstance(value, list)]
    if len(place.path) > 1 or type(place.value) is not int or not _COUNT.search(place.name):
        return None
    for name, value in lists:
        is_named = bool(set(place.name.split("_")) & set(name.split("_")))
        if value and len(value) == place.value and (is_named or len(lists) == 1):
            return name, value
    return None


def _is_number(value: Json) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(data: JsonObject) -> Iterator[tuple[str, int | float]]:
    """The numbers that stand alone, by name: those in lists meet others by chance."""
    for name, value in data.items():
        if _is_number(value):
            yield name, value
        elif isinstance(value, dict):
            yield from _numbers(value)


def _sums(data: JsonObject) -> Iterator[tuple[str, int | float]]:
    """The sums of the lists of numbers."""
    for name, value in data.items():
        numbers = [item for item in value if _is_number(item)] if isinstance(value, list) else []
        if isinstance(value, list) and len(numbers) == len(value) > 1:
            yield f"the sum of {name}", sum(numbers)


def _is_telling(number: int | float) -> bool:
    """Whether a number is large or exact enough that others give it by no chance."""
    return abs(number) > 20 or len(f"{abs(number):g}".replace(".", "").strip("0")) > 2


def _named_records(records: Json, arguments: JsonObject) -> list[tuple[str, JsonObject]]:
    """The records whose ids stand in a call."""
    ids = {value for _, value in leaves(arguments) if isinstance(value, str)}
    kept = [rows for rows in records.values() if isinstance(rows, dict)] if isinstance(records, dict) else []
    return [(id, row) for rows in kept for id, row in rows.items() if id in ids and isinstance(row, dict)]


def _holds(record: JsonObject, place: Place) -> bool:
    """Whether a record has a value of the answer, a scalar, under the same name."""
    held = record.get(place.name)
    return held is not None and not isinstance(held, dict | list) and same_json(held, place.value)


def _days_off(text: str, days: int) -> str:
    """A day or moment some days later; some days earlier where it is of the last year that there is."""
    days = -days if text.startswith("9999") else days
    return (date.fromisoformat(text[:10]) + timedelta(days=days)).isoformat() + text[10:]


def _other_digits(text: str, step: int) -> str:
    """The text with another last number in it, as long as it was."""
    match = list(re.finditer(r"[0-9]+", text))[-1]
    digits = match[0]
    other = (int(digits) + step) % 10 ** len(digits)
    return f"{text[: match.start()]}{other:0{len(digits)}d}{text[match.end() :]}"
