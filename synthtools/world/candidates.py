"""Candidate calls: realistic arguments drawn from the state and its spare records, and kept if they work.

Unlike the boundary-value drawer, which looks for trouble, this one looks for calls a person could want.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from synthtools.types.call import Response, ToolCall
from synthtools.types.environment import Collection
from synthtools.types.record import Json, JsonObject, Record, State
from synthtools.types.tool import Parameter, Tool
from synthtools.world.gate import tool_gate
from synthtools.world.world import World

Spares = Mapping[str, Sequence[JsonObject]]
"""By collection: records outside the state, whose values new records may take."""


class Candidate(Record):
    """A call that was run, with its answer and whether it changed the state."""

    call: ToolCall
    response: Response
    changed: bool
    patch: tuple[JsonObject, ...] = ()
    """What it changed: RFC 6902 operations on the state."""


def realistic_arguments(
    tool: Tool, state: State, collections: Sequence[Collection], spares: Spares, draw: random.Random
) -> JsonObject | None:
    """Arguments of one call, drawn from what is there; None where a required parameter has nothing to draw from.

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
        rows: Iterable[JsonObject] = (*spares.get(collection, ()), *records_of(state, collection).values())
        for row in rows:
            if name in row and row[name] not in seen:
                seen.append(row[name])
    if not seen and parameter.minimum is not None:
        seen.append(parameter.minimum)
    return seen


def records_of(state: State, collection: str) -> dict[str, JsonObject]:
    """The records of a collection by id; empty where the state has no such map."""
    records = state.get(collection)
    return cast("dict[str, JsonObject]", records) if isinstance(records, dict) else {}


async def find_candidates(
    world: World,
    tool: Tool,
    collections: Sequence[Collection],
    spares: Spares,
    *,
    count: int,
    seed: str,
    avoid: Iterable[ToolCall] = (),
    draws: int = 40,
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
        draws: Most calls that are tried.
    """
    draw = random.Random(seed)
    tried = {str(call) for call in avoid}
    found: list[Candidate] = []
    for _ in range(draws):
        arguments = realistic_arguments(tool, world.state, collections, spares, draw)
        if arguments is None:
            continue
        call = ToolCall(name=tool.name, arguments=arguments)
        if str(call) in tried:
            continue
        tried.add(str(call))
        fork = world.fork()
        response = await fork.acall(call)
        patch = tuple(fork.transcript[-1].patch)
        changed = bool(patch)
        if response.ok and changed == tool.changes_state and (changed or _tells_something(response.data)):
            found.append(Candidate(call=call, response=response, changed=changed, patch=patch))
            if len(found) == count:
                break
    return found


def _tells_something(data: Json) -> bool:
    """Whether a response holds more than empty lists and zeros."""
    if isinstance(data, dict):
        return any(_tells_something(value) for value in data.values())
    if isinstance(data, list):
        return bool(data)
    return data not in (None, "", 0)
