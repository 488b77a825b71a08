"""What `status` prints."""

from pathlib import Path

import typer

from synthtools.cli.counting import Count
from synthtools.cli.options import ModelOptions
from synthtools.cli.output import out, print_json, say
from synthtools.cli.work import gather_settings
from synthtools.errors import UsageError
from synthtools.reports.costs import costs, costs_json
from synthtools.reports.duplicates import Repeated, find_repetitions
from synthtools.reports.funnel import funnel, left_line, slow_lines
from synthtools.reports.text import plain, shown
from synthtools.runs.reader import STORE_NAME
from synthtools.runs.run import Run, open_run
from synthtools.runs.stages import UNHASHED
from synthtools.runs.status import RunStatus
from synthtools.types.record import Json


def show_status(folder: Path, options: ModelOptions, *, as_json: bool, check: bool, cost: bool) -> None:
    """Prints how a run stands; `check` looks for damage, which ends it with 2, and for near-duplicates.

    `options`: settings that go before the run's own, for example prices.
    """
    with open_run(folder) as run:
        status = run.status()
        damage = _damage(run, status) if check else []
        repeated = _repetitions(run, status) if check and not damage else ()
        if as_json:
            report = status.to_json()
            if check:
                report["damage"] = list[Json](damage)
                report["near_duplicates"] = {kind.what: kind.to_json() for kind in repeated}
            if cost:
                report.update(costs_json(run.store, status, gather_settings(folder, options)))
            print_json(report)
        else:
            out.print(funnel(run.store, status))
            if cost:
                out.print(costs(run.store, status, gather_settings(folder, options)))
            for line in [left_line(status), *slow_lines(status)]:
                if line:
                    out.print(shown(line), soft_wrap=True)
            if check and not damage:
                out.print("every record matches its hash")
            for kind in repeated:
                for line in kind.lines():
                    out.print(shown(line), soft_wrap=True)
    if damage:
        for line in damage:
            say(line)
        say(f"what is not named here is whole: restore {folder / STORE_NAME} from a copy, or make those stages again")
        raise typer.Exit(UsageError.exit_code)


def _damage(run: Run, status: RunStatus) -> list[str]:
    with Count("checking records", sum(stage.done for stage in status.stages.values())) as count:
        return [plain(line) for line in run.store.damage(UNHASHED, count.advance)]


def _repetitions(run: Run, status: RunStatus) -> tuple[Repeated, ...]:
    threshold = gather_settings(run.path, ModelOptions()).profile.duplicate_threshold
    with Count("comparing environments", status.stages["env-generation"].done) as count:
        return find_repetitions(run.store, threshold, count.advance)
