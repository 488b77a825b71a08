"""The funnel: how many items each stage made, how many were lost, and why."""

from rich.console import Group, RenderableType
from rich.table import Table

from synthtools.reports.calibration import judges_line
from synthtools.reports.quality import models_line, quality
from synthtools.reports.text import one_line, shown
from synthtools.runs.reader import StoreReader
from synthtools.runs.status import RunStatus
from synthtools.runs.stragglers import Timed
from synthtools.types.usage import Usage

_MOST_REASONS = 6


def funnel(store: StoreReader, status: RunStatus) -> RenderableType:
    """Items by stage with their losses and reasons, how good what came of them is, and the models that made it."""
    reasons = [("dropped", row) for row in store.reasons("dropped")]
    reasons += [("failed", row) for row in store.reasons("failed")]
    reasons += [("lost", row) for row in store.losses()]
    table = Table(title="Funnel", title_justify="left", header_style="bold", expand=False)
    table.add_column("stage", no_wrap=True)
    for name in ("done", "dropped", "failed", "left"):
        table.add_column(name, justify="right")
    table.add_column("why", overflow="fold")
    for name, stage in status.stages.items():
        if not any((stage.done, stage.dropped, stage.failed, stage.left)):
            continue
        numbers = (stage.done, stage.dropped, stage.failed, stage.left)
        table.add_row(name, *(str(number) if number else "-" for number in numbers), shown(_why(reasons, name)))
    further = (quality(status), shown(usage_line(status.usage)), models_line(status), judges_line(status))
    return Group(table, *(part for part in further if part is not None))


def usage_line(usage: Usage) -> str:
    """What a run has used, in a line."""
    return (
        f"{usage.calls:,} model calls, {usage.prompt_tokens:,} prompt tokens "
        f"({usage.cached_tokens:,} cached), {usage.completion_tokens:,} generated"
    )


def left_line(status: RunStatus) -> str:
    """What is planned and not yet done, in a line; empty where nothing is."""
    left = [f"{stage.left} {name}" for name, stage in status.stages.items() if stage.left]
    return f"left to do: {', '.join(left)}" if left else ""


def slow_lines(status: RunStatus) -> list[str]:
    """The items that took, or take, much longer than others of their stage, in a line a stage that has some."""
    lines: list[str] = []
    for stage, times in status.times.items():
        if named := times.stragglers:
            told = ", ".join(_slow(item) for item in named)
            more = f" and {times.slow - len(named)} more" if times.slow > len(named) else ""
            usual = f"usually {_seconds(times.median)} s, 95% within {_seconds(times.p95)}"
            lines.append(f"slow in {stage} ({usual}): {told}{more}")
    return lines


def _slow(item: Timed) -> str:
    times = f", {item.times:,.0f}x" if item.times is not None else ""
    state = {"todo": ", not ended", "failed": ", failed"}.get(item.status, "")
    return f"{item.id} ({item.seconds:,.0f} s{times}{state})"


def _seconds(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def _why(reasons: list[tuple[str, tuple[str, str, int]]], stage: str) -> str:
    found = [f"{number} {word}: {one_line(reason, 120)}" for word, (at, reason, number) in reasons if at == stage]
    more = len(found) - _MOST_REASONS
    return "; ".join(found[:_MOST_REASONS]) + (f"; {more} more reasons" if more > 0 else "")
