"""A limit of calls in flight that holds across threads and event loops."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from threading import Lock


class Slots:
    """At most `limit` holders at once, first come first served.

    asyncio's own semaphore belongs to one event loop; a model is shared by several (notebooks, threads of programs).
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError("limit must be at least 1")
        self._free = limit
        self._waiting: deque[Future[None]] = deque()
        self._lock = Lock()

    @contextmanager
    def held(self) -> Generator[None]:
        """Waits for a slot, blocking the thread."""
        turn = self._take()
        if turn is not None:
            turn.result()
        try:
            yield
        finally:
            self._give_back()

    @asynccontextmanager
    async def aheld(self) -> AsyncGenerator[None]:
        """Waits for a slot without blocking the event loop; cancelling the wait gives nothing away."""
        turn = self._take()
        if turn is not None:
            try:
                await asyncio.wrap_future(turn)
            except BaseException:
                if not turn.cancel():  # it was our turn already
                    self._give_back()
                raise
        try:
            yield
        finally:
            self._give_back()

    def _take(self) -> Future[None] | None:
        with self._lock:
            if self._free:
                self._free -= 1
                return None
            turn: Future[None] = Future()
            self._waiting.append(turn)
            return turn

    def _give_back(self) -> None:
        with self._lock:
            while self._waiting:
                turn = self._waiting.popleft()
                if turn.set_running_or_notify_cancel():
                    break
            else:
                self._free += 1
                return
        turn.set_result(None)
