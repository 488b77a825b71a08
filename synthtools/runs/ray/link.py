"""One Ray worker as the driver sees it, from the time it is ready until it is gone."""

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from synthtools.backends.ledger import Amend
from synthtools.runs.journal import ItemJournal
from synthtools.runs.ray.cluster import Cluster
from synthtools.runs.ray.messages import Event, Job

_IDLE_ENVIRONMENTS = 32
"""Environments that a worker keeps the transitions of while none of their items is under way."""
_LAST_WORDS = 5.0
"""Seconds in which a job that is given up may still tell what it paid for."""


@dataclass(slots=True)
class Flight:
    """A job under way."""

    journal: ItemJournal
    ended: "asyncio.Future[Any]"
    """Its record or error."""
    amends: dict[int, Amend] = field(default_factory=dict[int, Amend])
    """What changes the outcome of its calls, by their numbers."""


class _Lesson(NamedTuple):
    """What a worker is told of an environment, once."""

    number: int
    """Tells it from others of the same environment: Ray does not keep the order of an actor's calls."""
    taught: asyncio.Task[None]


Take = Callable[[Mapping[int, Flight], list[Event]], None]
"""Keeps what a worker told, and ends flights."""


class Link:
    """A worker that is ready. Once it is gone it stays so: another one takes its place, as another link."""

    def __init__(self, cluster: Cluster, worker: Any, take: Take) -> None:
        self._cluster = cluster
        self._worker = worker
        self._take = take
        self._flights: dict[int, Flight] = {}
        self._held: dict[str, int] = {}
        self._taught: OrderedDict[str, _Lesson] = OrderedDict()
        self._lessons = itertools.count()

    @property
    def load(self) -> int:
        """Items that are under way here, or about to be."""
        return sum(self._held.values())

    def has(self, environment: str) -> bool:
        """Whether items of the environment are under way here."""
        return environment in self._held

    @contextmanager
    def holding(self, environment: str) -> Generator[None]:
        """A block in which an item of an environment is under way here."""
        self._held[environment] = self._held.get(environment, 0) + 1
        try:
            yield
        finally:
            self._held[environment] -= 1
            if not self._held[environment]:
                del self._held[environment]
                self._forget_oldest()

    def leave(self, environment: str) -> None:
        """Notes that the environment is another worker's now."""
        lesson = self._taught.pop(environment, None)
        if lesson is not None:
            self._cluster.tell(self._worker, "forget", environment, lesson.number)

    async def teach(self, environment: str, transitions: Callable[[], Awaitable[Mapping[str, bytes]]]) -> None:
        """Sees to it that the worker knows what is recorded of an environment. Raises: WorkerLost."""
        if environment not in self._taught:
            number = next(self._lessons)
            teaching = asyncio.create_task(self._teach(environment, number, transitions))
            self._taught[environment] = _Lesson(number, teaching)
        self._taught.move_to_end(environment)
        await asyncio.shield(self._taught[environment].taught)

    async def do(self, job: Job, journal: ItemJournal) -> Any:
        """The record of a job. Cancelled, it waits a little for what the worker has still to tell of it.

        Raises:
            WorkerLost: the worker is gone; what it told before is kept.
            SynthToolsError: as the program does.
        """
        flight = Flight(journal, asyncio.get_running_loop().create_future())
        self._flights[job.number] = flight
        try:
            await self._cluster.call(self._worker, "submit", job)
            return await asyncio.shield(flight.ended)
        except asyncio.CancelledError:
            self._cluster.tell(self._worker, "give_up", job.number)
            await asyncio.wait([flight.ended], timeout=_LAST_WORDS)
            raise
        finally:
            del self._flights[job.number]
            if flight.ended.done() and not flight.ended.cancelled():
                flight.ended.exception()  # looked at, also where nobody waits for it any more

    def stop_paying(self, why: str) -> None:
        """Has the worker refuse paid calls."""
        self._cluster.tell(self._worker, "stop_paying", why)

    async def listen(self) -> None:
        """Takes what the worker tells, for as long as it lives.

        Raises:
            WorkerLost: it is gone.
            RunError: what it told cannot be kept.
        """
        try:
            while True:
                self._take(self._flights, await self._cluster.call(self._worker, "events"))
        except Exception as error:
            self._cluster.end_worker(self._worker)  # one that cannot be reached must not go on paying
            for flight in self._flights.values():
                if not flight.ended.done():
                    flight.ended.set_exception(error)
            raise

    async def _teach(
        self, environment: str, number: int, transitions: Callable[[], Awaitable[Mapping[str, bytes]]]
    ) -> None:
        await self._cluster.call(self._worker, "learn", environment, number, await transitions())

    def _forget_oldest(self) -> None:
        idle = [environment for environment in self._taught if environment not in self._held]
        for environment in idle[: max(0, len(idle) - _IDLE_ENVIRONMENTS)]:
            self.leave(environment)
