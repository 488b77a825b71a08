"""What the verbs of the pipeline do: all stages at once, or those of one verb."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from synthtools.cli.corpus import write_files
from synthtools.cli.dry_run import dry_run
from synthtools.cli.options import FieldOptions, StageOptions
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
from synthtools.runs.driver import drive
from synthtools.runs.reader import STORE_NAME
from synthtools.runs.stages import VERBS
from synthtools.runs.store import Store


def work_on(
    folder: Path,
    verbs: Sequence[str],
    options: StageOptions,
    fields: FieldOptions | None = None,
    more: Mapping[str, object] | None = None,
    redo: Sequence[str] = (),
    next_step: str = "",
) -> None:
    """Plans the fields, drives the stages of some verbs, writes their files and says what came of it.

    Args:
        folder: The run's folder; it is made where there are fields.
        verbs: Names of verbs; each stands for its stages.
        options: Of the command.
        fields: Which to cover; None: the verb takes none.
        more: Further options of the command by the setting they give.
        redo: Stages whose finished items are done again.
        next_step: What to say at the end of all work.

    Raises: UsageError, also where no field is given for a new run.
    """
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

    with Store(folder, create=fields is not None) as store:
        plan_fields(store, chosen)
        work = replace(work_of(options, stages, settings, programs), redo=redo)
        summary = drive(store, work, notes)
    files = write_files(folder, stages)
    conclude(folder, summary, options, files, next_step)
