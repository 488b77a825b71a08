"""Where model calls are accounted for, and where their answers are kept for a replay."""

from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Protocol

from synthtools.types.record import JsonObject
from synthtools.types.usage import LedgerEntry, Usage

Amend = Callable[[str], None]
"""Changes the outcome of a call that was recorded; called from any thread, and must not block."""


class LedgerSink(Protocol):
    """Takes one entry a model call that was made; called from any thread, and must not block."""

    def write(self, entry: LedgerEntry) -> Amend | None:
        """Records a call. Returns what changes its outcome later, where something can."""
        ...


class Journal(Protocol):
    """Keeps the raw answers of one item, so that a killed run repeats no paid call.

    The key covers role, model, the whole request with its schema and seed, and the attempt; two equal requests of one
    item are therefore one answer, and whoever wants another answer gives another seed.
    """

    def get(self, key: str) -> JsonObject | None:
        """The answer under a key, as it was put."""
        ...

    async def aget(self, key: str) -> JsonObject | None:
        """As `get`; the event loop goes on meanwhile."""
        ...

    def put(self, key: str, answer: JsonObject) -> "Future[None] | None":
        """Keeps an answer. Returns what is done once it is in the file, or could not be; None: nobody is to wait."""
        ...


class UsageMeter:
    """Adds up what the calls in a block cost; safe to share between tasks and threads."""

    def __init__(self) -> None:
        self._usage = Usage()
        self._lock = Lock()

    @property
    def usage(self) -> Usage:
        """What was counted so far."""
        return self._usage

    def add(self, usage: Usage) -> None:
        """Counts a call."""
        with self._lock:
            self._usage = self._usage + usage


_meters: ContextVar[tuple[UsageMeter, ...]] = ContextVar("synthtools_usage_meters", default=())


@contextmanager
def usage_meter() -> Generator[UsageMeter]:
    """Counts the model calls made inside the block, and in tasks started there; blocks may nest.

    Answers from a journal count as they did when they were made, so that a record which holds its usage comes out the
    same when a killed run is repeated. The ledger counts paid calls only.
    """
    meter = UsageMeter()
    token = _meters.set((*_meters.get(), meter))
    try:
        yield meter
    finally:
        _meters.reset(token)


def count_usage(usage: Usage) -> None:
    """Adds a call to every meter around it."""
    for meter in _meters.get():
        meter.add(usage)
