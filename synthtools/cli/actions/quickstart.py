"""What `quickstart` does: fetch the model, try until the promised minimum exists, show what came of it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import typer

from synthtools.backends import weights
from synthtools.cli.actions.models_pull import shown_fetch
from synthtools.cli.corpus import write_files
from synthtools.cli.dry_run import dry_run
from synthtools.cli.options import INTERRUPTED, StageOptions, fail
from synthtools.cli.output import notes, out, print_json, say
from synthtools.cli.work import gather_settings, plan_fields, program_files, work_of
from synthtools.config import Settings
from synthtools.programs.fields import find_field
from synthtools.reports.funnel import funnel
from synthtools.reports.views import task_view, trajectory_view
from synthtools.runs.driver import drive
from synthtools.runs.item import Item
from synthtools.runs.minimum import Minimum
from synthtools.runs.run import Run, open_run
from synthtools.runs.scheduler import Summary
from synthtools.runs.stages import STAGES, first_items
from synthtools.runs.store import Store

_ROUNDS = 20
"""Most times that a field's subfields are asked for; by then its time is long over."""


def quickstart_run(options: StageOptions, field: str, folder: Path | None, minutes: float) -> None:
    """Runs the quickstart. Ends with 0 exactly when its promised minimum exists."""
    chosen = find_field(field)
    fields = {chosen.slug: chosen.name}
    folder = folder or Path("runs") / f"quickstart-{chosen.slug}"
    settings = gather_settings(folder, options, {"run.fields": [chosen.name]}, {"profile": {"name": "small"}})
    stages = tuple(STAGES.values())
    programs = program_files(options, stages, settings)
    if options.dry_run:
        dry_run(folder, stages, settings, fields, programs, options)
        return
    _have_weights(settings)
    say(f"{chosen.name}, with {settings.model.name}, for at most {minutes:g} minutes; the run is {folder}")
    rounds: list[int] = []

    def more() -> Sequence[Item]:
        rounds.append(len(rounds) + 1)
        return first_items(fields, rounds[-1]) if len(rounds) < _ROUNDS else ()

    with Store(folder, create=True) as store:
        plan_fields(store, fields)
        with open_run(folder) as run:
            minimum = Minimum(run)
        work = replace(
            work_of(options, stages, settings, programs),
            seconds=minutes * 60,
            watchers=(minimum,),
            goal=lambda: minimum.is_met,
            more=more,
        )
        summary = drive(store, work, notes)
    files = write_files(folder, stages)
    with open_run(folder) as run:
        if options.json:
            print_json(run.status().to_json())
        else:
            _show(run, minimum, files)
    _conclude(folder, summary, minimum)


def _have_weights(settings: Settings) -> None:
    """Fetches the embedded model where it is not here yet."""
    prefix, _, name = settings.model.name.partition("/")
    if prefix == "embedded" and not name.endswith(".gguf") and weights.locate(name) is None:
        shown_fetch(name)


def _show(run: Run, minimum: Minimum, files: Sequence[Path]) -> None:
    out.print()
    best = minimum.best
    if best is not None:
        task, rollout = best
        out.rule("A task")
        out.print(task_view(run.record("task-audit", task)))
        out.print()
        if rollout is not None:
            out.rule("An agent at work on it")
            out.print(trajectory_view(run.record("trajectory-generation", rollout)))
            out.print()
    out.rule("Every try")
    out.print(funnel(run.store, run.status()))
    out.print(
        f"{minimum.tools} audited tools answered by certified code, {minimum.tasks} certified tasks that change the "
        f"state, {minimum.rollouts} rollouts verified as solved",
        highlight=False,
        soft_wrap=True,
    )
    for path in files:
        out.print(f"wrote {path}", markup=False, highlight=False, soft_wrap=True)


def _conclude(folder: Path, summary: Summary, minimum: Minimum) -> None:
    if minimum.is_met:
        best = minimum.best
        assert best is not None
        say(
            f"next: `synthtools show {best[0]} --run {folder}`, `synthtools verify --run {folder}`, "
            f"`synthtools quickstart --field 'Bicycle rental'`, "
            "or a server of yours: `synthtools run --model hosted_vllm/NAME --api-base URL --field F --run DIR`"
        )
        return
    if summary.ending == "provider" and summary.error is not None:
        fail(summary.error)
    if summary.ending == "interrupted":
        say("interrupted: the same command resumes")
        raise typer.Exit(INTERRUPTED)
    lacking = "; ".join(minimum.lacking)
    say(f"not there yet: {lacking}. The same command goes on from here; --minutes gives it more time")
    raise typer.Exit(1)
