"""Recorded calls: the same call in the same world gives the same answer, whoever gave it first."""

import asyncio
import weakref
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

from synthtools.types import Tool, Transition
from synthtools.types.canonical import content_hash
from synthtools.types.record import Json, JsonObject


class Transitions(Protocol):
    """A store of transitions by key; the first one put under a key stays."""

    def get(self, key: str) -> Transition | None:
        """The transition recorded under a key."""
        ...

    def put(self, key: str, transition: Transition) -> Transition:
        """Records a transition unless the key has one; returns the one recorded under it."""
        ...


class MemoryTransitions:
    """Transitions kept in memory, for one process."""

    def __init__(self, transitions: Iterable[Transition] = ()) -> None:
        self._known: dict[str, Transition] = {}
        for transition in transitions:
            self.put(key_of(transition), transition)

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[Transition]:
        return iter(self._known.values())

    def get(self, key: str) -> Transition | None:
        """The transition recorded under a key."""
        return self._known.get(key)

    def put(self, key: str, transition: Transition) -> Transition:
        """Records a transition unless the key has one; returns the one recorded under it."""
        return self._known.setdefault(key, transition)


_Turns = weakref.WeakValueDictionary[tuple[int, str], asyncio.Lock]

_TURNS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = weakref.WeakKeyDictionary()


@asynccontextmanager
async def one_at_a_time(transitions: Transitions, key: str) -> AsyncGenerator[None]:
    """Lets one caller of an event loop at a time answer a key; between loops the first writer wins."""
    turns = _TURNS.setdefault(asyncio.get_running_loop(), _Turns())
    lock = turns.setdefault((id(transitions), key), asyncio.Lock())
    async with lock:
        yield


def transition_key(tool: Tool, arguments: Mapping[str, Json], reads_hash: str, now: str) -> str:
    """The key of a call: tool version, complete arguments, the slice it may look at, the clock."""
    return _key(tool.version, dict(arguments), reads_hash, now)


def key_of(transition: Transition) -> str:
    """The key that a transition was recorded under."""
    return _key(transition.tool_version, transition.arguments, transition.reads_hash, transition.now)


def _key(version: str, arguments: JsonObject, reads_hash: str, now: str) -> str:
    return content_hash([version, arguments, reads_hash, now])
