"""How long the items of a stage take, and which of them take much longer than their like: ended ones and begun ones."""

import math
import sqlite3
import statistics
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self, cast

from synthtools.runs.item import Item, Outcome, Status
from synthtools.runs.reader import StoreReader
from synthtools.runs.store import Store
from synthtools.types.record import Json, JsonObject

TIMES = 5.0
"""An item is slow that takes so many times the median of its stage."""
LEAST = 10.0
"""Seconds below which nothing is slow."""
KNOWN = 5
"""Items of a stage that must have ended before its median says anything."""
_NAMED = 3
"""Most items that are named, of those that have ended and of those that have not."""


def slow_after(usual: float) -> float:
    """Seconds after which an item is slow in a stage whose median is `usual`."""
    return max(LEAST, TIMES * usual)


class Timed(NamedTuple):
    """An item, and for how many seconds it was or is worked on."""

    id: str
    status: Status
    """`todo`: it is begun and not ended."""
    seconds: float
    times: float | None
    """The median of its stage it comes to; None where that is 0."""


class StageTimes(NamedTuple):
    """How long the items of a stage take, in seconds."""

    median: float
    """Of the done items."""
    p95: float
    """What 95 % of the done items are within."""
    slow: int
    """Items that took, or take, much longer than the median."""
    slowest: tuple[Timed, ...]
    """The slowest ended items, the slowest first."""
    in_flight: tuple[Timed, ...]
    """Items that are begun and not ended, the oldest first, of a command that works or was killed."""

    @property
    def stragglers(self) -> list[Timed]:
        """Of the slow items, a few: those that have not ended for longest, then the slowest of those that have."""
        bound = slow_after(self.median)
        return [item for item in (*self.in_flight[:_NAMED], *self.slowest) if item.seconds > bound]

    def to_json(self) -> JsonObject:
        """As `status --json` writes it."""
        return {
            "median": self.median,
            "p95": self.p95,
            "slow": self.slow,
            "slowest": [dict[str, Json](item._asdict()) for item in self.slowest],
            "in_flight": [dict[str, Json](item._asdict()) for item in self.in_flight],
        }


class Begun:
    """A watcher that notes in the run what is begun, until it has ended, for who looks at the run meanwhile.

    What a killed process left is forgotten at the start, what an interrupted one leaves, at the end.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    def __enter__(self) -> Self:
        self._store.write(_forget)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._store.submit(_forget)

    def started(self, item: Item) -> None:
        """Notes an item."""
        values = (*item.key, self._clock())
        self._store.submit(
            lambda connection: connection.execute("INSERT OR REPLACE INTO in_flight VALUES (?, ?, ?)", values)
        )

    def finished(self, outcome: Outcome, record: Any) -> None:
        """Nothing: the commit of an outcome takes its note away."""


def _forget(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM in_flight")


def read_times(store: StoreReader, stage: str, clock: Callable[[], float] = time.time) -> StageTimes | None:
    """How long the items of a stage take; None where too few of them are done to say."""
    done = [
        cast(float, row[0])
        for row in store.rows(
            "SELECT seconds FROM items WHERE stage = ? AND status = 'done' ORDER BY seconds", (stage,)
        )
    ]
    if len(done) < KNOWN:
        return None
    median = statistics.median(done)

    def timed(id: object, status: object, seconds: float) -> Timed:
        return Timed(str(id), cast(Status, status), seconds, seconds / median if median else None)

    ended = store.rows(
        "SELECT id, status, seconds FROM items WHERE stage = ? AND status != 'todo' ORDER BY seconds DESC, id LIMIT ?",
        (stage, _NAMED),
    )
    bound = slow_after(median)
    slow = store.rows("SELECT count(*) FROM items WHERE stage = ? AND status != 'todo' AND seconds > ?", (stage, bound))
    now = clock()
    begun = [timed(id, "todo", max(0.0, now - since)) for id, since in store.begun(stage)]
    return StageTimes(
        median,
        done[math.ceil(0.95 * len(done)) - 1],
        cast(int, slow[0][0]) + sum(item.seconds > bound for item in begun),
        tuple(timed(id, status, cast(float, seconds)) for id, status, seconds in ended),
        tuple(begun),
    )
