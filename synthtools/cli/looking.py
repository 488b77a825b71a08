"""What `status` and `show` print."""

from pathlib import Path

import orjson
import typer

from synthtools.cli.options import ModelOptions
from synthtools.cli.work import gather_settings, out, say
from synthtools.errors import UsageError
from synthtools.optimizers.calibration.judged import judges_in
from synthtools.reports.costs import costs, costs_json
from synthtools.reports.duplicates import Repeated, find_repetitions
from synthtools.reports.funnel import funnel, left_line
from synthtools.reports.text import plain, shown
from synthtools.reports.views import view
from synthtools.runs.item import Item
from synthtools.runs.judges import standing
from synthtools.runs.run import Run, open_run
from synthtools.runs.stages import STAGES, UNHASHED
from synthtools.types.record import Json


def show_status(folder: Path, options: ModelOptions, *, as_json: bool, check: bool, cost: bool) -> None:
    """Prints how a run stands; `check` looks for damage, which ends it with 2, and for near-duplicates.

    `options`: settings that go before the run's own, for example prices.
    """
    with open_run(folder) as run:
        status = run.status()
        damage = [plain(line) for line in run.store.damage(UNHASHED)] if check else []
        repeated = _repetitions(run) if check and not damage else ()
        if as_json:
            report = status.to_json()
            if check:
                report["damage"] = list[Json](damage)
                report["near_duplicates"] = {kind.what: kind.to_json() for kind in repeated}
            if cost:
                report.update(costs_json(run.store, status, gather_settings(folder, options)))
            print(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
        else:
            out.print(funnel(run.store, status))
            if cost:
                out.print(costs(run.store, status, gather_settings(folder, options)))
            if left := left_line(status):
                out.print(shown(left))
            if check and not damage:
                out.print("every record matches its hash")
            for kind in repeated:
                for line in kind.lines():
                    out.print(shown(line), soft_wrap=True)
    if damage:
        for line in damage:
            say(line)
        raise typer.Exit(UsageError.exit_code)


def _repetitions(run: Run) -> tuple[Repeated, ...]:
    threshold = gather_settings(run.path, ModelOptions()).profile.duplicate_threshold
    return find_repetitions(run.store, threshold)


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
            print(orjson.dumps(orjson.loads(payload), option=orjson.OPT_INDENT_2).decode())
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
        print(orjson.dumps(row, option=orjson.OPT_INDENT_2).decode())
        return
    words = {
        "todo": "planned, not tried yet",
        "dropped": f"dropped: {item.reason}",
        "failed": f"failed ({item.reason}): {item.detail}",
    }
    out.print(shown(f"{item.stage} {item.id}: {words[item.status]}"))
