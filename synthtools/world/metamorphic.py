"""Metamorphic relations: what must hold between the answers of a tool, whatever the right answer is.

No model is asked whether they hold: answers are compared with each other and with the state.

- `errors_leave_state`: every refused call left the state as it was.
- `idempotent_read`: a tool without writes, called twice in one session, answers the same and leaves the state.
- `repeatable`: the same call in the same state, in another session, gives the same answer and the same change.
- `repeat`: a changing call made again is refused with a documented error and changes nothing, or it changes again in
  the same way: what created a record creates another one, and never overwrites the first.
- `read_after_write`: after a changing call, whoever shows a record that it touched shows it as it is in the state.

A relation that cannot be decided exactly does not apply, and gives no finding.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from synthtools.types.audit import Relation
from synthtools.types.call import Response, ToolCall
from synthtools.types.canonical import same_json
from synthtools.types.environment import Collection
from synthtools.types.parameter import Parameter
from synthtools.types.record import Json, JsonObject, State
from synthtools.types.shortened import shortened
from synthtools.types.tool import Tool
from synthtools.world.gate import check
from synthtools.world.patch import Patch, pointer_steps
from synthtools.world.state import records_of
from synthtools.world.world import World


class Made(NamedTuple):
    """A call that was made in a session of its own, with the session after it."""

    tool: Tool
    call: ToolCall
    response: Response
    before: State
    session: World

    @property
    def patch(self) -> Patch:
        """What the call changed."""
        return self.session.transcript[-1].patch


class Finding(NamedTuple):
    """Whether a relation holds for a call."""

    relation: Relation
    call: ToolCall
    response: Response
    """The answer that the relation was checked on."""
    expected: str
    """What must hold, in words."""
    came: str = ""
    """What came instead; empty where the relation holds."""

    @property
    def holds(self) -> bool:
        """Whether the relation holds."""
        return not self.came


async def make(world: World, tool: Tool, call: ToolCall) -> Made:
    """Makes a call in a fork of a session."""
    before, session = world.state, world.fork()
    return Made(tool, call, await session.acall(call), before, session)


def errors_leave_state(refused: Sequence[Made]) -> Finding | None:
    """Whether no refused call changed the state. None where the tool itself, not the gate, refused none."""
    own = [made for made in refused if made.response.answered_by in ("code", "model")]
    if not own:
        return None
    wrong = next((made for made in refused if not same_json(made.before, made.session.state)), None)
    shown = wrong or own[0]
    expected = "a refused call leaves the state as it was"
    return Finding("errors_leave_state", shown.call, shown.response, expected, "it changed the state" if wrong else "")


def repeatable(made: Made, again: Made) -> Finding:
    """Whether a successful call gave the same again: the same call, made on the same state in another session."""
    came = _unlike(made.tool, made.response, again.response)
    if not came and not same_json(made.patch, again.patch):
        came = "it made another change"
    return Finding("repeatable", made.call, again.response, "the same call in the same state gives the same", came)


async def idempotent_read(made: Made) -> Finding | None:
    """Whether a successful reading answers the same when it is made again in its session.

    None for changing tools, and for one that changed something and declares nothing (an imported one).
    """
    if made.tool.writes or (made.patch and not made.tool.reads):
        return None
    again = await make(made.session, made.tool, made.call)
    came = _unlike(made.tool, made.response, again.response)
    if not came and not (same_json(made.before, again.before) and same_json(made.before, again.session.state)):
        came = "it changed the state"
    return Finding("idempotent_read", made.call, again.response, "a reading made twice answers the same", came)


async def repeat(made: Made) -> Finding | None:
    """Whether a changing call, made again, is refused or makes the same kind of change. None: it changed nothing."""
    first = dict(_touched(made.before, made.patch))
    if not first:
        return None
    again = await make(made.session, made.tool, made.call)
    response, second = again.response, dict(_touched(again.before, again.patch))
    came = ""
    if response.answered_by == "simulator_failure":
        came = response.error_message or "the tool failed"
    elif not response.ok:
        if response.status_code not in {error.status_code for error in made.tool.errors}:
            came = f"{response.status_code} is no documented error"
        elif not same_json(again.before, again.session.state):
            came = "it was refused and changed the state"
    elif over := sorted(key for key, op in first.items() if op == "create" and key in second):
        came = f"it overwrote {over[0][0]}/{over[0][1]}"
    elif extra := _kinds(second) - _kinds(first):
        op, collection = min(extra)
        came = f"it made another kind of change: {op} in {collection}"
    elif missing := {kind for kind in _kinds(first) if kind[0] == "create"} - _kinds(second):
        came = f"it succeeded, and created nothing in {min(missing)[1]}"
    expected = "made again, it is refused by a documented error or changes in the same way"
    return Finding("repeat", made.call, response, expected, came)


def own_answer(made: Made, collections: Sequence[Collection]) -> Finding | None:
    """`read_after_write` for the changing call itself, whose answer shows the record that it changed.

    None where it touched more than one record, removed it, or answers with none of its fields.
    """
    touched = _touched(made.before, made.patch)
    if len(touched) != 1:
        return None
    ((collection, record_id), op), *_ = touched.items()
    record = _record(made.session.state, collection, record_id)
    fields = _shown_fields(made.tool, collection, collections)
    if op == "delete" or record is None or not fields:
        return None
    return _against_state(made, f"{collection}/{record_id}", record, fields)


async def read_after_write(reader: Tool, made: Made, collections: Sequence[Collection]) -> Finding | None:
    """Whether a reading tool shows a record that a call touched as it is in the state, or no more if it is gone.

    Applies to a reader without writes that reads a collection which the call changed, is called with the record's id
    and nothing else, and answers with fields of the record's field names and types. A refusal other than 404 may have
    its reasons, and is not counted.
    """
    for (collection, record_id), op in _touched(made.before, made.patch).items():
        fields = _shown_fields(reader, collection, collections)
        call = _reading(reader, collection, record_id)
        if call is None or not fields:
            continue
        reading = await make(made.session, reader, call)
        where = f"{collection}/{record_id}"
        if op == "delete":
            old = _record(made.before, collection, record_id) or {}
            return _after_delete(reading, where, old, fields)
        record = _record(made.session.state, collection, record_id)
        if record is None or not (reading.response.ok or reading.response.status_code in (404, 500)):
            continue
        return _against_state(reading, where, record, fields)
    return None


def can_read(reader: Tool, made: Made, collections: Sequence[Collection]) -> bool:
    """Whether `read_after_write` would call `reader`: tells in advance whether a call has to be paid for."""
    return any(
        _reading(reader, collection, record_id) is not None and _shown_fields(reader, collection, collections)
        for collection, record_id in _touched(made.before, made.patch)
    )


def _against_state(made: Made, where: str, record: JsonObject, fields: Mapping[str, Parameter]) -> Finding:
    response, came = made.response, ""
    if not response.ok:
        came = f"{response.status_code} {response.error_message}"
    else:
        data: JsonObject = response.data if isinstance(response.data, dict) else {}
        for name, parameter in fields.items():
            shown, held = data.get(name), record.get(name)
            if name in record and not same_json(parameter.normalise(shown), parameter.normalise(held)):
                came = f"{name} is {shortened(repr(shown), 80)}; in the state it is {shortened(repr(held), 80)}"
                break
    expected = f"the answer shows {where} as it is in the state: {', '.join(fields)}"
    return Finding("read_after_write", made.call, response, expected, came)


def _after_delete(made: Made, where: str, old: JsonObject, fields: Mapping[str, Parameter]) -> Finding:
    response, came = made.response, ""
    if response.answered_by == "simulator_failure":
        came = response.error_message or "the tool failed"
    elif response.ok and isinstance(response.data, dict):
        data = response.data
        still = [name for name in fields if name in data and name in old and same_json(data[name], old[name])]
        came = f"it still shows {', '.join(still)}" if still else ""
    return Finding("read_after_write", made.call, response, f"{where} is removed, so the answer shows it no more", came)


def _reading(reader: Tool, collection: str, record_id: str) -> ToolCall | None:
    """The call of a reader with a record's id alone; None where there is none."""
    if reader.writes or collection not in reader.reads:
        return None
    names = [name for name, parameter in reader.parameters.items() if parameter.references == collection]
    if len(names) != 1 or reader.parameters[names[0]].type != "string":
        return None
    call = ToolCall(name=reader.name, arguments={names[0]: record_id})
    return call if check(reader, call).passed else None


def _shown_fields(tool: Tool, collection: str, collections: Sequence[Collection]) -> dict[str, Parameter]:
    """The outputs of a tool that can only be fields of a collection's record: of one's name, type and choices.

    A name that another collection of the tool has, too, could be either's.
    """
    known = {one.name: one.fields for one in collections}
    mine = known.get(collection, {})
    others = {name for other in {*tool.reads, *tool.writes} - {collection} for name in known.get(other, {})}
    return {
        name: output
        for name, output in tool.output.items()
        if output.required
        and name in mine
        and name not in others
        and (output.type, output.enum) == (mine[name].type, mine[name].enum)
        and not (output.prose or mine[name].prose)
    }


def _touched(before: State, patch: Patch) -> dict[tuple[str, str], str]:
    """By collection and id: what a patch did to the record, `create`, `update` or `delete`."""
    touched: dict[tuple[str, str], str] = {}
    for operation in patch:
        for collection, record_id, op in _touched_by(operation, before):
            touched.setdefault((collection, record_id), op)
    return touched


def _touched_by(operation: JsonObject, before: State) -> Iterator[tuple[str, str, str]]:
    collection, *rest = pointer_steps(str(operation["path"]))
    if rest:
        known = _record(before, collection, rest[0]) is not None
        removed = operation["op"] == "remove" and len(rest) == 1
        yield collection, rest[0], "delete" if removed else "update" if known else "create"
        return
    # A collection that appears or goes as a whole.
    value, op = (operation["value"], "create") if operation["op"] == "add" else (before.get(collection), "delete")
    for record_id in value if isinstance(value, dict) else ():
        yield collection, record_id, op


def _kinds(touched: Mapping[tuple[str, str], str]) -> set[tuple[str, str]]:
    return {(op, collection) for (collection, _), op in touched.items()}


def _record(state: State, collection: str, record_id: str) -> JsonObject | None:
    record = records_of(state, collection).get(record_id)
    return record if isinstance(record, dict) else None


def _unlike(tool: Tool, first: Response, second: Response) -> str:
    """How a second answer differs from the first one, prose left out; empty where it does not."""
    if first.status_code != second.status_code:
        return f"{second.status_code} {second.error_message or ''} after {first.status_code}"
    left, right = _without_prose(tool, first.data), _without_prose(tool, second.data)
    return "" if same_json(left, right) else f"{shortened(repr(right), 80)} after {shortened(repr(left), 80)}"


def _without_prose(tool: Tool, data: Json) -> Json:
    prose = {name for name, parameter in tool.output.items() if parameter.prose}
    return {name: value for name, value in data.items() if name not in prose} if isinstance(data, dict) else data
