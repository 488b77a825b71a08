"""How good what a run made is: tools certified, tasks by grade, broken solutions found out, rollouts solved."""

from collections.abc import Iterator, Mapping

from rich.console import Group, RenderableType
from rich.table import Table

from synthtools.reports.text import shown
from synthtools.runs.status import RunStatus
from synthtools.types.interval import wilson

_NONE: Mapping[str, int] = {}
_OLD = "not counted: made by an older version"


def quality(status: RunStatus) -> RenderableType | None:
    """A row a measure, from what the run counted; None where it has nothing to count yet."""
    rows = [*_tools(status), *_tasks(status), *_rollouts(status)]
    if not rows:
        return None
    table = Table(title="Quality", title_justify="left", header_style="bold", expand=False)
    table.add_column("what", no_wrap=True)
    table.add_column("how much", overflow="fold")
    for what, how_much in rows:
        table.add_row(what, shown(how_much))
    return table


def models_line(status: RunStatus) -> RenderableType | None:
    """Which model answered which role, in a line, and a warning where one judged its own work."""
    if not status.models:
        return None
    by_models: dict[str, list[str]] = {}
    for family, models in status.models.items():
        by_models.setdefault(", ".join(models), []).append(family)
    line = "; ".join(
        f"{models} ({', '.join(families) if len(by_models) > 1 else 'every role'})"
        for models, families in by_models.items()
    )
    lines: list[RenderableType] = [shown(f"models: {line}")]
    if status.judging_itself:
        same = f"solver, evolver and judge are the same model ({status.judging_itself})"
        lines.append(shown(f"{same}: the judge's word is not independent", "yellow"))
    elif status.solving_itself:
        same = f"solver and evolver are the same model ({status.solving_itself})"
        lines.append(shown(f"{same}: it solves what it wrote itself", "yellow"))
    return Group(*lines)


def _tools(status: RunStatus) -> Iterator[tuple[str, str]]:
    made, audited = _counts(status, "env-generation"), _counts(status, "env-audit")
    if status.stages["env-generation"].done:
        certified = _share(made, "tools_certified", "tools_tried", "designed")
        yield "tools certified", _told(status, "env-generation", certified)
        changing = _share(made, "tools_changing", "tools", "tools")
        yield "tools that change the state", _told(status, "env-generation", changing)
    if status.stages["env-audit"].done:
        modes = [name.partition(".")[2] for name in audited if name.startswith("judged.")]
        found = [f"{mode} {audited.get(f'correct.{mode}', 0)} of {audited[f'judged.{mode}']}" for mode in modes]
        yield "test calls answered rightly", _told(status, "env-audit", ", ".join(found) or "none judged")


def _tasks(status: RunStatus) -> Iterator[tuple[str, str]]:
    if not status.stages["task-audit"].done:
        return
    counts = _counts(status, "task-audit")
    yield "tasks by grade", _told(status, "task-audit", _by_kind(counts, "grade") or "none")
    changing = _share(counts, "tasks_changing", "records", "tasks")
    yield "tasks that change the state", _told(status, "task-audit", changing)
    killed = _share(counts, "killed", "variants", "tried")
    kinds = [name.partition(".")[2] for name in counts if name.startswith("variants.")]
    if kinds:
        listed = (f"{kind} {counts.get(f'killed.{kind}', 0)} of {counts[f'variants.{kind}']}" for kind in kinds)
        killed += f": {', '.join(listed)}"
    yield "broken solutions found out", _told(status, "task-audit", killed)


def _rollouts(status: RunStatus) -> Iterator[tuple[str, str]]:
    if not status.stages["trajectory-generation"].done:
        return
    counts = _counts(status, "trajectory-generation")
    solved, scored = counts.get("solved", 0), counts.get("scored", 0)
    text = _share(counts, "solved", "scored", "scored")
    if scored:
        interval = wilson(solved, scored)
        text += f", 95 % interval {interval.low:.0%} to {interval.high:.0%}"
    yield "rollouts solved", _told(status, "trajectory-generation", text)
    unsolved = _by_kind(counts, "unsolved")
    if unsolved:
        yield "rollouts unsolved, by cause", unsolved


def _counts(status: RunStatus, stage: str) -> Mapping[str, int]:
    return status.tallies.get(stage, _NONE)


def _told(status: RunStatus, stage: str, text: str) -> str:
    """The text, with the records that it leaves out."""
    uncounted = status.uncounted(stage)
    if not uncounted:
        return text
    if uncounted == status.stages[stage].done:
        return _OLD
    return f"{text}; {uncounted} {_OLD}"


def _share(counts: Mapping[str, int], part: str, whole: str, of: str) -> str:
    number, total = counts.get(part, 0), counts.get(whole, 0)
    return f"{number:,} of {total:,} {of} ({number / total:.0%})" if total else f"none {of}"


def _by_kind(counts: Mapping[str, int], name: str) -> str:
    found = {key.partition(".")[2]: number for key, number in counts.items() if key.startswith(f"{name}.")}
    return ", ".join(f"{number:,} {kind}" for kind, number in sorted(found.items(), key=lambda row: -row[1]))
