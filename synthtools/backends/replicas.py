"""The servers of one model: which takes the next call, which rests, and how much each takes at once.

Calls whose prompts begin alike go to the same server, whose prefix cache then holds that beginning, until it has half
as much again as its share of the work; without affinity, the least busy server takes each call. A server that fails
rests for a while, which doubles from rest to rest; one call then tries it. A server that refuses a call and says for
how long gets as long; it works, so that its limit alone bounds the calls that come after. With a single server nothing
rests: there is no other to go to, and the calls' own retries wait for it.
"""

import asyncio
import hashlib
import math
import random
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, Generator, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from threading import Lock

from synthtools.backends.limits import AdaptiveLimit
from synthtools.backends.retries import LONGEST_WAIT, Transient, TransientKind
from synthtools.errors import ProviderError
from synthtools.types.record import JsonObject, Record

DEFAULT_CONCURRENCY = 256
"""Most calls in flight at one server where the user says nothing."""

_OVERLOADED = 1.5
"""Times its share of the calls in flight: beyond it, a server's cached prompts are no reason to choose it.

Room for as much is part of it: where each server may have no more than its share, the one with a free place takes
whatever call comes next, and affinity does nothing just when a run is busiest.
"""
_FAILURES_IN_A_ROW = 3
"""Broken or slow answers without a good one between them, after which a server rests. One refused connection does."""
_FIRST_REST = 1.0
"""Seconds."""


class ReplicaState(Record):
    """How a server is doing, for whoever watches a run."""

    address: str
    """Empty where the model library knows the address."""
    in_flight: int
    limit: int
    """Calls that may be in flight at it now."""
    ceiling: int
    """What the limit starts at and may rise to."""
    failures: int
    """Failed calls since it last answered."""
    resting: float = 0.0
    """Seconds until it is tried again; 0: it takes calls."""


class ServersState(Record):
    """How the servers of one model are doing together."""

    replicas: tuple[ReplicaState, ...]
    most: int | None = None
    """Calls that may be in flight at all of them together, whatever each takes; None: as many as they take."""

    @property
    def in_flight(self) -> int:
        """Calls in flight at all of them."""
        return sum(replica.in_flight for replica in self.replicas)

    @property
    def limit(self) -> int:
        """Calls that may be in flight at all of them now."""
        taken = sum(replica.limit for replica in self.replicas if not replica.resting)
        return taken if self.most is None else min(self.most, taken)


@dataclass(slots=True, eq=False)
class Replica:
    """One server; changed under the lock of its `Replicas` only."""

    address: str
    limit: AdaptiveLimit
    in_flight: int = 0
    taken: int = 0
    """Calls it was ever given."""
    failures: int = 0
    rests: int = 0
    """Rests after failures since it last answered; while there are any, one call at a time tries it."""
    rests_since: float = -math.inf
    rests_until: float = -math.inf
    tried: bool = False
    """Whether a call is trying it after its rest."""
    last: Transient | None = None

    def room(self, now: float) -> bool:
        """Whether it takes one more call."""
        if now < self.rests_until:
            return False
        return not self.tried if self.rests else self.in_flight < self.limit.value

    def rest(self, failure: Transient, now: float) -> None:
        """Keeps calls from it, each time for longer, or for as long as it asked."""
        if failure.kind != "limited":
            self.rests += 1
        asked = failure.retry_after
        length = _FIRST_REST * 2.0 ** min(self.rests - 1, 16) * random.uniform(0.5, 1.0) if asked is None else asked
        self.rests_since = now
        self.rests_until = now + min(LONGEST_WAIT, length)


@dataclass(slots=True, eq=False)
class Lease:
    """One try of one call at one server."""

    address: str
    tried: Counter[str]
    """Addresses at which this call failed, with how often each refused it; added to when this try fails."""
    replica: Replica
    started: float
    load: int
    """Calls in flight at the server when it began, this one included."""
    tries: bool
    """Whether it finds out if a server is back."""
    tokens: int = -1
    """Length of its answer; negative: none came."""

    def answered(self, completion: JsonObject) -> JsonObject:
        """Takes note of the answer, and returns it with the server's address, where there is one, as its `replica`."""
        usage = completion.get("usage")
        tokens = usage.get("completion_tokens") if isinstance(usage, dict) else None
        self.tokens = max(0, tokens) if isinstance(tokens, int) else 0
        if self.address:
            completion["replica"] = self.address
        return completion


@dataclass(slots=True, eq=False)
class _Waiting:
    key: bytes
    tried: Counter[str]
    turn: "Future[Lease]" = field(default_factory=lambda: Future[Lease]())


class Replicas:
    """Hands out leases, first come first served, across threads and event loops."""

    def __init__(self, addresses: Sequence[str], concurrency: int | None, *, affinity: bool = True) -> None:
        """Starts with every server taking calls.

        Args:
            addresses: At least one.
            concurrency: Most calls in flight at all of them together, which the caller sees to; None: 256 each.
            affinity: Whether keys count; if not, the least busy server takes each call.
        """
        self._affinity = affinity
        self._most = concurrency
        ceiling = DEFAULT_CONCURRENCY
        if concurrency is not None:
            uneven = _OVERLOADED if affinity and len(addresses) > 1 else 1.0
            ceiling = math.ceil(uneven * concurrency / len(addresses))
        self._replicas = [Replica(address, AdaptiveLimit(ceiling)) for address in addresses]
        self._waiting: deque[_Waiting] = deque()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._replicas)

    def state(self) -> ServersState:
        """How the servers are doing together."""
        return ServersState(replicas=self.snapshot(), most=self._most)

    def snapshot(self) -> tuple[ReplicaState, ...]:
        """How each server is doing, in the order of their addresses."""
        now = time.monotonic()
        with self._lock:
            return tuple(
                ReplicaState(
                    address=replica.address,
                    in_flight=replica.in_flight,
                    limit=replica.limit.value,
                    ceiling=replica.limit.ceiling,
                    failures=replica.failures,
                    resting=max(0.0, replica.rests_until - now),
                )
                for replica in self._replicas
            )

    def has_other(self, tried: Counter[str]) -> bool:
        """Whether a server that takes calls has not been tried yet."""
        now = time.monotonic()
        with self._lock:
            return any(replica.address not in tried and now >= replica.rests_until for replica in self._replicas)

    @contextmanager
    def held(self, key: bytes, tried: Counter[str]) -> Generator[Lease]:
        """A lease for a block, waited for by blocking the thread.

        Args:
            key: Calls with equal keys go to the same server while they can, where there is affinity.
            tried: Addresses at which the call failed, taken only where there is no other; a failed try is added.

        Raises: Transient where every server rests.
        """
        taken = self._take(key, tried)
        lease = self._turn_of(taken) if isinstance(taken, _Waiting) else taken
        try:
            yield lease
        except BaseException as error:
            self._give_back(lease, error)
            raise
        self._give_back(lease, None)

    @asynccontextmanager
    async def aheld(self, key: bytes, tried: Counter[str]) -> AsyncGenerator[Lease]:
        """As `held`, without blocking the event loop; cancelling the wait gives nothing away."""
        taken = self._take(key, tried)
        lease = await self._aturn_of(taken) if isinstance(taken, _Waiting) else taken
        try:
            yield lease
        except BaseException as error:
            self._give_back(lease, error)
            raise
        self._give_back(lease, None)

    def _take(self, key: bytes, tried: Counter[str]) -> Lease | _Waiting:
        now = time.monotonic()
        with self._lock:
            if not self._waiting and (replica := self._chosen(key, tried, now)) is not None:
                return self._leased(replica, tried, now)
            if (resting := self._all_resting(now)) is not None:
                raise resting
            waiting = _Waiting(key, tried)
            self._waiting.append(waiting)
            served = self._serve(now)
        self._tell(served)
        return waiting

    def _turn_of(self, waiting: _Waiting) -> Lease:
        try:
            return waiting.turn.result()
        except BaseException:
            self._leave(waiting)
            raise

    async def _aturn_of(self, waiting: _Waiting) -> Lease:
        try:
            return await asyncio.wrap_future(waiting.turn)
        except BaseException:
            self._leave(waiting)
            raise

    def _leave(self, waiting: _Waiting) -> None:
        """Ends a wait that was broken off; a turn that had come is given back."""
        if not waiting.turn.cancel() and waiting.turn.exception() is None:
            self._give_back(waiting.turn.result(), asyncio.CancelledError())

    def _give_back(self, lease: Lease, error: BaseException | None) -> None:
        now = time.monotonic()
        replica = lease.replica
        with self._lock:
            replica.in_flight -= 1
            if lease.tries:
                replica.tried = False
            if isinstance(error, Transient):
                self._failed(replica, lease, error, now)
            elif error is None or isinstance(error, ProviderError):  # a refusal of this one request is an answer too
                self._answered(replica, lease, now)
            served = self._serve(now)
        self._tell(served)

    def _answered(self, replica: Replica, lease: Lease, now: float) -> None:
        if lease.started >= replica.rests_until:
            replica.failures = replica.rests = 0
            replica.last = None
        if lease.tokens >= 0:
            replica.limit.answered(lease.load, lease.tokens, lease.started, now)

    def _failed(self, replica: Replica, lease: Lease, failure: Transient, now: float) -> None:
        replica.failures += 1
        replica.last = _bare(failure, failure.kind)
        started = lease.started
        refused = failure.kind in ("limited", "slow")
        if refused:
            replica.limit.refused(lease.tried[lease.address])
        lease.tried[lease.address] += refused
        if len(self._replicas) == 1 or started < replica.rests_since:
            return  # nowhere else to go; or begun before the rest, which it therefore does not lengthen
        if failure.kind == "limited":
            rests = failure.retry_after is not None
        else:
            rests = failure.kind == "unreachable" or replica.rests > 0 or replica.failures >= _FAILURES_IN_A_ROW
        if rests:
            replica.rest(failure, now)

    def _serve(self, now: float) -> list[tuple[_Waiting, Lease | Transient]]:
        """Takes from the queue whoever can go on now; they are told after the lock is free."""
        served: list[tuple[_Waiting, Lease | Transient]] = []
        while self._waiting:
            first = self._waiting[0]
            replica = self._chosen(first.key, first.tried, now)
            resting = None if replica is not None else self._all_resting(now)
            if replica is None and resting is None:
                break
            self._waiting.popleft()
            if not first.turn.set_running_or_notify_cancel():
                continue
            if replica is not None:
                served.append((first, self._leased(replica, first.tried, now)))
            elif resting is not None:
                served.append((first, resting))
        return served

    @staticmethod
    def _tell(served: list[tuple[_Waiting, Lease | Transient]]) -> None:
        for waiting, outcome in served:
            if isinstance(outcome, Transient):
                waiting.turn.set_exception(outcome)
            else:
                waiting.turn.set_result(outcome)

    def _leased(self, replica: Replica, tried: Counter[str], now: float) -> Lease:
        replica.in_flight += 1
        replica.taken += 1
        tries = replica.rests > 0
        if tries:
            replica.tried = True
        return Lease(replica.address, tried, replica, now, replica.in_flight, tries)

    def _chosen(self, key: bytes, tried: Counter[str], now: float) -> Replica | None:
        """Who takes a call now; None: nobody has room."""
        if len(self._replicas) == 1:
            only = self._replicas[0]
            return only if only.room(now) else None
        open_ = [replica for replica in self._replicas if replica.room(now)]
        if not open_:
            return None
        fresh = [replica for replica in open_ if replica.address not in tried] or open_
        if not self._affinity:
            return min(fresh, key=lambda replica: (replica.in_flight, replica.taken))
        preferred = max(fresh, key=lambda replica: _weight(key, replica.address))
        calls = 1 + sum(replica.in_flight for replica in self._replicas)
        working = sum(1 for replica in self._replicas if now >= replica.rests_until)
        if preferred.in_flight <= _OVERLOADED * calls / working:
            return preferred
        return min(fresh, key=lambda replica: (replica.in_flight, -_weight(key, replica.address)))

    def _all_resting(self, now: float) -> Transient | None:
        """The failure of the server that is tried again first, where all rest."""
        if any(now >= replica.rests_until for replica in self._replicas):
            return None
        first = min(self._replicas, key=lambda replica: replica.rests_until)
        assert first.last is not None
        kind = "unreachable" if first.last.kind == "unreachable" else "limited"  # how it failed was others' loss
        return _bare(first.last, kind, first.rests_until - now)


def _bare(failure: Transient, kind: TransientKind, retry_after: float | None = None) -> Transient:
    """The failure for another call, without the frames that the first one holds on to."""
    error = failure.error
    return Transient(type(error)(str(error)), kind, retry_after)


def _weight(key: bytes, address: str) -> int:
    """Rendezvous hashing: each key ranks the servers its own way, whoever else is there and in every process."""
    return int.from_bytes(hashlib.blake2b(address.encode(), key=key, digest_size=8).digest())
