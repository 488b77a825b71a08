"""What `status` and `show` print."""

from pathlib import Path

import orjson
import typer

from synthtools.cli.counting import Count
from synthtools.cli.options import ModelOptions
from synthtools.cli.output import out, print_json, say
from synthtools.cli.work import gather_settings
from synthtools.errors import UsageError
from synthtools.optimizers.calibration.judged import judges_in
from synthtools.reports.costs import costs, costs_json
from synthtools.reports.duplicates import Repeated, find_repetitions
from synthtools.reports.funnel import funnel, left_line, slow_lines
from synthtools.reports.text import plain, shown
from synthtools.reports.views import view
from synthtools.runs.item import Item
from synthtools.runs.judges import standing
from synthtools.runs.reader import STORE_NAME
from synthtools.runs.run import Run, open_run
from synthtools.runs.stages import STAGES, UNHASHED
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


def show_record(folder: Path, id: str, stage: str | None, *, as_json: bool) -> None:
    """Prints a record, or what became of the item where there is none."""
    if stage is not None and stage not in STAGES:
        raise UsageError(f"there is no stage {stage}; there are {', '.join(STAGES)}")
    with open_run(folder) as run:
        item = _chosen(run, id, stage)
        if item.status != "done":
            _show_outcome(item, as_json=as_json)
            return
        payload = run.store.payload(item.stage, item.id)
        if as_json:
            print_json(orjson.loads(payload))
            return
        out.print(shown(f"{item.stage}", "dim"))
        record = STAGES[item.stage].read(payload, item.id)
        out.print(view(record))
        for judge in judges_in(item.stage, record):
            out.print(shown(f"{judge} {standing(run.store, judge).line}", "dim"))


def _chosen(run: Run, id: str, stage: str | None) -> Item:
    order = list(STAGES)
    found = sorted(run.find(id), key=lambda item: order.index(item.stage))
    if stage is not None:
        found = [item for item in found if item.stage == stage]
    if not found:
        near = run.store.similar_ids(id[: max(4, len(id) - 4)])
        hint = f"; there are {', '.join(near)}" if near else "; `synthtools status` says what there is"
        raise UsageError(f"the run {run.path} has no {stage or 'record'} {id}{hint}")
    tried = [item for item in found if item.status != "todo"]
    records = [item for item in tried if item.status == "done" and item.stage != "task-sequences"]
    return (records or tried or found)[-1] if stage is None else found[-1]


def _show_outcome(item: Item, *, as_json: bool) -> None:
    if as_json:
        row = {"stage": item.stage, "id": item.id, "status": item.status, "reason": item.reason, "detail": item.detail}
        print_json(row)
        return
    words = {
        "todo": "planned, not tried yet",
        "dropped": f"dropped: {item.reason}",
        "failed": f"failed ({item.reason}): {item.detail}",
    }
    out.print(shown(f"{item.stage} {item.id}: {words[item.status]}"))
