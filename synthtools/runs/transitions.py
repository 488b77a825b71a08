"""The recorded calls of a run, in its store: what one item saw, every other one sees."""

import sqlite3
import threading
import zlib
from concurrent.futures import Future
from typing import cast

import orjson
from pydantic import ValidationError

from synthtools.errors import DamagedRecord
from synthtools.runs.journal import JournalStore, Rows
from synthtools.types.call import Transition


class RecordedTransitions:
    """The transitions of a run that is only read: what is put is not kept."""

    def __init__(self, store: Rows) -> None:
        self._store = store

    def get(self, key: str) -> Transition | None:
        """The transition recorded under a key."""
        return _read(self._store, key)

    def put(self, key: str, transition: Transition) -> Transition:
        """The transition that stands: one that is there, else the one given."""
        return self.get(key) or transition


class RunTransitions:
    """Transitions kept in a run, for its one writing process; the first one put under a key stays."""

    def __init__(self, store: JournalStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._coming: dict[str, Transition] = {}

    def get(self, key: str) -> Transition | None:
        """The transition recorded under a key."""
        with self._lock:
            if key in self._coming:
                return self._coming[key]
        return _read(self._store, key)

    def put(self, key: str, transition: Transition) -> Transition:
        """Records a transition unless one is there, and gives the one that stands."""
        standing = self.get(key)
        if standing is not None:
            return standing
        with self._lock:
            if key in self._coming:
                return self._coming[key]
            self._coming[key] = transition
        values = (key, transition.tool, pack_transition(transition))
        written = self._store.submit(
            lambda connection: connection.execute("INSERT OR IGNORE INTO transitions VALUES (?, ?, ?)", values)
        )
        written.add_done_callback(lambda future: self._arrived(key, future))
        return transition

    def _arrived(self, key: str, future: "Future[sqlite3.Cursor]") -> None:
        with self._lock:
            if future.exception() is None:
                self._coming.pop(key, None)


def _read(store: Rows, key: str) -> Transition | None:
    found = store.rows("SELECT body FROM transitions WHERE key = ?", (key,))
    if not found:
        return None
    return unpack_transition(cast(bytes, found[0][0]))


def pack_transition(transition: Transition) -> bytes:
    """A transition as a run keeps it."""
    return zlib.compress(orjson.dumps(transition.to_json()), 1)


def unpack_transition(packed: bytes) -> Transition:
    """The transition that was packed. Raises: DamagedRecord."""
    try:
        return Transition.model_validate_json(zlib.decompress(packed))
    except (zlib.error, ValidationError) as error:
        raise DamagedRecord("a recorded call is damaged: see `status --check`") from error
