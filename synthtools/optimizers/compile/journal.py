"""The journal of a run's compiles, which the loop of its cases and the thread of its optimizer share."""

import asyncio
import threading
from concurrent.futures import Future

from synthtools.backends.ledger import Journal
from synthtools.types.record import JsonObject


class SharedJournal:
    """A journal that one caller at a time uses."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = threading.Lock()

    def get(self, key: str) -> JsonObject | None:
        """The answer under a key."""
        with self._lock:
            return self._journal.get(key)

    async def aget(self, key: str) -> JsonObject | None:
        """As `get`, in a thread that waits for its turn."""
        return await asyncio.to_thread(self.get, key)

    def put(self, key: str, answer: JsonObject) -> Future[None] | None:
        """Keeps an answer; done once it is in the file."""
        with self._lock:
            return self._journal.put(key, answer)
