"""The commands of the pipeline: all stages at once, or one."""

from pathlib import Path
from typing import Annotated

import typer

from synthtools.cli.options import FieldOptions, RunFolder, StageOptions, command

_Sequences = Annotated[int | None, typer.Option("--sequences", min=1, help="Tool sequences per environment.")]
_Length = Annotated[int | None, typer.Option("--length", min=1, help="Tools in a sequence.")]
_Samples = Annotated[int | None, typer.Option("--samples", min=1, help="Rollouts per task.")]
_Turns = Annotated[int | None, typer.Option("--max-turns", min=1, help="Turns of a rollout.")]


@command
def run(folder: RunFolder, fields: FieldOptions, options: StageOptions, samples: _Samples = None) -> None:
    """All stages, streaming: an environment is audited while others are made, and so on to its rollouts."""
    from synthtools.cli.actions.pipeline import work_on
    from synthtools.runs.stages import VERBS

    shown = f"`synthtools status --run {folder}`, `synthtools verify --run {folder}`"
    work_on(folder, tuple(VERBS), options, fields, {"profile.samples": samples}, next_step=shown)


@command
def env_generation(folder: RunFolder, fields: FieldOptions, options: StageOptions) -> None:
    """Field -> subfields -> scenarios -> environments: a populated state, and tools as certified code."""
    from synthtools.cli.actions.pipeline import work_on

    work_on(folder, ("env-generation",), options, fields, next_step=f"`synthtools env-audit --run {folder}`")


@command
def env_audit(folder: RunFolder, options: StageOptions) -> None:
    """Tests every tool with calls that should pass and calls that should not, and keeps the reliable ones."""
    from synthtools.cli.actions.pipeline import work_on

    work_on(folder, ("env-audit",), options, next_step=f"`synthtools task-sequences --run {folder}`")


@command
def task_sequences(
    folder: RunFolder, options: StageOptions, sequences: _Sequences = None, length: _Length = None
) -> None:
    """Reliable tools -> ordered sequences of tools, one for each task to come."""
    from synthtools.cli.actions.pipeline import work_on

    more = {"profile.sequences": sequences, "profile.length": length}
    work_on(folder, ("task-sequences",), options, None, more, next_step=f"`synthtools task-generation --run {folder}`")


@command
def task_generation(folder: RunFolder, options: StageOptions) -> None:
    """Sequences -> solved turns: each step is executed, phrased, solved and judged."""
    from synthtools.cli.actions.pipeline import work_on

    work_on(folder, ("task-generation",), options, next_step=f"`synthtools task-audit --run {folder}`")


@command
def task_audit(
    folder: RunFolder,
    options: StageOptions,
    resummarize: Annotated[
        bool, typer.Option("--resummarize", help="Write the requests of finished tasks again.")
    ] = False,
) -> None:
    """Solved turns -> one request and a certificate: the rows of task_content.jsonl."""
    from synthtools.cli.actions.pipeline import work_on

    redo = ("task-audit",) if resummarize else ()
    step = f"`synthtools trajectory-generation --run {folder}`"
    work_on(folder, ("task-audit",), options, redo=redo, next_step=step)


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
    from synthtools.cli.actions.trajectory_generation import roll_out
    from synthtools.errors import UsageError

    if (folder is None) == (dataset is None) or (dataset is None) != (out is None):
        raise UsageError("give --run DIR, or --dataset FILE with --out DIR")
    more = {"profile.samples": samples, "profile.max_turns": max_turns}
    roll_out(options, folder or out or Path(), dataset, task_id or [], field or [], more)
