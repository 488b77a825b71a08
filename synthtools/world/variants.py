"""Broken variants of a gold solution: calls dropped, altered, doubled, moved or added, all to be told from it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import combinations
from typing import Literal, NamedTuple

from synthtools.types import Collection, Parameter, Tool, ToolCall
from synthtools.types.canonical import same_json
from synthtools.types.dates import is_date_time
from synthtools.types.record import Json, State
from synthtools.world.draw import draw_other_values, draw_valid_call
from synthtools.world.gate import check
from synthtools.world.state import records_of
from synthtools.world.validators import compile_schema
from synthtools.world.world import World

Kind = Literal[
    "dropped",
    "altered",
    "other_record",
    "swapped_arguments",
    "altered_read",
    "swapped",
    "duplicated",
    "extra_write",
]


_VALUES = 3
"""Other values of an argument."""
_TRIES = 6
"""Drawn calls of a tool, to find one more that changes something."""


class Variant(NamedTuple):
    """A changed solution."""

    kind: Kind
    calls: tuple[ToolCall, ...]
    gold: tuple[int | None, ...]
    """For every call, the index of the gold call that it stands for; None: it has none."""
    what: str
    """The change in words."""
    call: int | None = None
    """The gold call that was changed."""
    parameter: str | None = None
    """The argument that was changed."""


class GoldStep(NamedTuple):
    """A gold call with the state before it."""

    call: ToolCall
    before: State
    changes: bool
    """Whether its tool is one that changes the state, even if this call did not."""
    required: bool = False
    """Whether verification asks for it although it changes nothing: an answer rests on it, or the policy names it."""

    @property
    def matters(self) -> bool:
        """Whether a solution without it is broken."""
        return self.changes or self.required


def dropped(gold: Sequence[GoldStep]) -> Iterator[Variant]:
    """Every call that matters left out, one at a time."""
    for index, step in enumerate(gold):
        if step.matters:
            rest = [other for other in range(len(gold)) if other != index]
            yield Variant("dropped", tuple(gold[i].call for i in rest), tuple(rest), f"without {step.call}", index)


def altered(gold: Sequence[GoldStep], world: World, collections: Sequence[Collection]) -> Iterator[Variant]:
    """Every argument of every call with other valid values; prose is left as it is.

    First come the values nearest to the right one (the next number, the next day, another record of the kind), then
    drawn ones: 3 in all, 6 for a call that reads. Of a call that changes the state, another record is a kind of its
    own.
    """
    tools = {tool.name: tool for tool in world.tools}
    for index, step in enumerate(gold):
        tool = tools[step.call.name]
        for name, parameter in tool.parameters.items():
            if name not in step.call.arguments or parameter.prose:
                continue
            value = step.call.arguments[name]
            kind: Kind = "other_record" if parameter.references and step.changes else "altered"
            kind = kind if step.changes else "altered_read"
            near = _nearest(tool, parameter, value, step.before)
            drawn = draw_other_values(tool, name, value, step.before, collections, seed=index, n=_VALUES)
            most = _VALUES if step.changes else 2 * _VALUES
            for other in _distinct(value, [*near[:_VALUES], *drawn])[:most]:
                yield _with(gold, kind, index, {**step.call.arguments, name: other}, name)


def swapped_arguments(gold: Sequence[GoldStep], world: World) -> Iterator[Variant]:
    """Every call that matters with the values of two arguments exchanged, where its tool lets them pass."""
    tools = {tool.name: tool for tool in world.tools}
    for index, step in enumerate(gold):
        tool, arguments = tools[step.call.name], step.call.arguments
        if not step.matters:
            continue
        for left, right in combinations(arguments, 2):
            if tool.parameters[left].prose or tool.parameters[right].prose:
                continue
            if same_json(arguments[left], arguments[right]):
                continue
            exchanged = {**arguments, left: arguments[right], right: arguments[left]}
            if check(tool, ToolCall(name=tool.name, arguments=exchanged)).passed:
                yield _with(gold, "swapped_arguments", index, exchanged, left)


def swapped(gold: Sequence[GoldStep]) -> Iterator[Variant]:
    """Every two neighbours in the other order."""
    for index in range(len(gold) - 1):
        if same_json(gold[index].call.to_json(), gold[index + 1].call.to_json()):
            continue
        order = [*range(index), index + 1, index, *range(index + 2, len(gold))]
        what = f"{gold[index + 1].call} before {gold[index].call}"
        yield Variant("swapped", tuple(gold[i].call for i in order), tuple(order), what, index)


def duplicated(gold: Sequence[GoldStep]) -> Iterator[Variant]:
    """Every changing call made twice, at once and again at the end."""
    indices = list(range(len(gold)))
    for index, step in enumerate(gold):
        if not step.changes:
            continue
        for at in sorted({index + 1, len(gold)}):
            calls = [other.call for other in gold]
            calls.insert(at, step.call)
            places: list[int | None] = [*indices[:at], None, *indices[at:]]
            yield Variant("duplicated", tuple(calls), tuple(places), f"{step.call} twice", index)


def extra_writes(gold: Sequence[GoldStep], world: World, collections: Sequence[Collection]) -> Iterator[Variant]:
    """The gold solution with one more successful changing call at its end.

    There is one for every changing tool that has one, and one for every gold call that can be made on another record.
    """
    tools = {tool.name: tool for tool in world.tools}
    for index, step in enumerate(gold):
        if step.changes:
            yield from _on_another(gold, index, tools[step.call.name], world)
    for tool in world.tools:
        if not tool.changes_state or not world.answered_by_code(tool.name):
            continue
        for seed in range(_TRIES):
            call = draw_valid_call(tool, world.state, collections, seed)
            if call is None:
                break
            if _changes_something(call, world):
                yield _besides(gold, call)
                break


def _on_another(gold: Sequence[GoldStep], index: int, tool: Tool, world: World) -> Iterator[Variant]:
    call = gold[index].call
    for name, parameter in tool.parameters.items():
        if not parameter.references or name not in call.arguments:
            continue
        for other in _distinct(call.arguments[name], _nearest(tool, parameter, call.arguments[name], world.state)):
            again = ToolCall(name=tool.name, arguments={**call.arguments, name: other})
            if _changes_something(again, world):
                yield _besides(gold, again)
                return


def _changes_something(call: ToolCall, world: World) -> bool:
    fork = world.fork()
    return fork.call(call).ok and bool(fork.transcript[-1].patch)


def _besides(gold: Sequence[GoldStep], call: ToolCall) -> Variant:
    calls = (*(step.call for step in gold), call)
    return Variant("extra_write", calls, (*range(len(gold)), None), f"{call} besides")


def _with(gold: Sequence[GoldStep], kind: Kind, index: int, arguments: dict[str, Json], name: str) -> Variant:
    """The solution with other arguments in one call."""
    call = ToolCall(name=gold[index].call.name, arguments=arguments)
    calls = tuple(call if i == index else step.call for i, step in enumerate(gold))
    return Variant(kind, calls, tuple(range(len(gold))), f"{call} instead of {gold[index].call}", index, name)


def _nearest(tool: Tool, parameter: Parameter, value: Json, state: State) -> list[Json]:
    """The valid values that a careless solution would pass instead of the right one."""
    if parameter.references:
        found: Iterable[Json] = records_of(state, parameter.references)
    elif parameter.enum:
        found = parameter.enum
    elif isinstance(value, bool):
        found = (not value,)
    elif isinstance(value, int | float):
        found = [value + 1, value - 1, *_near_in_state(tool, value, state)]
    elif is_date_time(value):
        found = [f"{other}{value[10:]}" for other in _days_around(value)]
    else:
        found = ()
    validator = compile_schema(parameter.json_schema())
    return [other for other in map(parameter.normalise, found) if validator.is_valid(other)]


def _near_in_state(tool: Tool, value: float, state: State) -> list[Json]:
    """The number nearest to a value among those of the records that a tool touches, and that one's neighbour."""
    numbers = [
        number
        for name in (*tool.writes, *tool.reads)
        for record in records_of(state, name).values()
        if isinstance(record, dict)
        for number in record.values()
        if isinstance(number, int | float) and not isinstance(number, bool) and number != value
    ]
    nearest = min(numbers, key=lambda number: (abs(number - value), number), default=None)
    return [] if nearest is None else [nearest, nearest + 1]


def _days_around(moment: str) -> list[str]:
    around: list[str] = []
    for days in (1, -1):
        try:
            around.append((datetime.fromisoformat(moment).date() + timedelta(days=days)).isoformat())
        except OverflowError:
            continue
    return around


def _distinct(value: Json, others: Iterable[Json]) -> list[Json]:
    """The others that differ from a value and from each other, in their order."""
    found: list[Json] = []
    for other in others:
        if not any(same_json(other, known) for known in (value, *found)):
            found.append(other)
    return found
