"""What the gold calls of a task do, computed when first needed: their responses, and the new ids they choose."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from synthtools.errors import ReplayError
from synthtools.types import Response, Task, ToolCall
from synthtools.types.names import words_of
from synthtools.types.record import Json, JsonObject, State
from synthtools.world.gate import fill
from synthtools.world.ids import next_id
from synthtools.world.pairing import created
from synthtools.world.replay import open_world
from synthtools.world.state import records_of
from synthtools.world.transitions import Transitions
from synthtools.world.world import World


class GoldRun:
    """The gold calls of a task, made again at most once, and only when something asks what they do.

    Args:
        task: The task.
        worlds: Gives the world before each gold call and the one after them all, each a fork of the one before; none
            where the task has no world that can be run.
    """

    def __init__(self, task: Task, worlds: Callable[[], Sequence[World]]) -> None:
        self._task = task
        self._give = worlds

    @classmethod
    def of(cls, task: Task, transitions: Transitions | None = None) -> "GoldRun":
        """The gold calls in a fresh world of the task."""
        return cls(task, lambda: _worlds(task, None if task.gold else transitions))

    @property
    def responses(self) -> Sequence[Response]:
        """What the gold calls answer, in their order; empty where they cannot be made."""
        return [exchange.response for exchange in self._worlds[-1].transcript] if self._worlds else []

    @cached_property
    def chosen_ids(self) -> Mapping[str, frozenset[str]]:
        """The ids of new records, by collection, that the caller chooses: they follow from the call's arguments.

        Such an id is an argument (`list.txt`), or is made of arguments (`RM-1/2026-05-02`), and the same call made once
        more gives no other one. All other new ids are the tool's, and stand for each other.
        """
        final, initial = self._task.final_state, self._task.initial_state or {}
        given = [arguments for call in self._task.gt_tool_calls for arguments in self._arguments(call)]
        if final is not None and not any(
            _is_made_of(record_id, given) for ids in created(initial, final).values() for record_id in ids
        ):
            return {}
        chosen: dict[str, set[str]] = {}
        generated: set[str] = set()
        for call, before, after in zip(self._task.gt_tool_calls, self._worlds, self._worlds[1:], strict=False):
            # An id that a tool gave before is not the caller's choice.
            arguments = [argument for argument in self._arguments(call) if argument not in generated]
            for name, ids in created(before.state, after.state).items():
                for record_id in ids:
                    if self._is_chosen(name, record_id, call, arguments, before.state, after.state):
                        chosen.setdefault(name, set()).add(record_id)
                    else:
                        generated.add(record_id)
        return {name: frozenset(ids) for name, ids in chosen.items()}

    def created_by(self) -> Iterator[tuple[str, str, Sequence[str]]]:
        """Every new record of the gold calls: collection, id, and the arguments up to the call that created it."""
        initial = self._task.initial_state or {}
        arguments: list[str] = []
        for call, before, after in zip(self._task.gt_tool_calls, self._worlds, self._worlds[1:], strict=False):
            arguments += self._arguments(call)
            known = {name: {*records_of(initial, name), *records_of(before.state, name)} for name in after.state}
            for name, ids in created({}, after.state, known).items():
                yield from ((name, record_id, tuple(arguments)) for record_id in ids)

    def _is_chosen(
        self, name: str, record_id: str, call: ToolCall, arguments: Sequence[str], before: State, after: State
    ) -> bool:
        texts = [text for text in arguments if not text.isdigit()]
        if record_id in texts:
            return True
        if self._task.world is None or not _is_made_of(record_id, arguments):
            return False
        again = World(self._task.world, after)  # Where nothing is recorded.
        if again.call(call).ok:
            return name not in created(after, again.state)
        # A second call is refused: then only a number could be the tool's own counting.
        collection = next((collection for collection in self._task.collections if collection.name == name), name)
        return _is_made_of(record_id, texts) or record_id != next_id(before, collection)

    def _arguments(self, call: ToolCall) -> list[str]:
        """The texts and whole numbers among a call's arguments, defaults included."""
        tool = self._task.tool(call.name)
        return list(_texts(call.arguments if tool is None else fill(tool, call)))

    @cached_property
    def _worlds(self) -> Sequence[World]:
        return self._give()


def _worlds(task: Task, transitions: Transitions | None) -> Sequence[World]:
    try:
        worlds = [open_world(task, transitions=transitions)]
    except ReplayError:
        return []
    for call in task.gt_tool_calls:
        after = worlds[-1].fork()
        after.call(call)
        worlds.append(after)
    return worlds


def _is_made_of(record_id: str, arguments: Iterable[str]) -> bool:
    """Whether an id is made of arguments, and of nothing else that counts: `RM-1/2026-05-02`, not `RM-1/2`."""
    rest = f" {_spaced(record_id)} "
    for argument in sorted({_spaced(argument) for argument in arguments} - {""}, key=len, reverse=True):
        rest = rest.replace(f" {argument} ", "  ")
    return rest.split() != _spaced(record_id).split() and not any(letter.isdigit() for letter in rest)


def _spaced(text: str) -> str:
    """The words of a text, one space between them."""
    return " ".join(words_of(text))


def _texts(value: Json | JsonObject | State) -> Iterator[str]:
    match value:
        case bool() | None:
            return
        case str():
            yield value
        case int():
            yield str(value)
        case dict():
            for item in value.values():
                yield from _texts(item)
        case list():
            for item in value:
                yield from _texts(item)
        case _:
            return
