"""Drives a run: the scheduler on real models, with signals, progress and budgets, from synchronous code."""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from synthtools.config import Settings, write_settings
from synthtools.runs.acceptance import accept_settings
from synthtools.runs.budget import Budget
from synthtools.runs.executors import LocalExecutor
from synthtools.runs.forecast import note_forecast, plan
from synthtools.runs.item import Item
from synthtools.runs.journal import RunLedger
from synthtools.runs.judges import note_judges
from synthtools.runs.models import Models, ProgramFiles, program_hashes
from synthtools.runs.progress import ProgressView, progress_view
from synthtools.runs.prompt_growth import prompt_growth
from synthtools.runs.ray.executor import RayExecutor
from synthtools.runs.scheduler import Limits, Scheduler, Summary, Watcher
from synthtools.runs.stages import Program, Stage
from synthtools.runs.store import Store
from synthtools.runs.stragglers import Begun
from synthtools.runs.transitions import RunTransitions

_SWITCH_SECONDS = 0.0005
"""After which a thread gives the interpreter to another that asks for it."""

_MIDDLE_COLLECTION = 0 if sys.version_info < (3, 14) else gc.get_threshold()[1]
"""Collections of the young objects alone before one of the middle generation; from 3.14 on, Python looks at the old
ones bit by bit, and this says how much at once."""

_FULL_COLLECTION = 20_000
"""Collections of the middle generation before a full one: some twenty minutes, with 256 calls in flight."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a command is to do with a run."""

    stages: tuple[Stage, ...]
    settings: Settings
    limit: int | None = None
    """Most items of each stage that exist afterwards."""
    seconds: float | None = None
    """Time after which the command ends."""
    retry_failed: bool = False
    redo: Sequence[str] = ()
    """Stages whose finished items are done again; a record stays until a better one replaces it."""
    accept_changes: bool = False
    program_files: ProgramFiles = field(default_factory=dict[str, Sequence[Path]])
    """Saved states of programs, by stage."""
    wanted: Callable[[Item], bool] = lambda item: True
    """Which items are to be done at all."""
    watchers: Sequence[Watcher] = ()
    goal: Callable[[], bool] = lambda: False
    """Asked after every item; true ends the command."""
    more: Callable[[], Sequence[Item]] = lambda: ()
    """Asked for further items when nothing is left."""


def drive(store: Store, work: Work, console: Console) -> Summary:
    """Works on a run until nothing is left or a bound is reached. Models are reached only if there is something to do.

    The first Ctrl-C (or SIGTERM) finishes what is in flight, the second gives it up; both leave a run to be resumed.

    Raises: UsageError, where settings, files or the run are wrong.
    """
    stages = work.stages
    growths = prompt_growth(store, work.program_files, work.settings.profile)  # before the programs are noted
    accept_settings(
        store, stages, work.settings, program_hashes(work.program_files), accept_changes=work.accept_changes
    )
    write_settings(work.settings, store.folder)
    for stage in work.redo:
        store.redo(stage)
    if work.retry_failed:
        store.reopen_failed([stage.name for stage in stages])
    ledger = RunLedger(store)
    budget = Budget(ledger, work.settings)
    made: list[Models] = []

    def models() -> Models:
        if not made:
            made.append(Models(work.settings, work.program_files, RunTransitions(store)))
        return made[0]

    def program(stage: Stage) -> Program:
        loaded = models().program(stage)
        note_judges(store, loaded, models().main.model)
        return loaded

    remote: RayExecutor | None = None
    if work.settings.run.executor == "ray":
        remote = RayExecutor(store, ledger, budget, work.settings, work.program_files, program)
    local = LocalExecutor(store, ledger, program, before_call=budget.check)

    def has_free_calls() -> bool:
        servers = made[0].servers() if made and remote is None else ()
        return bool(servers) and all(state.in_flight < state.limit for state in servers)

    view = progress_view(
        *(console, store, stages),
        lambda: made[0].servers() if made and remote is None else (),
        lambda: remote.line() if remote is not None else made[0].fallback_line() if made else "",
    )
    begun = Begun(store)
    scheduler = Scheduler(
        store,
        remote or local,
        stages,
        work.settings.profile,
        Limits(
            concurrency=work.settings.concurrency,
            limit=work.limit,
            seconds=work.seconds,
            item_seconds=work.settings.run.item_seconds,
            provider_failures=work.settings.run.provider_failures,
        ),
        watchers=(view, begun, *work.watchers),
        wanted=work.wanted,
        goal=work.goal,
        more=work.more,
        has_free_calls=has_free_calls,
    )
    if not scheduler.prepare():
        return Summary(ending="goal" if work.goal() else "finished")
    growth = {stage: one.tokens for stage, one in growths.items()}
    note_forecast(store, plan(store, stages, work.settings.profile, work.limit, growth=growth))
    if remote is None:
        models().prepare()
        local.load(stages)
    make_way_for_calls()
    with models().used(), remote.opened() if remote is not None else contextlib.nullcontext(), begun, view:
        return asyncio.run(_run(scheduler, view, console))


def make_way_for_calls() -> None:
    """Sets this process up so that nothing stalls its event loop, with all calls in flight, for long.

    The garbage collector leaves alone all that there is by now: modules, programs, models. They live as long as the
    process; each full collection would look at them, for a tenth of a second and more. Full collections are rare: what
    is in flight takes them as long again, and of a hundred thousand objects they free some hundred. Every other
    collection is one of the middle generation, which then never grows: with 256 calls in flight, one takes 15 ms at
    most instead of 50, and all together three fifths of the time, since little is looked at twice. And threads that run
    code let go of the interpreter sooner than Python's 5 ms: the loop asks for it several times a call. For a command
    as it starts to work, never for a library, in whose process others have a say.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(gc.get_threshold()[0], _MIDDLE_COLLECTION, _FULL_COLLECTION)
    sys.setswitchinterval(_SWITCH_SECONDS)


async def _run(scheduler: Scheduler, view: ProgressView, console: Console) -> Summary:
    ticking = asyncio.create_task(_tick(view))
    try:
        with _signals(scheduler, console):
            return await scheduler.run()
    finally:
        ticking.cancel()


async def _tick(view: ProgressView) -> None:
    while True:
        await asyncio.sleep(1.0)
        view.tick()


@contextlib.contextmanager
def _signals(scheduler: Scheduler, console: Console) -> Generator[None]:
    loop = asyncio.get_running_loop()
    asked = 0

    def interrupt() -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            scheduler.stop("interrupted")
            console.print("Stopping: what is in flight is finished first. Ctrl-C again stops now.", highlight=False)
        else:
            scheduler.abandon()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
