"""States: collections of records, checked against their schemas and references, changed copy-on-write.

States given to these functions are never changed: what they give shares the untouched records with them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

import orjson

from synthtools.errors import StateError
from synthtools.types import Change, Collection, Parameter
from synthtools.types.canonical import check_json, content_hash
from synthtools.types.record import Json, JsonObject, State
from synthtools.world.ids import next_id
from synthtools.world.patch import Patch, apply_patch, diff, pointer_steps
from synthtools.world.validators import compile_schema, first_problem


def copy_state(state: Mapping[str, Json]) -> State:
    """A deep copy in JSON types, its records in the order of their ids, so that no answer depends on insertion order.

    Raises:
        StateError: The state is no JSON object, or beyond its limits (NaN, infinities, |int| > 2**53).
    """
    check_json(state)
    copied: Json = orjson.loads(orjson.dumps(state))
    if not isinstance(copied, dict):
        raise StateError(f"a state is an object of collections, not {type(state).__name__}")
    return {name: in_order(records) if isinstance(records, dict) else records for name, records in copied.items()}


def in_order(records: JsonObject) -> JsonObject:
    """A collection in the natural order of its ids: `ORD-2` before `ORD-10`."""
    return {record_id: records[record_id] for record_id in sorted(records, key=_natural)}


def _natural(record_id: str) -> tuple[str, int, str]:
    stem = record_id.rstrip("0123456789")
    digits = record_id[len(stem) :][:15]
    return (stem, int(digits) if digits.isascii() and digits else -1, record_id)


def records_of(state: Mapping[str, Json], collection: str) -> JsonObject:
    """The records of a collection by id; empty where the state has no such map."""
    records = state.get(collection)
    return records if isinstance(records, dict) else {}


def slice_of(state: State, names: Iterable[str]) -> State:
    """The named collections, in the order of their names; one that the state lacks is empty."""
    return {name: state.get(name, {}) for name in sorted(set(names))}


def slice_hash(state: State, names: Iterable[str]) -> str:
    """The content hash of a slice."""
    return content_hash(slice_of(state, names))


class StateSchema:
    """What a state must be: a record schema per collection, and the references between them.

    Without collections every JSON object is a state (an imported one).
    """

    def __init__(self, collections: Iterable[Collection] = ()) -> None:
        self.collections = {collection.name: collection for collection in collections}
        self._validators = {
            name: compile_schema(collection.record_schema()) for name, collection in self.collections.items()
        }
        self._references = {
            name: [(field, parameter) for field, parameter in collection.fields.items() if _refers(parameter)]
            for name, collection in self.collections.items()
        }

    def check(self, state: State) -> None:
        """Checks a whole state.

        Raises:
            StateError: A collection is undeclared or no map, a record does not fit, or a reference leads nowhere.
        """
        for name in self.collections:
            self._check_collection(state, name, self._records(state, name))

    def problems(self, state: State) -> list[str]:
        """Everything that is wrong with a state, one line each; empty: nothing."""
        found: list[str] = []
        for name, records in state.items():
            if self.collections and name not in self.collections:
                found.append(f"{name}: no such collection")
            elif self.collections and not isinstance(records, dict):
                found.append(f"{name}: a collection is a map from id to record")
        for name in self.collections:
            for record_id, record in records_of(state, name).items():
                found.extend(self._record_problems(state, name, record_id, record))
        return found

    def check_change(self, before: State, after: State, patch: Patch) -> None:
        """Checks what a patch changed in a state that was valid before: its records, and references to removed ones.

        Raises:
            StateError: `after` breaks a schema or a reference; the message names the record.
        """
        removed: set[tuple[str, str]] = set()
        touched: dict[tuple[str, str], None] = {}
        for operation in patch:
            if "value" in operation:
                check_json(operation["value"])
            steps = pointer_steps(cast("str", operation["path"]))
            if len(steps) == 1 and self.collections:
                self._check_collection(after, steps[0], self._records(after, steps[0]))
                removed.update((steps[0], record_id) for record_id in records_of(before, steps[0]))
            elif len(steps) == 2 and operation["op"] == "remove":
                removed.add((steps[0], steps[1]))
            elif len(steps) >= 2:
                touched[steps[0], steps[1]] = None
        if not self.collections:
            return
        for name, record_id in touched:
            records = self._records(after, name)
            if record_id in records:
                self._raise_first(self._record_problems(after, name, record_id, records[record_id]))
        if removed:
            self._check_removed(after, removed)

    def _records(self, state: State, name: str) -> JsonObject:
        if name not in self.collections:
            raise StateError(f"{name}: no such collection")
        records = state.get(name, {})
        if not isinstance(records, dict):
            raise StateError(f"{name}: a collection is a map from id to record")
        return records

    def _check_collection(self, state: State, name: str, records: JsonObject) -> None:
        for undeclared in state.keys() - self.collections.keys():
            raise StateError(f"{undeclared}: no such collection")
        for record_id, record in records.items():
            self._raise_first(self._record_problems(state, name, record_id, record))

    def _check_removed(self, state: State, removed: set[tuple[str, str]]) -> None:
        gone = {name for name, _ in removed}
        for name, references in self._references.items():
            if not any(gone & _targets(parameter) for _, parameter in references):
                continue
            for record_id, record in self._records(state, name).items():
                self._raise_first(self._reference_problems(state, name, record_id, record))

    def _record_problems(self, state: State, name: str, record_id: str, record: Json) -> Iterator[str]:
        if not self._validators[name].is_valid(record):
            problem = first_problem(self.collections[name].record_schema(), record)
            yield f"{name}/{record_id}: {problem}"
        else:
            yield from self._reference_problems(state, name, record_id, record)

    def _reference_problems(self, state: State, name: str, record_id: str, record: Json) -> Iterator[str]:
        if not isinstance(record, dict):
            return
        for field, parameter in self._references[name]:
            if field not in record:
                continue
            for target, value in _referred(record[field], parameter):
                if value not in records_of(state, target):
                    yield f"{name}/{record_id}: {field} refers to {target}/{value}, which does not exist"

    @staticmethod
    def _raise_first(problems: Iterable[str]) -> None:
        for problem in problems:
            raise StateError(problem)


def compile_changes(state: State, changes: Sequence[Change], collections: Sequence[Collection] = ()) -> Patch:
    """A simulator's changes as a patch.

    A record created with an empty id gets the collection's next one. In an imported state a collection may also be a
    list of records, which are known by their `id` or `..._id` field.

    Raises:
        StateError: A record to create exists, one to update or delete does not, or a collection is unknown.
    """
    after = state
    known = {collection.name: collection for collection in collections}
    for change in changes:
        if known and change.collection not in known:
            raise StateError(f"{change.collection}: no such collection")
        records = after.get(change.collection, {})
        where = f"{change.collection}/{change.id}"
        if isinstance(records, dict):
            record_id = change.id or next_id(after, known.get(change.collection, change.collection))
            changed: Json = _change_map(records, change, record_id, where)
        elif isinstance(records, list):
            changed = _change_list(records, change, where)
        else:
            raise StateError(f"{change.collection}: a collection is a map from id to record")
        after = {**after, change.collection: changed}
    return diff(state, after)


def apply_changes(state: State, changes: Sequence[Change], collections: Sequence[Collection] = ()) -> State:
    """The state after a simulator's changes, checked against the collections. Raises: StateError."""
    patch = compile_changes(state, changes, collections)
    after = apply_patch(state, patch)
    StateSchema(collections).check_change(state, after, patch)
    return after


def _change_map(records: JsonObject, change: Change, record_id: str, where: str) -> JsonObject:
    if (change.op == "create") == (record_id in records):
        raise StateError(f"{where}: {'exists already' if change.op == 'create' else 'does not exist'}")
    match change.op:
        case "create":
            return {**records, record_id: change.fields}
        case "update":
            record = records[record_id]
            if not isinstance(record, dict):
                raise StateError(f"{where}: is no record")
            return {**records, record_id: {**record, **change.fields}}
        case "delete":
            return {name: record for name, record in records.items() if name != record_id}


def _change_list(records: list[Json], change: Change, where: str) -> list[Json]:
    at = next((index for index, record in enumerate(records) if _known_as(record, change.id)), None)
    if (change.op == "create") != (at is None):
        raise StateError(f"{where}: {'exists already' if change.op == 'create' else 'does not exist'}")
    if at is None:
        return [*records, change.fields]
    record = records[at]
    if change.op == "delete" or not isinstance(record, dict):
        return [*records[:at], *records[at + 1 :]]
    return [*records[:at], {**record, **change.fields}, *records[at + 1 :]]


def _known_as(record: Json, record_id: str) -> bool:
    return isinstance(record, dict) and any(
        value == record_id for field, value in record.items() if field == "id" or field.endswith("_id")
    )


def _refers(parameter: Parameter) -> bool:
    return bool(_targets(parameter))


def _targets(parameter: Parameter) -> set[str]:
    targets = {parameter.references} if parameter.references else set[str]()
    if parameter.items is not None:
        targets |= _targets(parameter.items)
    for inner in (parameter.properties or {}).values():
        targets |= _targets(inner)
    return targets


def _referred(value: Json, parameter: Parameter) -> Iterator[tuple[str, str]]:
    if parameter.references and isinstance(value, str):
        yield parameter.references, value
    if isinstance(value, list):
        # A list whose own parameter names the collection holds ids, as one whose items do.
        inner = parameter.items or Parameter(type="string", references=parameter.references)
        if parameter.references and not inner.references:
            inner = inner.model_copy(update={"references": parameter.references})
        for item in value:
            yield from _referred(item, inner)
    elif isinstance(value, dict):
        for key, inner in (parameter.properties or {}).items():
            if key in value:
                yield from _referred(value[key], inner)
