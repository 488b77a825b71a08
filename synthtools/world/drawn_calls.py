"""Drawn calls of a tool, each with the state in which it is made."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice

from synthtools.types import Collection, Tool
from synthtools.types.record import Json, JsonObject, State
from synthtools.world.behaviour import Call
from synthtools.world.draw import draw_arguments
from synthtools.world.edges import edge_arguments
from synthtools.world.state import in_order, records_of

_CHAIN = 16
"""Draws after which a chain of calls starts anew from the given state."""

_AGAIN = 5
"""How often a call that changes the state is made in a row: quotas and stocks run out."""

_MOST_REPEATED = 3

_MOST_VARIED = 4
"""Successful calls whose edges are tried, and how many of each."""

_MOST_EDGES = 10


class DrawnCalls:
    """Seeded calls: on the given state, on what calls before them made of it, and on states without records.

    Worked calls come first. Of the drawn ones every second goes on from where the last one of its chain led, and every
    tenth meets empty collections. Then some successful calls are made once more with an argument on the edge of what
    their records hold, and some that changed the state several times in a row. Whoever makes the calls must pass the
    state after each to `led_to`; a call after which that was not done counts as failed.

    Args:
        tool: The tool.
        state: A populated state.
        collections: Its schemas.
        now: The clock.
        draws: How many calls are drawn; the varied and repeated ones come on top.
        seed: Equal seeds give equal draws.
        constants: Numbers that the tool's code compares with.
        worked: Calls that are known, with the states that they are made in.
    """

    def __init__(
        self,
        tool: Tool,
        state: State,
        collections: Sequence[Collection],
        *,
        now: str,
        draws: int,
        seed: int,
        constants: Sequence[Json] = (),
        worked: Sequence[tuple[JsonObject, State]] = (),
    ) -> None:
        self._worked = worked
        self._tool = tool
        self._given = state
        self._now = now
        self._constants = constants
        self._drawn = draw_arguments(tool, state, collections, seed, draws, now=now)
        self._bare = states_without(state, (*tool.reads, *tool.writes))
        self._led: list[State] = []
        self._refused = False

    def independent(self) -> Iterator[Call]:
        """Those of the calls that are made whatever comes of the others, in their order."""
        yield from (Call(*worked) for worked in self._worked)
        for index, arguments in enumerate(self._drawn):
            if self._is_bare(index):
                yield Call(arguments, self._bare_state(index))
            elif not self._is_chained(index):
                yield Call(arguments, self._given)

    def __iter__(self) -> Iterator[tuple[JsonObject, State]]:
        chain = self._given
        repeated: list[JsonObject] = []
        varied: list[JsonObject] = []
        yield from self._worked
        for index, arguments in enumerate(self._drawn):
            if index % _CHAIN == 0:
                chain = self._given
            if self._is_bare(index):
                yield arguments, self._bare_state(index)
                continue
            start = chain if self._is_chained(index) else self._given
            after = yield from self._made(arguments, start)
            if after is None:
                continue
            if after is not start and len(repeated) < _MOST_REPEATED and arguments not in repeated:
                repeated.append(arguments)
            if start is self._given and not self._refused and len(varied) < _MOST_VARIED and arguments not in varied:
                varied.append(arguments)
            if self._is_chained(index):
                chain = after
        for arguments in varied:
            edges = edge_arguments(self._tool, arguments, self._given, now=self._now, constants=self._constants)
            for edge in islice(edges, _MOST_EDGES):
                yield edge, self._given
        for arguments in repeated:
            start = self._given
            for _ in range(_AGAIN):
                after = yield from self._made(arguments, start)
                if after is None or after is start:
                    break
                start = after

    @staticmethod
    def _is_chained(index: int) -> bool:
        return index % 2 == 1

    @staticmethod
    def _is_bare(index: int) -> bool:
        return index % 10 == 9

    def _bare_state(self, index: int) -> State:
        return self._bare[index // 10 % len(self._bare)]

    def led_to(self, state: State, *, refused: bool) -> None:
        """Takes the state after the last call: the same object as before, if the call changed nothing."""
        self._led.append(state)
        self._refused = refused

    def _made(self, arguments: JsonObject, start: State) -> Generator[tuple[JsonObject, State], None, State | None]:
        self._led.clear()
        yield arguments, start
        after = self._led[-1] if self._led else None
        if after is None or after is start:
            return after
        changed = {name: after[name] for name in self._tool.writes if name in after}
        ordered: State = {name: in_order(held) if isinstance(held, dict) else held for name, held in changed.items()}
        return {**after, **ordered}


def states_without(state: State, names: Iterable[str]) -> list[State]:
    """The state without any record, and without those of one of the named collections and those that refer to them."""
    nothing: State = {name: _emptied(records) for name, records in state.items()}
    found = [nothing]
    for name in dict.fromkeys(names):
        if name not in state:
            continue
        gone = {name}
        while more := [other for other in state if other not in gone and any(_refers(state, other, to) for to in gone)]:
            gone.update(more)
        if len(gone) < len(state):
            found.append({other: _emptied(held) if other in gone else held for other, held in state.items()})
    return found


def _emptied(records: Json) -> Json:
    """A collection without its records; a setting, which has none, stays."""
    if isinstance(records, list):
        return []
    return {} if isinstance(records, dict) else records


def _refers(state: State, name: str, target: str) -> bool:
    """Whether a record of one collection holds an id of another one's."""
    ids = records_of(state, target)
    records = [record for record in records_of(state, name).values() if isinstance(record, dict)]
    return any(_holds(value, ids) for record in records for value in record.values())


def _holds(value: Json, ids: JsonObject) -> bool:
    if isinstance(value, list):
        return any(_holds(item, ids) for item in value)
    return isinstance(value, str) and value in ids
