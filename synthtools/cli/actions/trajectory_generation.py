"""`trajectory-generation`: rollouts of a run's own tasks, or of the tasks of a file in a run of their own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import orjson

from synthtools.cli.corpus import write_files
from synthtools.cli.dry_run import dry_run
from synthtools.cli.options import StageOptions
from synthtools.cli.outcomes import task_outcome
from synthtools.cli.output import notes, print_json, say
from synthtools.cli.work import conclude, gather_settings, program_files, work_of
from synthtools.errors import DataError, RunError, UsageError
from synthtools.exports.task_content import read_tasks
from synthtools.runs.driver import drive
from synthtools.runs.item import Item
from synthtools.runs.reader import STORE_NAME, StoreReader
from synthtools.runs.stages import VERBS
from synthtools.runs.store import Store
from synthtools.types.names import slug
from synthtools.types.profile import Profile
from synthtools.types.task import Task

_SOURCE, _READ = "dataset", "dataset_read"
"""Keys of the store: the file that a run's tasks come from, and what was read of it to the end."""


def roll_out(
    options: StageOptions,
    folder: Path,
    dataset: Path | None,
    task_ids: Sequence[str],
    fields: Sequence[str],
    more: Mapping[str, object],
) -> None:
    """Makes the rollouts that the options ask for. Raises: UsageError, also for a task that does not exist."""
    stages = VERBS["trajectory-generation"]
    settings = gather_settings(folder, options, more)
    programs = program_files(options, stages, settings)
    if options.dry_run:
        if dataset is None or (folder / STORE_NAME).is_file():
            dry_run(folder, stages, settings, {}, programs, options)
        else:
            tasks, samples = sum(1 for _ in _chosen(dataset, task_ids, fields)), settings.profile.samples
            if options.json:
                print_json({"run": str(folder), "tasks": tasks, "samples": samples})
            say(f"Dry run: {tasks} tasks of {dataset}, {samples} rollouts each, in {folder}")
        return
    if dataset is not None:
        if not dataset.is_file():
            raise DataError(f"no such file: {dataset}")
        _check_source(folder, dataset)
    with Store(folder, create=dataset is not None) as store:
        if dataset is not None:
            _bring_in(store, dataset, task_ids, fields, settings.profile)
        _check_known(store, task_ids)
        work = replace(work_of(options, stages, settings, programs), wanted=_wanted(task_ids, fields))
        summary = drive(store, work, notes)
    files = write_files(folder, stages)
    conclude(folder, summary, options, files, f"`synthtools verify --run {folder} --rollouts`")


def _check_source(folder: Path, dataset: Path) -> None:
    if not (folder / STORE_NAME).is_file():
        return
    with StoreReader(folder) as reader:
        noted = reader.meta(_SOURCE)
    if noted is None:
        raise RunError(f"{folder} exists and is a run of its own: name a new folder with --out")
    if noted != str(dataset.resolve()):
        raise RunError(f"{folder} exists and holds rollouts of {noted}: name a new folder with --out")


def _bring_in(store: Store, dataset: Path, task_ids: Sequence[str], fields: Sequence[str], profile: Profile) -> None:
    """Brings the tasks of a file into a run, unless that very file was brought in before."""
    store.set_meta(_SOURCE, str(dataset.resolve()))
    stat = dataset.stat()
    source = {
        "size": stat.st_size,
        "mtime_ns": stat.st_mtime_ns,
        "task_ids": sorted(task_ids),
        "fields": sorted(fields),
    }
    noted = orjson.dumps(source).decode()
    if store.meta(_READ) != noted:
        store.put_all(task_outcome(task, profile) for task in _chosen(dataset, task_ids, fields))
        store.set_meta(_READ, noted)


def _chosen(dataset: Path, task_ids: Sequence[str], fields: Sequence[str]) -> Iterator[Task]:
    ids, slugs = set(task_ids), {slug(field) for field in fields}
    tasks = read_tasks(dataset)
    return (task for task in tasks if (not ids or task.id in ids) and (not slugs or slug(task.field) in slugs))


def _check_known(store: Store, task_ids: Sequence[str]) -> None:
    for id in task_ids:
        found = store.item("task-audit", id)
        if found is None or found.status != "done":
            raise UsageError(f"there is no task {id} in {store.folder}")


def _wanted(task_ids: Sequence[str], fields: Sequence[str]) -> Callable[[Item], bool]:
    ids, slugs = set(task_ids), {slug(field) for field in fields}
    return lambda item: (not ids or item.parent in ids) and (not slugs or item.field in slugs)
