"""The store of a run: what exists, what is to be done, and every answer and cost, in one SQLite file."""

import asyncio
import sqlite3
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Self, TypeVar

from synthtools.errors import RunError
from synthtools.runs.item import Item, Outcome
from synthtools.runs.lock import RunLock
from synthtools.runs.reader import STORE_NAME, StoreReader
from synthtools.runs.writer import Writer

T = TypeVar("T")

_QUEUED = 256
"""Most outcomes that wait for a commit, so that memory stays bounded."""


class Store(StoreReader):
    """Read and write access to a run: holds the run's lock, and writes through one thread in grouped commits."""

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        """Opens a run, or makes one where `create` and the folder is new or empty.

        Raises: RunError where there is no run, the run is in use, or the folder holds something else.
        """
        store = folder / STORE_NAME
        if not store.is_file() or not store.stat().st_size:
            if not create:
                raise RunError(f"no run at {folder}: {STORE_NAME} is {'empty' if store.is_file() else 'not there'}")
            _make_folder(folder)
        self._held = RunLock(folder)
        self._held.__enter__()
        try:
            self._writer = Writer(folder / STORE_NAME)
            super().__init__(folder)
        except BaseException:
            self._held.__exit__(None, None, None)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Commits what is under way, closes the file and gives the run back."""
        try:
            super().close()
            self._writer.close()
        finally:
            self._held.__exit__(None, None, None)

    def write(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """Runs an operation on the writer and waits for its commit."""
        return self._writer.submit(operation).result()

    def submit(self, operation: Callable[[sqlite3.Connection], T]) -> "Future[T]":
        """Queues an operation; the future resolves once it is committed."""
        return self._writer.submit(operation)

    def set_meta(self, key: str, value: str) -> None:
        """Sets a value of the run as a whole."""
        self.write(
            lambda connection: connection.execute(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value)
            )
        )

    def plan(self, items: Iterable[Item]) -> int:
        """Adds items to be done; those that exist stay as they are. Returns how many are new."""
        listed = tuple(items)

        def operation(connection: sqlite3.Connection) -> int:
            return _insert(connection, listed)

        return self.write(operation)

    def expand(self, families: Sequence[tuple[Item, Sequence[Item]]], expansion: str) -> None:
        """Adds the children of done items, and notes what they were planned with, in one commit."""

        def operation(connection: sqlite3.Connection) -> None:
            for _, children in families:
                _insert(connection, children)
            connection.executemany(
                "UPDATE items SET expanded = ? WHERE stage = ? AND id = ?",
                [(expansion, *parent.key) for parent, _ in families],
            )

        self.write(operation)

    async def commit(self, outcome: Outcome) -> None:
        """Writes what came of an item, with its losses, tallies and children, and clears its journal, all or nothing.

        A record that replaces one of other content makes its children items to be done again.
        """
        await asyncio.wrap_future(  # packed where it is written, off the event loop
            self._writer.submit(lambda connection: _write_outcome(connection, outcome, _packed(outcome)))
        )

    def put(self, outcome: Outcome) -> None:
        """`commit` for callers without a loop."""
        self._queue_outcome(outcome).result()

    def put_all(self, outcomes: Iterable[Outcome]) -> int:
        """`put` for many, in grouped commits; what was committed stays where one of them raises. Returns how many."""
        queued: deque[Future[None]] = deque()
        count = 0
        for outcome in outcomes:
            queued.append(self._queue_outcome(outcome))
            count += 1
            if len(queued) > _QUEUED:
                queued.popleft().result()
        for future in queued:
            future.result()
        return count

    def _queue_outcome(self, outcome: Outcome) -> "Future[None]":
        body = _packed(outcome)
        return self._writer.submit(lambda connection: _write_outcome(connection, outcome, body))

    def reopen_failed(self, stages: Sequence[str]) -> int:
        """Makes the failed items of these stages items to be done again.

        They get another seed, unless the provider failed or time ran out: then their answers until there still count.
        Returns how many.
        """
        marks = ", ".join("?" * len(stages))
        return self.write(
            lambda connection: (
                connection.execute(
                    "UPDATE items SET status = 'todo', detail = '', "
                    "tries = tries + (reason NOT IN ('provider', 'budget')), reason = '' "
                    f"WHERE status = 'failed' AND stage IN ({marks})",
                    tuple(stages),
                ).rowcount
            )
        )

    def reopen(self, items: Sequence[Item]) -> None:
        """Makes these failed items items to be done again, as if they had not been tried."""
        keys = [item.key for item in items]
        self.write(
            lambda connection: connection.executemany(
                "UPDATE items SET status = 'todo', reason = '', detail = '' "
                "WHERE status = 'failed' AND stage = ? AND id = ?",
                keys,
            )
        )

    def redo(self, stage: str) -> int:
        """Makes every finished item of a stage an item to be done again; its record is kept until then.

        Returns how many.
        """
        return self.write(
            lambda connection: (
                connection.execute(
                    "UPDATE items SET status = 'todo', reason = '', detail = '', tries = tries + 1 "
                    "WHERE status != 'todo' AND stage = ?",
                    (stage,),
                ).rowcount
            )
        )


def _insert(connection: sqlite3.Connection, items: Sequence[Item]) -> int:
    before = connection.total_changes
    connection.executemany(
        "INSERT OR IGNORE INTO items (stage, id, status, parent, position, field) VALUES (?, ?, 'todo', ?, ?, ?)",
        [(item.stage, item.id, item.parent, item.position, item.field) for item in items],
    )
    return connection.total_changes - before


def _packed(outcome: Outcome) -> bytes:
    return zlib.compress(outcome.payload, 1) if outcome.status == "done" else b""


def _write_outcome(connection: sqlite3.Connection, outcome: Outcome, body: bytes) -> None:
    item = outcome.item
    before = connection.execute(
        "SELECT seq, hash FROM items JOIN payloads USING (seq) WHERE stage = ? AND id = ?", item.key
    ).fetchone()
    connection.execute("DELETE FROM in_flight WHERE stage = ? AND id = ?", item.key)
    if before is not None and outcome.status != "done":
        _keep_record(connection, outcome, before[0])
        return
    seq = connection.execute(
        "INSERT INTO items (stage, id, status, parent, position, field, reason, detail, hash, expanded, seconds) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (stage, id) DO UPDATE SET status = excluded.status, reason = excluded.reason, "
        "detail = excluded.detail, hash = excluded.hash, expanded = excluded.expanded, seconds = excluded.seconds "
        "RETURNING seq",
        (
            *(item.stage, item.id, outcome.status, item.parent, item.position, item.field),
            *(outcome.reason, outcome.detail, outcome.hash, outcome.expanded, outcome.seconds),
        ),
    ).fetchone()[0]
    connection.execute("DELETE FROM payloads WHERE seq = ?", (seq,))
    connection.execute("DELETE FROM losses WHERE stage = ? AND id = ?", item.key)
    connection.execute("DELETE FROM tallies WHERE stage = ? AND id = ?", item.key)
    if outcome.status == "done":
        connection.execute("INSERT INTO payloads VALUES (?, ?)", (seq, body))
    connection.executemany(
        "INSERT INTO losses VALUES (?, ?, ?, ?, ?)",
        [(item.stage, item.id, loss.part, loss.reason, loss.detail) for loss in outcome.losses],
    )
    connection.executemany(
        "INSERT INTO tallies VALUES (?, ?, ?, ?)",
        [(item.stage, item.id, name, number) for name, number in outcome.tallies.items() if number],
    )
    _insert(connection, outcome.children)
    if before is not None and before[1] != outcome.hash:
        connection.executemany(
            "UPDATE items SET status = 'todo', tries = tries + 1 WHERE status != 'todo' AND stage = ? AND id = ?",
            [child.key for child in outcome.children],
        )
    if not outcome.keep_journal:
        connection.execute("DELETE FROM journal WHERE stage = ? AND item = ?", item.key)


def _keep_record(connection: sqlite3.Connection, outcome: Outcome, seq: int) -> None:
    """An item that was done again in vain keeps the record it had; the try is noted among its losses."""
    connection.execute("UPDATE items SET status = 'done' WHERE seq = ?", (seq,))
    connection.execute(
        "INSERT INTO losses VALUES (?, ?, 'second try', ?, ?)", (*outcome.item.key, outcome.reason, outcome.detail)
    )
    if not outcome.keep_journal:
        connection.execute("DELETE FROM journal WHERE stage = ? AND item = ?", outcome.item.key)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strange = next((entry.name for entry in folder.iterdir() if not entry.name.startswith("run.")), None)
    except (FileExistsError, NotADirectoryError):
        raise RunError(f"{folder} exists and is no folder") from None
    except OSError as error:
        raise RunError(f"the run folder {folder} cannot be made: {error.strerror}") from error
    if strange is not None:
        raise RunError(f"{folder} exists and is no run (it holds {strange}): name a new folder")
