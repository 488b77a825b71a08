"""Carries out a compile in a run, which keeps every answer and candidate, and goes on with one that was interrupted."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context

from synthtools.optimizers.compile.background import BackgroundLoop
from synthtools.optimizers.compile.caps import Caps, Limits
from synthtools.optimizers.compile.journal import SharedJournal
from synthtools.optimizers.compile.phases import Phases
from synthtools.optimizers.compile.plan import Plan
from synthtools.optimizers.compile.preflight import check
from synthtools.optimizers.compile.progress import Progress
from synthtools.optimizers.compile.quiet import quiet
from synthtools.optimizers.compile.result import CompileResult
from synthtools.optimizers.compile.stopping import CompileStopped
from synthtools.optimizers.compile.trial import Bench
from synthtools.runs.compiles import ANSWERS, CompileRows
from synthtools.runs.journal import ItemJournal, RunLedger
from synthtools.runs.store import Store


def carry_out(plan: Plan, store: Store, limits: Limits, progress: Progress, *, logs: bool = False) -> CompileResult:
    """Compiles, or goes on with a compile that was interrupted; one that has ended is read from the run.

    Args:
        plan: What is compiled.
        store: The run.
        limits: Hard caps over all processes that work on this compile.
        progress: Told how it goes.
        logs: Whether to show what libraries log.

    Raises:
        CompileStopped: It was interrupted, or a cap was reached before anything could be compared.
        SynthToolsError: The provider failed, or the cases are not the target's.
        ConfigError: The limits leave no room for a baseline.
    """
    rows = CompileRows(store, plan.id)
    rows.begin(plan.target.name, plan.method.name, plan.noted)
    if (known := rows.result()) is not None:
        return CompileResult.model_validate_json(known)
    flight = plan.preflight()
    check(limits, flight, plan.sizes, plan.speakers)
    caps = Caps(limits, RunLedger(store), rows.spent(), plan.speakers.prices or {})
    journal = SharedJournal(ItemJournal(store, ANSWERS))
    with BackgroundLoop() as loop:
        parts = {case.id: name for name, part in plan.cases._asdict().items() for case in part}
        bench = Bench(plan.target, parts, rows, journal, caps, loop, plan.speakers.judge)
        phases = Phases(plan, bench, rows, flight, progress)
        try:
            with quiet(logs=logs):
                result = _apart(phases.run, caps)
        except CompileStopped as stop:
            if isinstance(stop.error, Exception):
                raise stop.error from None
            raise
    if not result.ended_by:
        rows.finish(result.model_dump_json().encode())
    return result


def _apart(work: Callable[[], CompileResult], caps: Caps) -> CompileResult:
    """Runs the work in a thread of its own, so that Ctrl-C reaches this one: what is in flight is finished first."""
    ended: Future[CompileResult] = Future()

    def body() -> None:
        try:
            ended.set_result(work())
        except BaseException as error:  # noqa: BLE001 - the waiting thread gets it through the future
            ended.set_exception(error)

    thread = threading.Thread(target=copy_context().run, args=(body,), name="synthtools-optimizer", daemon=True)
    thread.start()
    try:
        return ended.result()
    except KeyboardInterrupt:
        caps.stop("interrupted", "interrupted")
        return ended.result()
