"""What a command would do, said without doing it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from synthtools.cli.work import out, say
from synthtools.config import Settings
from synthtools.runs.item import Status
from synthtools.runs.reader import STORE_NAME, StoreReader
from synthtools.runs.stages import STAGES, Stage


def dry_run(
    folder: Path, stages: Sequence[Stage], settings: Settings, fields: Mapping[str, str], limit: int | None
) -> None:
    """Says how many items of each stage are planned by now, and at most how many the settings can make of them."""
    counts: dict[str, dict[Status, int]] = {}
    if (folder / STORE_NAME).is_file():
        reader = StoreReader(folder)
        counts = reader.counts()
        fields = {slug: name for slug, name in fields.items() if reader.item("subfields", slug) is None}
        reader.close()
    table = Table(title=f"Dry run of {folder}: no model is called, nothing is written", title_justify="left")
    table.add_column("stage")
    for name in ("exist", "planned", "at most new"):
        table.add_column(name, justify="right")
    profile = settings.profile
    factors = {
        "scenarios": profile.subfields,
        "env-generation": profile.scenarios,
        "task-generation": profile.sequences,
        "trajectory-generation": profile.samples,
    }
    new = 0
    for stage in STAGES.values():
        known = counts.get(stage.name, {})
        planned = known.get("todo", 0)
        exist = sum(known.values()) - planned
        coming = planned + (new * factors.get(stage.name, 1) if stage.depends_on else len(fields))
        if limit is not None and not stage.internal:
            coming = min(coming, max(0, limit - exist))
        new = coming if stage in stages else 0
        if stage in stages:
            table.add_row(stage.name, str(exist), str(planned), str(coming))
    out.print(table)
    say(f"model {settings.model.name}, profile {profile.name}, {settings.concurrency} calls in flight")
