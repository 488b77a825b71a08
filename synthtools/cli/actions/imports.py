"""What `import` does: records from elsewhere as done items of a run, so that later stages go on from them."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from rich.table import Table

from synthtools.cli.options import ModelOptions
from synthtools.cli.outcomes import environment_outcome, task_outcome
from synthtools.cli.output import out, say
from synthtools.cli.work import gather_settings
from synthtools.config import Settings
from synthtools.errors import DataError, RunError
from synthtools.exports.lines import Whole
from synthtools.exports.task_content import read_tasks
from synthtools.exports.v1 import ImportReport, read_environments
from synthtools.reports.text import one_line, shown
from synthtools.runs.item import Outcome
from synthtools.runs.store import Store
from synthtools.types.lifting import Verdict
from synthtools.types.task import Task

_SHOWN = 20
_CHANGES = "import_changes.jsonl"


def import_v1(path: Path, folder: Path) -> None:
    """Brings environments into a run. Raises: DataError for a malformed row, RunError where an id is taken."""
    settings = _settings(path, folder)
    report = ImportReport()
    with Store(folder, create=True) as store:
        envs = read_environments(path, report)
        store.put_all(_new(store, (environment_outcome(env, settings.profile) for env in envs)))
    for kind, count in list(report.counts.items())[:_SHOWN]:
        out.print(shown(f"{count:6} {kind}"))
    if report.constraints:
        out.print(_constraints(report))
    for id, change in report.changes[:_SHOWN]:
        out.print(shown(f"  {id}: {change.part}: {change.kind} {one_line(change.detail, 120)}", "dim"))
    if len(report.changes) > _SHOWN:
        out.print(shown(f"  and {len(report.changes) - _SHOWN} more", "dim"))
    changes = folder / _CHANGES
    with Whole(changes) as file:
        for id, change in report.changes:
            file.write(changes, {"id": id, **change.to_json()})
    say(f"wrote {changes}")
    say(f"imported {report.tools} tools in {report.environments} environments into {folder}")
    say(f"next: `synthtools env-audit --run {folder}`")


def import_v2(path: Path, folder: Path) -> None:
    """Brings tasks into a run. Raises: DataError for a malformed row, RunError where an id is taken."""
    settings = _settings(path, folder)
    with Store(folder, create=True) as store:
        tasks: Iterator[Task] = read_tasks(path)
        count = store.put_all(_new(store, (task_outcome(task, settings.profile) for task in tasks)))
    say(f"imported {count} tasks into {folder}")
    say(f"next: `synthtools trajectory-generation --run {folder}`")


def _constraints(report: ImportReport) -> Table:
    """How many constraints in prose became fields, by kind; the others stay prose."""
    table = Table("constraints in prose", header_style="bold")
    for name in get_args(Verdict):
        table.add_column(name, justify="right")
    for kind, found in report.constraints.items():
        table.add_row(kind, *(str(count) for count in found.values()))
    return table


def _settings(path: Path, folder: Path) -> Settings:
    if not path.is_file():
        raise DataError(f"no such file: {path}")
    return gather_settings(folder, ModelOptions())


def _new(store: Store, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
    """The outcomes that the run does not hold yet. Raises: RunError for an id whose record is another one."""
    for outcome in outcomes:
        held = store.hash_of(*outcome.item.key)
        if held is None:
            yield outcome
        elif held != outcome.hash:
            raise RunError(f"the run {store.folder} has another {outcome.item.stage} record {outcome.item.id}")
