"""The scheduler: takes a run's items through its stages, several at once, and records what comes of each.

The deepest stage that has something to do comes first, so that work in progress is bounded: an environment goes
through all stages before another one is begun, as far as there is room for both. No stage is left waiting for ever:
what is deeper was made from records that are there, so it runs out, and an item that hangs keeps one place and no more.

Items are begun one by one, and the event loop has a turn after each: what an item does before its first answer comes
(records read, a prompt written) is done at once, and that of hundreds together would stall every call in flight.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pydantic_core import PydanticSerializationError

from synthtools.errors import (
    BudgetExceeded,
    DamagedRecord,
    Dropped,
    FailureCause,
    ModelError,
    ParseError,
    ProviderError,
    SimulatorError,
    SynthToolsError,
    UsageError,
)
from synthtools.runs.backlog import Backlog
from synthtools.runs.breaker import Breaker
from synthtools.runs.executors import Executor
from synthtools.runs.item import Item, Outcome, content_hash
from synthtools.runs.siblings import Siblings
from synthtools.runs.stages import NEXT, STAGES, Records, Stage
from synthtools.runs.store import Store
from synthtools.types.profile import Profile

Ending = Literal["finished", "goal", "limit", "budget", "deadline", "provider", "interrupted"]
"""Why a run stopped: nothing left, its goal or a bound reached, the model gave out, or it was asked to."""

_DETAIL = 2000
"""Most characters of an error that are kept."""

_MORE_ITEMS = 2
"""Most items in flight, in times the calls that may be, while some of the items are at work that is no call."""

_LOOK_SECONDS = 0.1
"""Between two looks at whether calls are free."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one command."""

    concurrency: int = 1
    """Calls in flight, and so items; more items only while `has_free_calls`."""
    limit: int | None = None
    """Most items of each stage that exist afterwards; internal stages are not counted."""
    seconds: float | None = None
    """Time after which work in flight is given up, to be resumed later."""
    item_seconds: float | None = None
    """Time after which one item is given up; what it was answered until then is kept for its next try."""
    provider_failures: int = 10
    """Failures of the provider in a row that end the run."""


@dataclass(slots=True)
class Summary:
    """What one command did."""

    ending: Ending = "finished"
    error: SynthToolsError | None = None
    """The error that ended the run, where one did."""
    done: int = 0
    dropped: int = 0
    failed: int = 0

    @property
    def tried(self) -> int:
        """Items that something came of."""
        return self.done + self.dropped + self.failed


class Watcher(Protocol):
    """Told of every item, in the order things happen: progress bars, goals."""

    def started(self, item: Item) -> None:
        """An item is begun."""
        ...

    def finished(self, outcome: Outcome, record: Any) -> None:
        """An item is committed; `record` is None unless it is done."""
        ...


class Scheduler:
    """Runs the items of some stages of a run until nothing is left or a bound is reached."""

    def __init__(
        self,
        store: Store,
        executor: Executor,
        stages: Sequence[Stage],
        profile: Profile,
        limits: Limits,
        *,
        watchers: Sequence[Watcher] = (),
        wanted: Callable[[Item], bool] = lambda item: True,
        goal: Callable[[], bool] = lambda: False,
        more: Callable[[], Sequence[Item]] = lambda: (),
        has_free_calls: Callable[[], bool] | None = None,
    ) -> None:
        """Sets up one run of the scheduler.

        Args:
            store: The run.
            executor: Where programs run.
            stages: The stages to work on, in order.
            profile: Counts that decide how many items a record makes.
            limits: Bounds.
            watchers: Told of every item.
            wanted: Which items are to be done at all.
            goal: Asked after every item; true ends the run.
            more: Asked for further items when nothing is left; none ends the run.
            has_free_calls: Whether the models would take one call more, now; None: nobody knows. Items that run code
                make no call meanwhile, so that others are begun in their place.
        """
        self._store = store
        self._executor = executor
        self._stages = tuple(stages)
        self._profile = profile
        self._limits = limits
        self._watchers = watchers
        self._goal = goal
        self._more = more
        self._has_free_calls = has_free_calls
        self._records = Records(store, duplicate_threshold=profile.duplicate_threshold)
        self._siblings = {stage.waits_for: Siblings(store, stage.waits_for) for stage in stages if stage.waits_for}
        self._backlogs = {
            stage.name: Backlog(store, stage.name, wanted, self._siblings.get(stage.waits_for)) for stage in stages
        }
        self._breaker = Breaker(limits.provider_failures)
        self._running: dict[asyncio.Task[None], Item] = {}
        self._busy: set[tuple[str, str]] = set()
        self._committing: set[tuple[str, str]] = set()
        self._exist: dict[str, int] = {}
        self._summary = Summary()
        self._ending = False
        self._changed = asyncio.Event()
        """Set where an item has ended."""
        self._until: float | None = None
        """Moment of the monotonic clock at which work in flight is given up."""
        self._error: BaseException | None = None
        """What a program raised that is no error of an item."""

    def stop(self, ending: Ending, error: SynthToolsError | None = None) -> None:
        """Begins no further item; what is in flight is finished. The first reason given counts."""
        if not self._ending:
            self._ending = True
            self._summary.ending = ending
            self._summary.error = error

    def abandon(self) -> None:
        """Gives up what is in flight; its journal is kept. What has come to its end is still committed."""
        for task, item in self._running.items():
            if item.key not in self._committing:
                task.cancel()

    def prepare(self) -> bool:
        """Plans what done records make possible. Returns whether there is anything to do."""
        if not self._exist:
            self._exist = {
                stage.name: self._store.count(stage.name, ("done", "dropped", "failed")) for stage in self._stages
            }
            self._plan_children()
        return any(
            not self._is_full(stage) and self._backlogs[stage.name].has_next(self._busy) for stage in self._stages
        )

    async def run(self) -> Summary:
        """Works until nothing is left or a bound is reached.

        Raises: UsageError where the run's files fail; whatever a program raises that is no `SynthToolsError`.
        """
        self.prepare()
        self._until = None if self._limits.seconds is None else time.monotonic() + self._limits.seconds
        abandoned = False
        if self._goal():
            self.stop("goal")
        try:
            while True:
                await self._fill()
                if self._error is not None:
                    raise self._error
                if not self._running:
                    if self._ending or not self._store.plan(self._more()):
                        break
                    for backlog in self._backlogs.values():
                        backlog.refill()
                    continue
                await self._change()
                if self._is_late():
                    self._until = None
                    self.stop("deadline")
                if not abandoned and self._summary.ending in ("deadline", "provider"):
                    abandoned = True
                    self.abandon()
        finally:
            self.abandon()
            await asyncio.gather(*self._running, return_exceptions=True)
        if self._summary.ending == "finished" and self._breaker.gave_out:
            self._summary.ending, self._summary.error = "provider", self._breaker.error
        if self._summary.ending == "provider":
            self._store.reopen(self._breaker.items)
            self._summary.failed -= len(self._breaker.items)
        elif self._summary.ending == "finished" and self._is_limited():
            self._summary.ending = "limit"
        return self._summary

    def _plan_children(self) -> None:
        """Plans what done records make possible, where that was not done or other counts are asked for now."""
        for stage in STAGES.values():
            if not stage.depends_on:
                continue
            expansion, after = stage.expansion(self._profile), ""
            while page := self._store.unexpanded(stage.depends_on, expansion, after):
                planned = [(one, tuple(stage.expand(one, self._reader(one), self._profile))) for one in page]
                self._store.expand(planned, expansion)
                after = page[-1].id

    def _reader(self, item: Item) -> Callable[[], Any]:
        return lambda: self._records.record(item.stage, item.id)

    async def _fill(self) -> None:
        """Begins items as far as there is room for them, the event loop having a turn after each."""
        while not self._ending and self._error is None and not self._is_late() and self._has_room():
            item = self._next()
            if item is None:
                return
            self._busy.add(item.key)
            self._exist[item.stage] += 1
            for watcher in self._watchers:
                watcher.started(item)
            task = asyncio.create_task(self._do(item), name=f"{item.stage} {item.id}")
            self._running[task] = item
            task.add_done_callback(self._ended)
            await asyncio.sleep(0)

    def _has_room(self) -> bool:
        """Whether one more item may be begun; those that wait for answers fill the calls, however many there are."""
        running, calls = len(self._running), self._limits.concurrency
        if running < calls or self._has_free_calls is None:
            return running < calls
        return running < _MORE_ITEMS * calls and self._has_free_calls()

    def _ended(self, task: asyncio.Task[None]) -> None:
        key = self._running.pop(task).key
        self._busy.discard(key)
        self._committing.discard(key)
        if not task.cancelled():
            error = task.exception()
            self._error = self._error or error
        self._changed.set()

    def _is_late(self) -> bool:
        return self._until is not None and time.monotonic() >= self._until

    async def _change(self) -> None:
        """Waits until an item has ended, the deadline has come, or calls may be free."""
        seconds = None if self._until is None else max(0.0, self._until - time.monotonic())
        if self._has_free_calls is not None:
            seconds = _LOOK_SECONDS if seconds is None else min(seconds, _LOOK_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)
        self._changed.clear()

    def _next(self) -> Item | None:
        for stage in reversed(self._stages):
            if not self._is_full(stage):
                item = self._backlogs[stage.name].next(self._busy)
                if item is not None:
                    return item
        return None

    def _is_full(self, stage: Stage) -> bool:
        limit = self._limits.limit
        return limit is not None and not stage.internal and self._exist[stage.name] >= limit

    def _is_limited(self) -> bool:
        return any(self._is_full(stage) and self._backlogs[stage.name].has_next(self._busy) for stage in self._stages)

    async def _do(self, item: Item) -> None:
        stage = STAGES[item.stage]
        begun = time.monotonic()
        bound = asyncio.timeout(self._limits.item_seconds)
        record: Any = None
        failure: ProviderError | None = None
        try:
            variation = item.tries + stage.variation(item, self._records)
            async with bound:
                record = await self._executor.execute(stage, item, stage.inputs(item, self._records), variation)
            outcome = self._done(stage, item, record, begun)
        except Dropped as error:
            outcome = Outcome(item, "dropped", reason=str(error), detail=error.detail, seconds=time.monotonic() - begun)
        except TimeoutError:
            if not bound.expired():
                raise
            outcome = self._too_slow(item, time.monotonic() - begun)
        except BudgetExceeded as error:
            self._put_back(item)
            self.stop("budget", error)
            return
        except asyncio.CancelledError:
            self._put_back(item)
            raise
        except SynthToolsError as error:
            if isinstance(error, UsageError) and not isinstance(error, DamagedRecord):
                raise
            outcome = _failure(item, error, time.monotonic() - begun)
            if isinstance(error, ProviderError):
                failure = error
        self._records.forget(item.stage, item.id)
        self._committing.add(item.key)
        await self._store.commit(outcome)
        self._note(outcome, record)
        if failure is None:
            self._breaker.answered()
        elif self._breaker.failed(item, failure):
            self.stop("provider", failure)

    def _done(self, stage: Stage, item: Item, record: Any, begun: float) -> Outcome:
        try:
            payload = stage.write(record)
        except PydanticSerializationError as error:  # text from a model that is no Unicode
            raise ParseError(f"the {stage.name} record {item.id} is no JSON: {error}") from error
        child = NEXT.get(stage.name)
        return Outcome(
            item,
            "done",
            payload,
            content_hash(payload, stage.unhashed),
            seconds=time.monotonic() - begun,
            losses=tuple(stage.losses(record)),
            tallies=stage.tallies(record),
            children=() if child is None else tuple(child.expand(item, lambda: record, self._profile)),
            expanded="" if child is None else child.expansion(self._profile),
        )

    def _too_slow(self, item: Item, seconds: float) -> Outcome:
        cause: FailureCause = "budget"
        detail = f"it took longer than run.item_seconds allows ({self._limits.item_seconds:g} s)"
        return Outcome(item, "failed", reason=cause, detail=detail, seconds=seconds, keep_journal=True)

    def _put_back(self, item: Item) -> None:
        self._exist[item.stage] -= 1
        self._backlogs[item.stage].set_aside(item)

    def _note(self, outcome: Outcome, record: Any) -> None:
        summary = self._summary
        if outcome.status == "done":
            summary.done += 1
        elif outcome.status == "dropped":
            summary.dropped += 1
        else:
            summary.failed += 1
        if outcome.item.stage in self._siblings:
            self._siblings[outcome.item.stage].ended(outcome.item)
            for stage in self._stages:
                if stage.waits_for == outcome.item.stage:
                    self._backlogs[stage.name].ended(outcome.item)
        for child in outcome.children:
            if child.stage in self._backlogs:
                self._backlogs[child.stage].refill()
                break
        for watcher in self._watchers:
            watcher.finished(outcome, record if outcome.status == "done" else None)
        if self._goal():
            self.stop("goal")


def _failure(item: Item, error: SynthToolsError, seconds: float) -> Outcome:
    cause: FailureCause = "task"
    if isinstance(error, ModelError):
        cause = error.cause
    elif isinstance(error, SimulatorError):
        cause = "simulator"
    detail = f"{type(error).__name__}: {error}"[:_DETAIL]
    return Outcome(
        item, "failed", reason=cause, detail=detail, seconds=seconds, keep_journal=isinstance(error, ProviderError)
    )
