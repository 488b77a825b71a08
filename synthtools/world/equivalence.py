"""Whether two outcomes of one call are the same: what was answered and what was changed, by what a tool declares."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from synthtools.types import Collection, Parameter, Tool, VerifyPolicy
from synthtools.types.record import Json, JsonObject, State
from synthtools.world.comparison import Comparison
from synthtools.world.pairing import rename_within
from synthtools.world.patch import pointer_steps, same


class Ending(NamedTuple):
    """The answer to a call, and the state after it."""

    data: Json
    """What it answered; None for a refused one."""
    state: State
    """The collections that its tool declares, afterwards."""

    def is_exactly(self, other: "Ending") -> bool:
        """Whether two endings are the same to the letter, as most are that are compared."""
        return self == other and _written(self) == _written(other)


class Unlike(NamedTuple):
    """One place in which two endings differ."""

    place: str
    """`response.total`, `accounts.balance`, or `accounts` where one of them has a record that the other lacks."""
    where: str
    """The key of the response or the JSON pointer into the state."""
    expected: Json
    actual: Json


class Equivalence:
    """Compares endings of one tool's calls.

    Ids that a call created may differ, one for one, in the state and in the answer alike. Prose is left out. A number
    is compared as its schema's type, so that 3 and 3.0 are the same where a number is declared.

    Args:
        tool: Whose answers are compared.
        collections: The schemas of the state.
    """

    def __init__(self, tool: Tool, collections: Sequence[Collection] = ()) -> None:
        self._output = Parameter(type="object", properties=tool.output)
        self._records = {
            collection.name: Parameter(type="object", properties=collection.fields) for collection in collections
        }
        self._comparison = Comparison(VerifyPolicy(), collections)

    def compared(self, data: Json) -> Json:
        """An answer as it is compared: without prose, its numbers in the types that the tool declares."""
        return _without_prose(self._output, self._output.normalise(data))

    def unlike(self, before: State, expected: Ending, actual: Ending, *, any_order: bool = False) -> list[Unlike]:
        """Where two endings differ, the answers first; empty where they are the same.

        Args:
            before: The state that both started from.
            expected: One ending.
            actual: The other.
            any_order: Whether arrays in answers are compared without their order, and numbers to nine digits: a sum of
                floats depends on the order of its terms.
        """
        if expected.is_exactly(actual):
            return []
        left, right = self._normalised(expected.state), self._normalised(actual.state)
        if any_order:
            left, right = _rounded_state(left), _rounded_state(right)
            before = _rounded_state(before)
        states = self._comparison.differences(before, left, right)
        renaming = self._comparison.renaming(before, left, right)
        one, two = self.compared(expected.data), rename_within(self.compared(actual.data), renaming)
        if any_order:
            one, two = _in_one_order(_rounded(one)), _in_one_order(_rounded(two))
        found = [Unlike(f"response.{key}", key, a, b) for key, a, b in _unlike_keys(one, two)]
        for difference in states:
            steps = pointer_steps(difference.path)
            place = steps[0] if len(steps) < 3 else f"{steps[0]}.{steps[2]}"
            found.append(Unlike(place, difference.path, difference.expected, difference.actual))
        return found

    def _normalised(self, state: State) -> State:
        return {name: self._normalised_records(name, records) for name, records in state.items()}

    def _normalised_records(self, name: str, records: Json) -> Json:
        kind = self._records.get(name)
        if kind is None or not isinstance(records, dict):
            return records
        return {record_id: kind.normalise(record) for record_id, record in records.items()}


def _written(ending: Ending) -> bytes:
    return orjson.dumps([ending.data, ending.state], option=orjson.OPT_SORT_KEYS)


def _unlike_keys(left: Json, right: Json) -> list[tuple[str, Json, Json]]:
    if not (isinstance(left, dict) and isinstance(right, dict)):
        return [] if same(left, right) else [("", left, right)]
    return [
        (key, left.get(key), right.get(key))
        for key in dict.fromkeys((*left, *right))
        if key not in left or key not in right or not same(left[key], right[key])
    ]


def _without_prose(parameter: Parameter, value: Json) -> Json:
    if isinstance(value, dict) and parameter.properties is not None:
        known = parameter.properties
        return {
            key: _without_prose(known[key], item) if key in known else item
            for key, item in value.items()
            if key not in known or not known[key].prose
        }
    if isinstance(value, list) and parameter.items is not None:
        return [_without_prose(parameter.items, item) for item in value]
    return value


def _in_one_order(value: Json) -> Json:
    """The value with the items of every array sorted by how they are written."""
    if isinstance(value, dict):
        return {key: _in_one_order(item) for key, item in value.items()}
    if isinstance(value, list):
        items = [_in_one_order(item) for item in value]
        return sorted(items, key=lambda item: orjson.dumps(item, option=orjson.OPT_SORT_KEYS))
    return value


def _rounded(value: Json) -> Json:
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return _rounded_state(value) if isinstance(value, dict) else value


def _rounded_state(state: Mapping[str, Json]) -> JsonObject:
    return {name: _rounded(item) for name, item in state.items()}
