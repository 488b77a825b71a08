"""Candidate calls: realistic arguments drawn from the state and its spare records, and kept if they work.

Unlike the boundary-value drawer, which looks for trouble, this one looks for calls a person could want.
"""

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from synthtools.types.call import Response, ToolCall
from synthtools.types.environment import Collection
from synthtools.types.parameter import Parameter
from synthtools.types.record import Json, JsonObject, Record, State
from synthtools.types.tool import Tool
from synthtools.world.gate import tool_gate
from synthtools.world.patch import pointer
from synthtools.world.state import records_of
from synthtools.world.threads import in_thread
from synthtools.world.world import World

_ID = re.compile(r"[A-Z]{2,}[A-Z0-9]*-[0-9]+")

_MOST_TRIES = 40
"""Calls that are tried to find candidates."""

Spares = Mapping[str, Sequence[JsonObject]]
"""By collection: records outside the state, whose values new records may take."""


class Fact(Record):
    """A value in a response that a person could want to know."""

    words: str
    """What it is, in words."""
    pointer: str
    """JSON pointer into the response's data."""
    value: Json


class Candidate(Record):
    """A call that was run, with its answer and whether it changed the state."""

    call: ToolCall
    response: Response
    changed: bool
    patch: tuple[JsonObject, ...] = ()
    """What it changed: RFC 6902 operations on the state."""
    wanted: Fact | None = None
    """What a person would make the call for, where it reads; None: nothing in the answer can be held to a value."""


def realistic_arguments(
    tool: Tool, state: State, collections: Sequence[Collection], spares: Spares, draw: random.Random
) -> JsonObject | None:
    """Arguments of one call, drawn from the state and the spare records; None: a required parameter has no value there.

    The values of one spare record go together, so that a new record is coherent.
    """
    arguments: JsonObject = {}
    written = [name for name in (*tool.writes, *tool.reads) if spares.get(name)]
    whole = draw.choice(list(spares[written[0]])) if written and tool.writes else {}
    for name, parameter in tool.parameters.items():
        if not parameter.required and draw.random() < 0.6:
            continue
        values = argument_values(name, parameter, tool, state, spares)
        if parameter.references is None and not parameter.enum and name in whole:
            values = [whole[name]]
        if values:
            arguments[name] = draw.choice(values)
        elif parameter.required:
            return None
    optional = [name for name, parameter in tool.parameters.items() if not parameter.required]
    if optional and not any(name in arguments for name in optional):
        name = draw.choice(optional)
        values = argument_values(name, tool.parameters[name], tool, state, spares)
        if values:
            arguments[name] = draw.choice(values)
    return arguments if tool_gate(tool).check(arguments).passed else None


def argument_values(name: str, parameter: Parameter, tool: Tool, state: State, spares: Spares) -> list[Json]:
    """Every value worth trying for a parameter, in a fixed order."""
    if parameter.references:
        return list[Json](sorted(records_of(state, parameter.references)))
    if parameter.enum:
        return list(parameter.enum)
    if parameter.type == "boolean":
        return [True, False]
    seen: list[Json] = []
    for collection in dict.fromkeys((*tool.writes, *tool.reads)):
        for row in (*spares.get(collection, ()), *records_of(state, collection).values()):
            if isinstance(row, dict) and name in row and row[name] not in seen:
                seen.append(row[name])
    if not seen and parameter.minimum is not None:
        seen.append(parameter.minimum)
    return seen


async def find_candidates(
    world: World,
    tool: Tool,
    collections: Sequence[Collection],
    spares: Spares,
    *,
    count: int,
    seed: str,
    avoid: Iterable[ToolCall] = (),
) -> list[Candidate]:
    """Up to `count` different calls that succeed in a fork of the world and change or find something.

    Args:
        world: The session so far; it is not changed.
        tool: The tool to call.
        collections: Schemas of the state.
        spares: Records outside the state, whose values new records may take.
        count: Most candidates.
        seed: Draws are a function of this text and the state.
        avoid: Calls not to make again.
    """
    found: list[Candidate] = []
    calls = _tried(found, world, tool, collections, spares, count=count, seed=seed, avoid=avoid)
    if world.answered_by_code(tool.name):
        await in_thread(_make, calls)
    else:
        for fork, call in calls:
            await fork.acall(call)
    return found


def _make(calls: Iterator[tuple[World, ToolCall]]) -> None:
    for fork, call in calls:
        fork.call(call)


def _tried(
    found: list[Candidate],
    world: World,
    tool: Tool,
    collections: Sequence[Collection],
    spares: Spares,
    *,
    count: int,
    seed: str,
    avoid: Iterable[ToolCall],
) -> Iterator[tuple[World, ToolCall]]:
    """Calls, each with the fork to make it in before the next is asked for; `found` gets those that are candidates."""
    draw = random.Random(seed)
    tried = {str(call) for call in avoid}
    state = world.state
    for _ in range(_MOST_TRIES):
        arguments = realistic_arguments(tool, state, collections, spares, draw)
        if arguments is None:
            continue
        call = ToolCall(name=tool.name, arguments=arguments)
        if str(call) in tried:
            continue
        tried.add(str(call))
        fork = world.fork()
        yield fork, call
        made = fork.transcript[-1]
        changed = bool(made.patch)
        if made.response.ok and changed == tool.changes_state and (changed or _tells_something(made.response.data)):
            known = facts(tool, call, made.response) if not changed else []
            wanted = draw.choice(known) if known else None
            found.append(
                Candidate(call=call, response=made.response, changed=changed, patch=tuple(made.patch), wanted=wanted)
            )
            if len(found) == count:
                return


def facts(tool: Tool, call: ToolCall, response: Response) -> list[Fact]:
    """Single values in a response that are not among the call's arguments; inside a list, only if it has one record."""
    data = response.data
    if not isinstance(data, dict):
        return []
    given = [str(value) for value in call.arguments.values()]
    found = [
        Fact(words=name.replace("_", " "), pointer=pointer(name), value=value)
        for name, value in data.items()
        if _is_fact(value, tool.output.get(name), given)
    ]
    for name, rows in data.items():
        if isinstance(rows, list) and len(rows) == 1 and isinstance(row := rows[0], dict):
            shapes = (tool.output[name].items if name in tool.output else None) or Parameter(type="object")
            found.extend(
                Fact(words=key.replace("_", " "), pointer=pointer(name, "0", key), value=value)
                for key, value in row.items()
                if _is_fact(value, (shapes.properties or {}).get(key), given)
            )
    return found


def strangers(request: str, calls: Sequence[ToolCall], state: State, spares: Spares) -> list[str]:
    """Texts of records that a request mentions although its calls are not about these records: mostly a false premise.

    A text may be mentioned if a call passes it, or if it stands in a record whose id a call passes.
    """
    passed = {str(value) for call in calls for value in call.arguments.values()}
    rows = [(key, row) for name in state for key, row in records_of(state, name).items() if isinstance(row, dict)]
    rows += [("", row) for kept in spares.values() for row in kept]
    allowed = passed | {str(value) for key, row in rows if key in passed for value in row.values()}
    texts = {
        str(value)
        for key, row in rows
        for value in (key, *row.values())
        if isinstance(value, str) and len(value) > 3 and (" " in value or _ID.fullmatch(value) or value[0].isupper())
    }
    said = request.lower()
    own = " ".join(allowed).lower()
    return sorted(text for text in texts if text.lower() in said and text.lower() not in own)


def _is_fact(value: Json, shape: Parameter | None, given: Sequence[str]) -> bool:
    """Whether a value is worth asking for: a short text or a larger number, neither prose nor an id nor in `given`."""
    if (shape is not None and (shape.prose or shape.references)) or isinstance(value, bool) or str(value) in given:
        return False
    if isinstance(value, str):
        return 3 <= len(value) <= 60 and _ID.fullmatch(value) is None
    return isinstance(value, int | float) and abs(value) >= 10


def _tells_something(data: Json) -> bool:
    """Whether a response holds more than empty lists and zeros."""
    if isinstance(data, dict):
        return any(_tells_something(value) for value in data.values())
    if isinstance(data, list):
        return bool(data)
    return data not in (None, "", 0)
