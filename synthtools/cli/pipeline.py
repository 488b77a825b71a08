"""The commands of the pipeline: all stages at once, or one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from synthtools.cli.options import FieldOptions, RunFolder, StageOptions, command

_Sequences = Annotated[int | None, typer.Option("--sequences", min=1, help="Tool sequences per environment.")]
_Length = Annotated[int | None, typer.Option("--length", min=1, help="Tools in a sequence.")]
_Samples = Annotated[int | None, typer.Option("--samples", min=1, help="Rollouts per task.")]
_Turns = Annotated[int | None, typer.Option("--max-turns", min=1, help="Turns of a rollout.")]


def _work_on(
    folder: Path,
    verbs: Sequence[str],
    options: StageOptions,
    fields: FieldOptions | None = None,
    more: Mapping[str, object] | None = None,
    redo: Sequence[str] = (),
    next_step: str = "",
) -> None:
    from synthtools.cli.corpus import write_files
    from synthtools.cli.dry_run import dry_run
    from synthtools.cli.output import notes
    from synthtools.cli.work import (
        chosen_fields,
        conclude,
        field_names,
        gather_settings,
        plan_fields,
        program_files,
        work_of,
    )
    from synthtools.errors import UsageError
    from synthtools.runs.reader import STORE_NAME
    from synthtools.runs.stages import VERBS

    stages = tuple(stage for verb in verbs for stage in VERBS[verb])
    given = dict(more or {})
    if fields is not None:
        given["run.fields"] = field_names(fields)
    settings = gather_settings(folder, options, given)
    chosen = chosen_fields(settings) if fields is not None else {}
    if fields is not None and not chosen and not (folder / STORE_NAME).is_file():
        raise UsageError("no field given: --field NAME (repeatable), or --all-fields; `synthtools fields` lists some")
    programs = program_files(options, stages, settings)
    if options.dry_run:
        dry_run(folder, stages, settings, chosen, programs, options)
        return
    from synthtools.runs.driver import drive
    from synthtools.runs.store import Store

    with Store(folder, create=fields is not None) as store:
        plan_fields(store, chosen)
        work = replace(work_of(options, stages, settings, programs), redo=redo)
        summary = drive(store, work, notes)
    files = write_files(folder, stages)
    conclude(folder, summary, options, files, next_step)


@command
def run(folder: RunFolder, fields: FieldOptions, options: StageOptions, samples: _Samples = None) -> None:
    """All stages, streaming: an environment is audited while others are made, and so on to its rollouts."""
    from synthtools.runs.stages import VERBS

    shown = f"`synthtools status --run {folder}`, `synthtools verify --run {folder}`"
    _work_on(folder, tuple(VERBS), options, fields, {"profile.samples": samples}, next_step=shown)


@command
def env_generation(folder: RunFolder, fields: FieldOptions, options: StageOptions) -> None:
    """Field -> subfields -> scenarios -> environments: a populated state, and tools as certified code."""
    _work_on(folder, ("env-generation",), options, fields, next_step=f"`synthtools env-audit --run {folder}`")


@command
def env_audit(folder: RunFolder, options: StageOptions) -> None:
    """Tests every tool with calls that should pass and calls that should not, and keeps the reliable ones."""
    _work_on(folder, ("env-audit",), options, next_step=f"`synthtools task-sequences --run {folder}`")


@command
def task_sequences(
    folder: RunFolder, options: StageOptions, sequences: _Sequences = None, length: _Length = None
) -> None:
    """Reliable tools -> ordered sequences of tools, one for each task to come."""
    more = {"profile.sequences": sequences, "profile.length": length}
    _work_on(folder, ("task-sequences",), options, None, more, next_step=f"`synthtools task-generation --run {folder}`")


@command
def task_generation(folder: RunFolder, options: StageOptions) -> None:
    """Sequences -> solved turns: each step is executed, phrased, solved and judged."""
    _work_on(folder, ("task-generation",), options, next_step=f"`synthtools task-audit --run {folder}`")


@command
def task_audit(
    folder: RunFolder,
    options: StageOptions,
    resummarize: Annotated[
        bool, typer.Option("--resummarize", help="Write the requests of finished tasks again.")
    ] = False,
) -> None:
    """Solved turns -> one request and a certificate: the rows of task_content.jsonl."""
    redo = ("task-audit",) if resummarize else ()
    step = f"`synthtools trajectory-generation --run {folder}`"
    _work_on(folder, ("task-audit",), options, redo=redo, next_step=step)


@command
def trajectory_generation(
    options: StageOptions,
    folder: Annotated[Path | None, typer.Option("--run", help="The run's folder.", metavar="DIR")] = None,
    dataset: Annotated[Path | None, typer.Option("--dataset", help="Tasks of a file.", metavar="FILE")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="With --dataset: a new run.", metavar="DIR")] = None,
    task_id: Annotated[
        list[str] | None, typer.Option("--task-id", help="Only this task; repeatable.", metavar="ID")
    ] = None,
    field: Annotated[
        list[str] | None, typer.Option("--field", help="Only tasks of this field; repeatable.", metavar="NAME")
    ] = None,
    samples: _Samples = None,
    max_turns: _Turns = None,
) -> None:
    """Lets an agent loose on tasks, of a run or of a file, and verifies what it did."""
    from synthtools.cli.rollouts import roll_out
    from synthtools.errors import UsageError

    if (folder is None) == (dataset is None) or (dataset is None) != (out is None):
        raise UsageError("give --run DIR, or --dataset FILE with --out DIR")
    more = {"profile.samples": samples, "profile.max_turns": max_turns}
    roll_out(options, folder or out or Path(), dataset, task_id or [], field or [], more)
