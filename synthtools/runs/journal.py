"""What a run keeps of its model calls: answers until their item commits, and the account of every paid call."""

import asyncio
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar, cast

import orjson

from synthtools.errors import DamagedRecord
from synthtools.runs.item import Item
from synthtools.types.record import JsonObject
from synthtools.types.usage import LedgerEntry, Usage

T = TypeVar("T")


class JournalStore(Protocol):
    """What the journal and the ledger need of a store."""

    def submit(self, operation: Callable[[sqlite3.Connection], T]) -> "Future[T]":
        """Queues a write."""
        ...

    def rows(self, sql: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        """Runs a small query."""
        ...


class ItemJournal:
    """The journal of one item: answers that are kept until the item's record commits.

    An answer is on its way to the file when `put` returns, and in it when what that gives is done. Answers of many
    items share a commit.
    """

    def __init__(self, store: JournalStore, item: Item) -> None:
        self._store = store
        self._item = item
        self._pending: dict[str, Future[None]] = {}
        """What is being written, by key."""
        self._keys: set[str] | None = None
        """Of the answers that are there, once `get` has looked: nobody else adds any."""

    def get(self, key: str) -> JsonObject | None:
        """The answer under a key. Raises: RunError where an earlier answer could not be written."""
        for written in [key for key, writing in self._pending.items() if writing.done()]:
            self._pending.pop(written).result()
        if key in self._pending:
            self._pending.pop(key).result()
        if self._keys is None:
            sql = "SELECT key FROM journal WHERE stage = ? AND item = ?"
            self._keys = {*self._pending, *(str(row[0]) for row in self._store.rows(sql, self._item.key))}
        if key not in self._keys:
            return None
        found = self._store.rows(
            "SELECT answer FROM journal WHERE stage = ? AND item = ? AND key = ?", (*self._item.key, key)
        )
        return unpack_answer(cast(bytes, found[0][0])) if found else None

    async def aget(self, key: str) -> JsonObject | None:
        """As `get`; the event loop goes on while answers are written."""
        if key in self._pending:
            await asyncio.wrap_future(self._pending[key])
        return self.get(key)

    def put(self, key: str, answer: JsonObject) -> "Future[None]":
        """Keeps an answer; it is packed where it is written, off the event loop. Returns what is done once it is."""
        return self._put(key, lambda: pack_answer(answer))

    def put_packed(self, key: str, answer: bytes) -> "Future[None]":
        """Keeps an answer that was packed elsewhere."""
        return self._put(key, lambda: answer)

    def packed(self) -> dict[str, bytes]:
        """All answers by key, packed. Raises: RunError as `get`."""
        while self._pending:
            self._pending.popitem()[1].result()
        found = self._store.rows("SELECT key, answer FROM journal WHERE stage = ? AND item = ?", self._item.key)
        return dict(cast("list[tuple[str, bytes]]", found))

    def _put(self, key: str, packed: Callable[[], bytes]) -> "Future[None]":
        def insert(connection: sqlite3.Connection) -> None:
            values = (*self._item.key, key, packed())
            connection.execute("INSERT OR REPLACE INTO journal VALUES (?, ?, ?, ?)", values)

        if self._keys is not None:
            self._keys.add(key)
        writing = self._pending[key] = self._store.submit(insert)
        return writing


def pack_answer(answer: JsonObject) -> bytes:
    """An answer as the journal keeps it."""
    return zlib.compress(orjson.dumps(answer), 1)


def unpack_answer(packed: bytes) -> JsonObject:
    """The answer that was packed. Raises: DamagedRecord."""
    try:
        return cast(JsonObject, orjson.loads(zlib.decompress(packed)))
    except (zlib.error, orjson.JSONDecodeError) as error:
        raise DamagedRecord("an answer that the journal kept is damaged: `--retry-failed` asks again") from error


class RunLedger:
    """Writes every paid call into the run, and knows what the run has cost so far."""

    def __init__(self, store: JournalStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self.by_model: dict[str, Usage] = {model: usage for (model,), usage in usage_by(store, "model")}
        """What the run's calls have cost, over all its processes, by model."""

    @property
    def usage(self) -> Usage:
        """What the run's calls have cost, over all its processes and models."""
        return sum(self.by_model.values(), Usage())

    def write(self, entry: LedgerEntry) -> Callable[[str], None]:
        """Records a call; returns at once with what changes its outcome."""
        call = Usage(
            calls=1,
            prompt_tokens=entry.prompt_tokens,
            cached_tokens=entry.cached_tokens,
            completion_tokens=entry.completion_tokens,
        )
        with self._lock:
            self.by_model[entry.model] = self.by_model.get(entry.model, Usage()) + call
        values = (
            *(entry.stage, entry.item, entry.role, entry.model, entry.replica, entry.attempt),
            *(entry.prompt_tokens, entry.cached_tokens, entry.completion_tokens, entry.seconds, entry.outcome),
            *(time.time(), entry.retry),
        )
        row: list[int | None] = []  # filled and read on the store's writer alone, in the order of submission

        def insert(connection: sqlite3.Connection) -> None:
            row.append(connection.execute(_INSERT, values).lastrowid)

        def amend(outcome: str) -> None:
            self._store.submit(
                lambda connection: connection.execute("UPDATE ledger SET outcome = ? WHERE seq = ?", (outcome, *row))
            )

        self._store.submit(insert)
        return amend


_INSERT = (
    "INSERT INTO ledger (stage, item, role, model, replica, attempt, prompt_tokens, cached_tokens, completion_tokens, "
    "seconds, outcome, ended, retry) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


_COUNTS = ("prompt_tokens", "cached_tokens", "completion_tokens")
_SUMS = "count(*), " + ", ".join(f"coalesce(sum({count}), 0)" for count in _COUNTS)


class Rows(Protocol):
    """Anything that can be asked for rows."""

    def rows(self, sql: str, values: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
        """Runs a small query."""
        ...


def total_usage(store: Rows) -> Usage:
    """What all calls of a run have cost."""
    return _usage(store.rows(f"SELECT {_SUMS} FROM ledger")[0])


def usage_by(store: Rows, *columns: str) -> list[tuple[tuple[str, ...], Usage]]:
    """What a run's calls have cost, by columns of the ledger (`stage`, `role`, `model`, `outcome`)."""
    listed = ", ".join(columns)
    found = store.rows(f"SELECT {_SUMS}, {listed} FROM ledger GROUP BY {listed} ORDER BY {listed}")
    return [(tuple(str(part) for part in row[4:]), _usage(row)) for row in found]


def _usage(row: tuple[object, ...]) -> Usage:
    calls, prompt, cached, completion = cast("tuple[int, int, int, int]", row[:4])
    return Usage(calls=calls, prompt_tokens=prompt, cached_tokens=cached, completion_tokens=completion)
