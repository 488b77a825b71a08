"""The one writer of a store: a thread that gathers what callers ask for and commits it in groups."""

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from synthtools.errors import RunError
from synthtools.runs.schema import prepare

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], object]

_GROUP = 512
"""Most operations in one transaction."""


class Writer:
    """Runs operations on the store in the order they come; each future resolves once its group is committed.

    A future that resolves is durable against the death of this process. An operation that raises loses only itself. An
    error of the file (disk full, read-only) loses its whole group and everything after it, and tells every caller: what
    is in the file is then all that was asked for up to some moment, never a later part without an earlier one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failed: RunError | None = None
        self._queue: queue.SimpleQueue[tuple[Operation, Future[object]] | None] = queue.SimpleQueue()
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30.0)
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = NORMAL")
                prepare(self._connection, str(path))
            except BaseException:
                self._connection.close()
                raise
        except sqlite3.Error as error:
            raise store_error(path, error) from error
        self._thread = threading.Thread(target=self._work, name="synthtools-writer", daemon=True)
        self._thread.start()

    def submit(self, operation: Callable[[sqlite3.Connection], T]) -> "Future[T]":
        """Queues an operation from any thread."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()  # a cancelled waiter does not take back what it asked for
        self._queue.put((operation, future))  # type: ignore[arg-type]
        return future

    def close(self) -> None:
        """Commits what is queued and closes the file."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _work(self) -> None:
        open_ = True
        while open_:
            group: list[tuple[Operation, Future[object]]] = []
            entry = self._queue.get()
            while True:
                if entry is None:
                    open_ = False
                    break
                group.append(entry)
                if len(group) >= _GROUP:
                    break
                try:
                    entry = self._queue.get_nowait()
                except queue.Empty:
                    break
            if group:
                self._commit(group)

    def _commit(self, group: list[tuple[Operation, Future[object]]]) -> None:
        if self._failed is not None:
            _refuse(group, self._failed)
            return
        results: list[tuple[Future[object], object, BaseException | None]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for operation, future in group:
                self._connection.execute("SAVEPOINT operation")
                try:
                    results.append((future, operation(self._connection), None))
                except sqlite3.OperationalError:
                    raise
                except Exception as error:  # noqa: BLE001 - the caller gets it through its future
                    self._connection.execute("ROLLBACK TO operation")
                    told = store_error(self._path, error) if isinstance(error, sqlite3.Error) else error
                    results.append((future, None, told))
                self._connection.execute("RELEASE operation")
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._failed = store_error(self._path, error)
            with contextlib.suppress(sqlite3.Error):  # what cannot be taken back now is not committed either
                self._connection.rollback()
            _refuse(group, self._failed)
            return
        for future, result, error in results:
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


def _refuse(group: list[tuple[Operation, Future[object]]], error: RunError) -> None:
    for _, future in group:
        future.set_exception(error)


def store_error(path: Path, error: sqlite3.Error) -> RunError:
    """One clear line for an error of the file itself."""
    code = str(getattr(error, "sqlite_errorname", ""))
    if code.startswith("SQLITE_FULL"):
        return RunError(f"disk full: {path} cannot grow; everything committed is kept, free some space and resume")
    if code.startswith("SQLITE_CANTOPEN"):
        return RunError(f"{path} cannot be opened ({error}): its folder must be there, and writable")
    if code.startswith("SQLITE_READONLY"):
        return RunError(f"{path} cannot be written: {error}")
    if code.startswith("SQLITE_IOERR"):
        return RunError(f"{path}: {error} ({code}); everything committed is kept: see to the disk, and resume")
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return RunError(f"{path} is damaged ({error}): restore it from a copy")
    return RunError(f"{path}: {error}")
