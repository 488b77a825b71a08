"""A Ray worker: holds the models and programs of a run, does items, and tells the driver all that is to be kept.

Nothing is written here. What a paid call brought goes to the driver as it comes, so that a worker may end at any
moment. The class is an ordinary one; the driver makes it an actor.
"""

import asyncio
import contextlib
import itertools
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from tempfile import TemporaryDirectory

from synthtools import __version__
from synthtools.backends.scope import scope
from synthtools.config import Settings
from synthtools.errors import BudgetExceeded, ConfigError, SynthToolsError
from synthtools.runs.journal import pack_answer, unpack_answer
from synthtools.runs.models import Models
from synthtools.runs.ray.messages import Amended, Answered, Ended, Event, Job, Paid, Problem, Recorded, Setup
from synthtools.runs.stages import STAGES, Program, Stage
from synthtools.runs.transitions import pack_transition, unpack_transition
from synthtools.types.call import Transition
from synthtools.types.record import JsonObject
from synthtools.types.usage import LedgerEntry
from synthtools.world.precedence import placed

_GATHER = 0.002
"""Seconds in which events are gathered before they are told: a message costs as much as a model call."""


class Worker:
    """Does items side by side on its event loop."""

    def __init__(self) -> None:
        self._outbox = _Outbox()
        self._transitions = WorkerTransitions(self._outbox.put)
        self._lessons: dict[str, int] = {}
        """The number of the last lesson, by environment."""
        self._saved: Mapping[str, Sequence[bytes]] = {}
        self._files: dict[str, list[Path]] = {}
        """Where `Models` finds saved programs while they are loaded."""
        self._models: Models | None = None
        self._programs: dict[str, Program] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._given_up: set[int] = set()
        self._spent = ""

    async def open(self, setup: Setup) -> Problem | None:
        """Reaches the models; where that fails, why. Called once, before anything else."""
        self._outbox.open()
        _take_long_turns()
        if setup.version != __version__:
            message = f"a Ray worker has SynthTools {__version__} and the driver {setup.version}: install one version"
            return Problem.of(ConfigError(message))
        try:
            settings = Settings.model_validate_json(setup.settings)
            self._models = Models(settings, self._files, self._transitions)
        except SynthToolsError as error:
            return Problem.of(error)
        self._saved = setup.programs
        return None

    async def learn(self, environment: str, lesson: int, transitions: Mapping[str, bytes]) -> None:
        """Takes the recorded transitions of an environment over, in place of those it may have held."""
        self._lessons[environment] = lesson
        self._transitions.learn(environment, transitions)

    async def forget(self, environment: str, lesson: int) -> None:
        """Lets the transitions of an environment go, unless a later lesson came before."""
        if self._lessons.get(environment) == lesson:
            del self._lessons[environment]
            self._transitions.forget(environment)

    async def stop_paying(self, why: str) -> None:
        """Refuses every paid call from now on, since the budget is spent."""
        self._spent = why

    async def submit(self, job: Job) -> None:
        """Begins a job; `events` tells what comes of it."""
        if job.number in self._given_up:
            self._outbox.put(Ended(job.number))
            return
        assert self._models is not None, "open() comes first"
        task = asyncio.get_running_loop().create_task(self._do(job, self._models))
        self._tasks[job.number] = task
        task.add_done_callback(lambda _: self._tasks.pop(job.number))

    async def give_up(self, job: int) -> None:
        """Cancels a job, begun or still to come."""
        task = self._tasks.get(job)
        if task is None:
            self._given_up.add(job)
        else:
            task.cancel()

    async def events(self) -> list[Event]:
        """What happened since the last call, in order; waits until there is something."""
        return await self._outbox.take()

    async def _do(self, job: Job, models: Models) -> None:
        stage = STAGES[job.item.stage]
        journal = _JobJournal(job, self._outbox.put)
        try:
            with (
                models.used(),
                self._transitions.of(job.environment),
                placed(-stage.depth, job.number),
                scope(
                    stage=stage.name,
                    item=job.item.id,
                    journal=journal,
                    ledger=_JobLedger(job, self._outbox.put),
                    before_call=self._check_budget,
                    variation=job.variation,
                ),
            ):
                ended = Ended(job.number, await self._program(stage, models).acall(**job.inputs))
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the driver raises it again
            ended = Ended.with_error(job.number, error)
        self._outbox.put(ended)

    def _check_budget(self) -> None:
        if self._spent:
            raise BudgetExceeded(self._spent)

    def _program(self, stage: Stage, models: Models) -> Program:
        if stage.name not in self._programs:
            with TemporaryDirectory(prefix="synthtools-") as folder:
                for index, saved in enumerate(self._saved.get(stage.name, ())):
                    path = Path(folder, f"{stage.name}-{index}.json")
                    path.write_bytes(saved)
                    self._files.setdefault(stage.name, []).append(path)
                self._programs[stage.name] = models.program(stage)
        return self._programs[stage.name]


def _take_long_turns() -> None:
    """Has the kernel (Linux) not interrupt another thread whenever this one, or one it starts, has something to do.

    Where workers keep all cores busy, they would otherwise interrupt each other and themselves a thousand times a
    second, and pay for it with cold caches. Where that may not be set, nothing but speed is lost.
    """
    if sys.platform == "linux":
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


class WorkerTransitions:
    """The recorded calls of the environments that a worker has, one environment apart from another.

    The first one put under a key stays. Since an environment is on one worker at a time, the first here is the first
    of the run.
    """

    def __init__(self, tell: Callable[[Event], None]) -> None:
        self._tell = tell
        self._known: dict[str, dict[str, bytes]] = {}

    def learn(self, environment: str, transitions: Mapping[str, bytes]) -> None:
        """Sets all that is recorded of an environment."""
        self._known[environment] = dict(transitions)

    def forget(self, environment: str) -> None:
        """Lets an environment go."""
        self._known.pop(environment, None)

    @contextmanager
    def of(self, environment: str) -> Generator[None]:
        """A block, with the tasks and threads started there, whose calls are of one environment."""
        token = _environment.set(environment)
        try:
            yield
        finally:
            _environment.reset(token)

    def get(self, key: str) -> Transition | None:
        """The transition recorded under a key."""
        body = self._mine().get(key)
        return None if body is None else unpack_transition(body)

    def put(self, key: str, transition: Transition) -> Transition:
        """Records a transition unless one is there, and gives the one that stands."""
        body = pack_transition(transition)
        standing = self._mine().setdefault(key, body)
        if standing is not body:
            return unpack_transition(standing)
        self._tell(Recorded(key, transition.tool, body))
        return transition

    def _mine(self) -> dict[str, bytes]:
        return self._known.setdefault(_environment.get(), {})


_environment: ContextVar[str] = ContextVar("synthtools_environment", default="")


class _Outbox:
    """Events on their way to the driver; takes them from any thread."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    def open(self) -> None:
        """Belongs to the running loop from now on."""
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()

    def put(self, event: Event) -> None:
        assert self._loop is not None, "open() comes first"
        self._events.append(event)
        if threading.get_ident() == self._thread:
            self._arrived.set()
        else:
            self._loop.call_soon_threadsafe(self._arrived.set)

    async def take(self) -> list[Event]:
        await self._arrived.wait()
        await asyncio.sleep(_GATHER)
        self._arrived.clear()
        events: list[Event] = []
        while self._events:
            events.append(self._events.popleft())
        return events


class _JobJournal:
    """The journal of a job's item: what the driver sent with it, and what is answered here."""

    def __init__(self, job: Job, tell: Callable[[Event], None]) -> None:
        self._job = job.number
        self._answers = dict(job.answers)
        self._tell = tell

    def get(self, key: str) -> JsonObject | None:
        answer = self._answers.get(key)
        return None if answer is None else unpack_answer(answer)

    async def aget(self, key: str) -> JsonObject | None:
        return self.get(key)

    def put(self, key: str, answer: JsonObject) -> None:
        self._answers[key] = pack_answer(answer)
        self._tell(Answered(self._job, key, self._answers[key]))


class _JobLedger:
    """Tells the driver of every paid call of a job."""

    _numbers = itertools.count()

    def __init__(self, job: Job, tell: Callable[[Event], None]) -> None:
        self._job = job.number
        self._tell = tell

    def write(self, entry: LedgerEntry) -> Callable[[str], None]:
        call = next(self._numbers)
        self._tell(Paid(self._job, call, entry))
        return lambda outcome: self._tell(Amended(self._job, call, outcome))
