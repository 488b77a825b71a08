"""Runs programs on the workers of a Ray cluster; this process alone decides, and writes what they tell.

An environment's items go to one worker, so that what one of them recorded the next one meets. A worker that dies is
replaced, and what was under way there is done again elsewhere: answers that it told of are not paid for twice.
"""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable, Container, Generator, Sequence
from typing import Any, cast

from synthtools import __version__
from synthtools.config import Settings
from synthtools.errors import ConfigError, DamagedRecord, WorkerLost
from synthtools.runs.budget import Budget
from synthtools.runs.item import Item
from synthtools.runs.journal import ItemJournal, RunLedger
from synthtools.runs.models import ProgramFiles
from synthtools.runs.ray.cluster import Cluster, reached
from synthtools.runs.ray.intake import Intake
from synthtools.runs.ray.link import Link
from synthtools.runs.ray.messages import Job, Problem, Setup
from synthtools.runs.stages import Inputs, Stage
from synthtools.runs.store import Store
from synthtools.runs.transitions import unpack_transition
from synthtools.types.audit import AuditedEnv
from synthtools.types.environment import EnvSpec
from synthtools.types.task import Task, TaskWorld
from synthtools.types.tool import Tool

_TRIES = 3
"""Workers that an item may lose before it is taken for what kills them."""
_STARTS = 3
"""Workers in a row that may end before they are ready, in one place, before no further one is begun there."""
_PATIENCE = 30.0
"""Seconds that the first items wait for the last worker, once one is ready."""
_UNEVEN = 1.25
"""Times the load of the least busy worker, and two items, from which idle environments move there."""

logger = logging.getLogger(__name__)


class RayExecutor:
    """Does items on Ray workers."""

    def __init__(
        self,
        store: Store,
        ledger: RunLedger,
        budget: Budget,
        settings: Settings,
        program_files: ProgramFiles,
        prepare: Callable[[Stage], object],
    ) -> None:
        """Sets up the executor; `opened` reaches the cluster.

        Args:
            store: Takes journal, ledger and transitions.
            ledger: Counts what is paid.
            budget: Checked whenever something was paid.
            settings: Travel to the workers, each with its share of the calls in flight.
            program_files: Saved states of programs; their content travels.
            prepare: Called once a stage, before its first item.
        """
        self._store = store
        self._settings = settings
        self._programs = {stage: [path.read_bytes() for path in paths] for stage, paths in program_files.items()}
        self._prepare = prepare
        self._prepared: set[str] = set()
        self._intake = Intake(store, ledger, budget, self._stop_paying)
        self._cluster: Cluster | None = None
        self._wanted = 0
        self._links: list[Link] = []
        self._homes: dict[str, Link] = {}
        self._keepers: set[asyncio.Task[None]] = set()
        self._begun: asyncio.Task[None] | None = None
        self._jobs = itertools.count()
        self._changed = asyncio.Event()
        """Set while a worker is ready, or none will be."""
        self._over: BaseException | None = None
        """Why there will be no worker any more."""

    @contextlib.contextmanager
    def opened(self) -> Generator[None]:
        """A block in which the cluster is connected. Raises: ConfigError where it cannot be reached."""
        run = self._settings.run
        with reached(run.ray_address, run.ray_workers) as cluster:
            self._cluster = cluster
            self._wanted = min(run.ray_workers or cluster.cpus, self._settings.concurrency)
            yield

    def line(self) -> str:
        """How many workers are ready, for a line of progress."""
        return f"{len(self._links)} of {self._wanted} Ray workers" if self._wanted else ""

    async def execute(self, stage: Stage, item: Item, inputs: Inputs, variation: int) -> Any:
        """Has a worker do the item; another one where that is lost.

        Raises:
            WorkerLost: every worker that did it was lost.
            ConfigError: workers cannot be started, or cannot do with the settings.
            SynthToolsError: as the program does.
        """
        if stage.name not in self._prepared:
            self._prepared.add(stage.name)
            self._prepare(stage)
        if self._begun is None:
            self._begun = asyncio.create_task(self._begin())
        await asyncio.shield(self._begun)
        environment, uncertified = _environment_of(inputs) if stage.worlds else ("", ())
        journal = ItemJournal(self._store, item)
        tries = 0
        while True:
            link = await self._link_for(environment)
            with link.holding(environment):
                try:
                    answers = await asyncio.to_thread(journal.packed)
                    if environment:
                        await link.teach(environment, lambda: asyncio.to_thread(self._recorded, uncertified))
                    job = Job(next(self._jobs), item, inputs, variation, environment, answers)
                    return await link.do(job, journal)
                except WorkerLost as error:
                    tries += 1
                    if tries == _TRIES:
                        raise WorkerLost(f"{tries} Ray workers were lost while they did it; last: {error}") from error

    async def _begin(self) -> None:
        """Begins the workers, and waits until they are ready, or one is and the others take long."""
        share, more = divmod(self._settings.concurrency, self._wanted)
        ready = [asyncio.Event() for _ in range(self._wanted)]
        for index, event in enumerate(ready):
            setup = Setup(__version__, self._with_concurrency(share + (index < more)), self._programs)
            keeper = asyncio.create_task(self._keep(setup, event), name=f"ray worker {index}")
            self._keepers.add(keeper)
            keeper.add_done_callback(self._keeper_ended)
        await self._changed.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                for event in ready:
                    await event.wait()

    def _with_concurrency(self, calls: int) -> str:
        run = self._settings.run.model_copy(update={"concurrency": calls})
        return self._settings.model_copy(update={"run": run}).model_dump_json()

    async def _keep(self, setup: Setup, ready: asyncio.Event) -> None:
        """Keeps one worker: begins it, listens to it, and begins another when it is lost.

        Args:
            setup: What it is made of.
            ready: Set once there is nothing to wait for any more.

        Raises:
            WorkerLost: too many ended before they were ready.
            SynthToolsError: the workers cannot do with these settings, or the run cannot be written.
        """
        try:
            while True:
                link = await self._started(setup)
                self._links.append(link)
                self._changed.set()
                ready.set()
                try:
                    await link.listen()
                except WorkerLost as error:
                    logger.warning("a Ray worker is lost, another one is begun: %s", error)
                finally:
                    self._links.remove(link)
                    self._homes = {id: home for id, home in self._homes.items() if home is not link}
                    if not self._links:
                        self._changed.clear()
        finally:
            ready.set()

    async def _started(self, setup: Setup) -> Link:
        """A worker that is ready. Raises: as `_keep`."""
        assert self._cluster is not None
        lost: WorkerLost | None = None
        for _ in range(_STARTS):
            worker = self._cluster.start_worker()
            try:
                problem = cast("Problem | None", await self._cluster.call(worker, "open", setup))
            except WorkerLost as error:
                lost = error
                continue
            if problem is not None:
                raise problem.error()
            link = Link(self._cluster, worker, self._intake.take)
            if self._intake.spent:
                link.stop_paying(self._intake.spent)
            return link
        raise WorkerLost(f"a Ray worker cannot be started (is SynthTools on every node?): {lost}") from lost

    def _keeper_ended(self, keeper: asyncio.Task[None]) -> None:
        self._keepers.discard(keeper)
        error = None if keeper.cancelled() else keeper.exception()
        if error is None:
            return
        if isinstance(error, WorkerLost) and self._keepers:
            logger.warning("one Ray worker fewer: %s", error)
            return
        # No item's fault: as an error of usage it ends the command, and what is left stays to be done.
        self._over = ConfigError(f"no Ray worker is left: {error}") if isinstance(error, WorkerLost) else error
        self._changed.set()

    async def _link_for(self, environment: str) -> Link:
        """The worker that an item of the environment goes to, once there is one."""
        while True:
            if self._over is not None:
                raise self._over
            if self._links:
                return self._place(environment)
            await self._changed.wait()

    def _place(self, environment: str) -> Link:
        """An environment stays where it is, while items of it are under way there or all are about as busy."""
        least = min(self._links, key=lambda link: link.load)
        if not environment:
            return least
        home = self._homes.get(environment)
        if home is not None and (home.has(environment) or home.load <= _UNEVEN * least.load + 2):
            return home
        if home is not None:
            home.leave(environment)
        self._homes[environment] = least
        return least

    def _recorded(self, tools: Sequence[Tool]) -> dict[str, bytes]:
        """The recorded transitions of these tools, packed, by key."""
        if not tools:
            return {}
        self._store.write(lambda connection: None)  # what came before is in the file then
        versions = {tool.version for tool in tools}
        marks = ", ".join("?" * len(tools))
        names = tuple(tool.name for tool in tools)
        found = self._store.rows(f"SELECT key, body FROM transitions WHERE tool IN ({marks})", names)
        rows = cast("list[tuple[str, bytes]]", found)
        return {key: body for key, body in rows if _is_of(body, versions)}

    def _stop_paying(self, why: str) -> None:
        for link in self._links:
            link.stop_paying(why)


def _is_of(body: bytes, versions: Container[str]) -> bool:
    """Whether a packed transition is of these versions of its tool; a damaged one fails whoever asks for it there."""
    try:
        return unpack_transition(body).tool_version in versions
    except DamagedRecord:
        return True


def _environment_of(inputs: Inputs) -> tuple[str, tuple[Tool, ...]]:
    """Whose environment an item is of, and the tools whose recorded answers count there.

    Where certified code answers every tool none do: it answers the same again.
    """
    env = inputs.get("env")
    world: EnvSpec | TaskWorld | None = env.env if isinstance(env, AuditedEnv) else env
    id = ""
    if world is None:
        task = cast(Task, inputs["task"])
        if task.world is None:
            return f"task {task.id}", task.tools
        world, id = task.world, task.world.env_id
    elif isinstance(world, EnvSpec):
        id = world.id
    certified = {name for name, code in world.code.items() if code.certified}
    return id, () if all(tool.name in certified for tool in world.tools) else world.tools
