"""Whether the ids that a behaviour gives to new records clash with those that are there."""

from collections.abc import Iterable, Iterator, Sequence

from synthtools.types.record import JsonObject, State
from synthtools.world.patch import Patch, pointer_steps, same
from synthtools.world.properties import spread
from synthtools.world.property_failure import Failed
from synthtools.world.subject import DrawnRun, Subject

_MOST_TRIED = 4


def new_ids(subject: Subject, runs: Sequence[DrawnRun]) -> None:
    """A new record never takes the id of another one, be that there or removed before.

    Ids that hold an argument's value are the caller's choice, and not looked at.
    """
    successes = [run for run in runs if run.succeeded]
    creating = [
        (run, name, record_id)
        for run in successes
        for name, record_id in _created(run.before, run.patch)
        if not any(str(value) in record_id for value in run.arguments.values() if value not in (None, ""))
    ]
    for run, name, record_id in spread(creating, _MOST_TRIED):
        for before, taken in _taken(subject, run, name, record_id):
            try:
                again = subject.run_well(run.arguments, before)
            except Failed:
                continue  # The state was made up, and need not be one that its references allow.
            if again.message is not None or any(made == name for made, _ in _created(before, again.patch)):
                continue
            if (name, taken) in _touched(again.patch):
                raise _clash(run, name, taken, before, again.patch)
    changing = [run for run in successes if run.patch and not any(_created(run.before, run.patch))]
    for run in spread(changing, _MOST_TRIED):
        _check_place(subject, run)


def _check_place(subject: Subject, run: DrawnRun) -> None:
    """A call that changes a record, and on an empty collection makes just that record anew, has put it in its place."""
    for name, record_id in _touched(run.patch):
        after = run.outcome.state[name]
        if record_id in run.arguments.values() or not isinstance(after, dict) or record_id not in after:
            continue
        before: State = {**run.before, name: {}}
        try:
            bare = subject.run_well(run.arguments, before)
        except Failed:
            continue
        made = bare.state[name]
        if bare.message is not None or not isinstance(made, dict) or record_id in made:
            continue
        if any(same(record, after[record_id]) for record in made.values()):
            raise _clash(run, name, record_id, run.before, run.patch)


def _clash(run: DrawnRun, name: str, record_id: str, before: State, patch: Patch) -> Failed:
    message = f"apply put a new record in place of {name}/{record_id}: take its id from new_id('{name}')"
    return Failed("apply", "new_ids", message, run.arguments, before=before, patch=patch)


def _created(before: State, patch: Patch) -> Iterator[tuple[str, str]]:
    for operation in patch:
        name, *steps = pointer_steps(str(operation["path"]))
        if operation["op"] != "add" or len(steps) > 1:
            continue
        value = operation.get("value")
        ids: Iterable[str] = steps or (value if isinstance(value, dict) else ())
        yield from ((name, record_id) for record_id in ids)


def _touched(patch: Patch) -> dict[tuple[str, str], None]:
    """The records that a patch changes, in its order."""
    steps = [pointer_steps(str(operation["path"])) for operation in patch]
    return {(path[0], path[1]): None for path in steps if len(path) > 1}


def _taken(subject: Subject, run: DrawnRun, name: str, record_id: str) -> Iterator[tuple[State, str]]:
    """States in which an id is taken that a call might give again, with that id.

    The state before the call with the id that it created taken; that with another record gone; and the state after
    the call was made twice, with the first one's record gone.
    """
    after = run.outcome.state[name]
    records = run.before.get(name, {})
    if not (isinstance(after, dict) and isinstance(records, dict)):
        return
    made: JsonObject = {**records, record_id: next((held for held in records.values()), after[record_id])}
    yield {**run.before, name: made}, record_id
    given = [value for value in run.arguments.values() if isinstance(value, str)]
    spare = next((other for other in records if other not in given), None)
    if spare is not None:
        yield {**run.before, name: {other: held for other, held in made.items() if other != spare}}, record_id
    once: State = {**run.before, **run.outcome.state}
    again = subject.run_well(run.arguments, once)
    twice = again.state[name]
    if again.message is None and isinstance(twice, dict):
        for made_name, next_id in _created(once, again.patch):
            if made_name == name:
                left: JsonObject = {other: held for other, held in twice.items() if other != record_id}
                yield {**once, **again.state, name: left}, next_id
