"""What `show` prints."""

from pathlib import Path

import orjson

from synthtools.cli.output import out, print_json
from synthtools.errors import UsageError
from synthtools.optimizers.calibration.judged import judges_in
from synthtools.reports.text import shown
from synthtools.reports.views import view
from synthtools.runs.item import Item
from synthtools.runs.judges import standing
from synthtools.runs.run import Run, open_run
from synthtools.runs.stages import STAGES


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
