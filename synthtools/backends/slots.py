"""A limit of calls in flight that holds across threads and event loops."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from threading import Lock


@dataclass(slots=True)
class Turn:
    """What holds a slot."""

    until: "Future[None] | None" = None
    """Once it is done, well or not, the slot goes to the next; None: at the end of the block."""


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
    def held(self) -> Generator[Turn]:
        """Waits for a slot, blocking the thread."""
        place = self._take()
        if place is not None:
            place.result()
        turn = Turn()
        try:
            yield turn
        finally:
            self._end(turn)

    @asynccontextmanager
    async def aheld(self) -> AsyncGenerator[Turn]:
        """Waits for a slot without blocking the event loop; cancelling the wait gives nothing away."""
        place = self._take()
        if place is not None:
            try:
                await asyncio.wrap_future(place)
            except BaseException:
                if not place.cancel():  # it was ours already
                    self._give_back()
                raise
        turn = Turn()
        try:
            yield turn
        finally:
            self._end(turn)

    def _take(self) -> Future[None] | None:
        with self._lock:
            if self._free:
                self._free -= 1
                return None
            place: Future[None] = Future()
            self._waiting.append(place)
            return place

    def _end(self, turn: Turn) -> None:
        if turn.until is None:
            self._give_back()
        else:
            turn.until.add_done_callback(lambda _: self._give_back())

    def _give_back(self) -> None:
        with self._lock:
            while self._waiting:
                place = self._waiting.popleft()
                if place.set_running_or_notify_cancel():
                    break
            else:
                self._free += 1
                return
        place.set_result(None)
