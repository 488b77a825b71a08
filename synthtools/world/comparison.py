"""Whether two states are the same: type-strict, by the policy of each field, up to a renaming of generated ids."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import orjson

from synthtools.types import Collection, VerifyPolicy
from synthtools.types.record import Json, JsonObject, State
from synthtools.types.shortened import shown_json
from synthtools.types.verdict import FieldRule
from synthtools.world.pairing import Created, Side, created, pairings, rename_within
from synthtools.world.patch import pointer, same

_MOST_PAIRINGS = 2000
"""Pairings of generated ids that are tried before the best so far is taken."""

ChosenIds = Callable[[], Mapping[str, frozenset[str]]]
"""Gives the ids of new records, by collection, that callers choose."""

_MOST_SHOWN = 1000
"""Most characters of a value in words: a judge may have to weigh whole texts."""


class Difference(NamedTuple):
    """One place in which a state is not as expected."""

    path: str
    """JSON pointer."""
    expected: Json
    """None where nothing should stand there."""
    actual: Json
    """None where nothing stands there."""
    kind: str
    """`missing`, `extra` or `changed`; a field that only one of two records has is changed."""
    judged: bool = False
    """Whether the field's rule leaves it to an LLM judge."""

    def __str__(self) -> str:
        match self.kind:
            case "missing":
                return f"{self.path} is missing (expected {_shown(self.expected)})"
            case "extra":
                return f"{self.path} should not be there ({_shown(self.actual)})"
            case _:
                return f"{self.path} is {_shown(self.actual)}, expected {_shown(self.expected)}"


class Compared(NamedTuple):
    """What a comparison of two states found."""

    differences: list[Difference]
    """Those that are left once new ids are renamed."""
    renaming: dict[str, str]
    """The new ids of the actual state, each with the one of the expected state that it stands for."""


class Comparison:
    """Compares states by a policy; fields that are prose or derive from the clock are left out, unless it names them.

    Args:
        policy: The rule of each field, by `collection.field`.
        collections: Which fields are prose.
        clock_fields: Fields whose values derive from the clock, as `collection.field`.
        chosen_ids: Gives the new ids that are compared as they are; asked only where states differ.
    """

    def __init__(
        self,
        policy: VerifyPolicy,
        collections: Sequence[Collection] = (),
        *,
        clock_fields: Iterable[str] = (),
        chosen_ids: ChosenIds = dict,
    ) -> None:
        self._policy = policy
        self._chosen_ids = chosen_ids
        prose = (
            f"{collection.name}.{name}"
            for collection in collections
            for name, parameter in collection.fields.items()
            if parameter.prose
        )
        self._left_out = frozenset((*prose, *clock_fields))

    def differences(self, initial: State, expected: State, actual: State) -> list[Difference]:
        """Where `actual` differs from `expected`; ids created since `initial` are renamed so that least differs."""
        return self.compare(initial, expected, actual).differences

    def renaming(self, initial: State, expected: State, actual: State) -> dict[str, str]:
        """The ids created in `actual`, each with the one that it stands for in `expected`."""
        return self.compare(initial, expected, actual).renaming

    def compare(self, initial: State, expected: State, actual: State) -> Compared:
        """Differences and renaming together: each comes with the other."""
        best = Compared(list(self._diff(expected, actual)), {})
        if not best.differences:
            return best
        wanted, made = created(initial, expected), created(initial, actual)
        if not any(name in wanted for name in made):
            return best
        chosen = self._chosen_ids()
        wanted, made = created(initial, expected, chosen), created(initial, actual, chosen)
        sides = Side(expected, wanted), Side(actual, made)
        for count, renaming in enumerate(pairings(initial, *sides, self._content, self._unlikeness)):
            if count >= _MOST_PAIRINGS:
                break
            found = list(self._diff(expected, rename(actual, renaming, made)))
            if _weight(found) < _weight(best.differences):
                best = Compared(found, renaming)
            if not found:
                break
        return best

    def _diff(self, expected: State, actual: State) -> Iterator[Difference]:
        for name in dict.fromkeys((*expected, *actual)):
            left, right = expected.get(name, {}), actual.get(name, {})
            if isinstance(left, dict) and isinstance(right, dict):
                yield from self._diff_records(name, left, right)
            elif not same(left, right):
                yield Difference(pointer(name), left, right, "changed")

    def _diff_records(self, name: str, expected: JsonObject, actual: JsonObject) -> Iterator[Difference]:
        for record_id in dict.fromkeys((*expected, *actual)):
            if record_id not in actual:
                yield Difference(pointer(name, record_id), expected[record_id], None, "missing")
                continue
            if record_id not in expected:
                yield Difference(pointer(name, record_id), None, actual[record_id], "extra")
                continue
            left, right = expected[record_id], actual[record_id]
            if same(left, right):
                continue
            if not (isinstance(left, dict) and isinstance(right, dict)):
                yield Difference(pointer(name, record_id), left, right, "changed")
                continue
            for field in dict.fromkeys((*left, *right)):
                rule = self._rule(f"{name}.{field}")
                if not self._field_same(rule, left, right, field):
                    place = pointer(name, record_id, field)
                    yield Difference(place, left.get(field), right.get(field), "changed", rule == "judge")

    def _content(self, name: str, record: Json) -> Json:
        """What counts of a record: sets in one order, ignored fields left out."""
        if not isinstance(record, dict):
            return record
        rules = {field: self._rule(f"{name}.{field}") for field in record}
        return {
            field: sorted(value, key=orjson.dumps) if rules[field] == "set" and isinstance(value, list) else value
            for field, value in record.items()
            if rules[field] != "ignore"
        }

    def _unlikeness(self, name: str, expected: Json, actual: Json) -> tuple[int, int]:
        return _weight(list(self._diff_records(name, {"": expected}, {"": actual})))

    def _rule(self, field: str) -> FieldRule:
        return self._policy.fields.get(field, "ignore" if field in self._left_out else "exact")

    def _field_same(self, rule: FieldRule, left: JsonObject, right: JsonObject, key: str) -> bool:
        if rule == "ignore":
            return True
        if key not in left or key not in right:
            return False
        if rule == "set":
            return _same_set(left[key], right[key])
        if rule == "tolerance":
            return close(left[key], right[key], self._policy.tolerance)
        return same(left[key], right[key])


def rename(state: State, renaming: Mapping[str, str], made: Created) -> State:
    """The state with generated ids replaced, as keys and wherever a whole string is one of them."""
    if not renaming:
        return state
    renamed: State = {}
    for name, records in state.items():
        if not isinstance(records, dict):
            renamed[name] = records
            continue
        own = set(made.get(name, ()))
        renamed[name] = {
            renaming.get(record_id, record_id) if record_id in own else record_id: rename_within(record, renaming)
            for record_id, record in records.items()
        }
    return renamed


def close(left: Json, right: Json, tolerance: float) -> bool:
    """Whether two numbers are at most a tolerance apart; other values must be the same."""
    if isinstance(left, bool) or isinstance(right, bool):
        return same(left, right)
    if isinstance(left, int | float) and isinstance(right, int | float):
        return abs(left - right) <= tolerance
    return same(left, right)


def _same_set(left: Json, right: Json) -> bool:
    if not isinstance(left, list) or not isinstance(right, list) or len(left) != len(right):
        return same(left, right)
    rest = list(right)
    for item in left:
        at = next((index for index, other in enumerate(rest) if same(item, other)), None)
        if at is None:
            return False
        rest.pop(at)
    return True


def _weight(differences: Sequence[Difference]) -> tuple[int, int]:
    """How far a state is off: the differences that no judge can excuse, then all."""
    return sum(not difference.judged for difference in differences), len(differences)


def _shown(value: Json) -> str:
    return shown_json(value, _MOST_SHOWN)
