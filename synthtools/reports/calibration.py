"""What is known of a judge, as people read it."""

from rich.console import Group, RenderableType
from rich.table import Table

from synthtools.reports.text import shown
from synthtools.runs.judges import Standing
from synthtools.runs.status import RunStatus
from synthtools.types.calibration import Calibration, Estimate


def judges_line(status: RunStatus) -> RenderableType | None:
    """How the judges of a run stand, in a line; None where none was asked."""
    if not status.judges:
        return None
    return shown("judges: " + "; ".join(f"{judge} {found.line}" for judge, found in status.judges.items()))


def calibration_view(stands: Standing) -> RenderableType:
    """A calibration: what judge and people said, and the rates that follow."""
    found = stands.calibration
    if found is None:
        return shown(stands.line)
    parts = [shown(f"{found.judge} {stands.line}", "yellow" if stands.changed else "bold")]
    if stands.changed:
        parts.append(shown("What follows is of the judge as it was; label verdicts of the new one to calibrate it."))
    return Group(*parts, _counts(found), _rates(found), *_notes(found))


def _counts(found: Calibration) -> Table:
    labels = sorted({label for row in found.counts.values() for label in row})
    table = Table(title="Labels", title_justify="left", header_style="bold")
    table.add_column("the judge says", overflow="fold")
    for label in labels:
        table.add_column(f"people say {label}", justify="right", overflow="fold")
    table.add_column("in the run", justify="right")
    for verdict, row in sorted(found.counts.items()):
        numbers = (str(row.get(label, 0)) for label in labels)
        table.add_row(shown(verdict), *numbers, f"{found.corpus[verdict]:,}")
    return table


def _rates(found: Calibration) -> Table:
    positive = found.positive
    table = Table(title="Rates, for the whole run", title_justify="left", header_style="bold")
    for name in ("what", "share", "95 % interval"):
        table.add_column(name, overflow="fold")
    rows: tuple[tuple[str, Estimate | None], ...] = (
        ("agreement", found.agreement),
        ("Cohen's kappa", found.kappa),
        (f"precision: {positive} is right", found.precision),
        (f"anything but {positive} is right", found.negative_precision),
        (f"recall: what is {positive} is found", found.recall),
        (f"specificity: what is not {positive} is found", found.specificity),
        (f"{positive}, the judge's errors taken out", found.true_rate),
    )
    for what, estimate in rows:
        if estimate is None:
            table.add_row(shown(what), "not defined here", "")
        else:
            table.add_row(shown(what), f"{estimate.value:.3f}", f"{estimate.low:.3f} to {estimate.high:.3f}")
    table.add_row(shown(f"{positive}, as the judge has it"), f"{found.judged_rate:.3f}", "")
    return table


def _notes(found: Calibration) -> list[RenderableType]:
    threshold = "none is fitted: the verdicts have no scores" if found.threshold is None else f"{found.threshold:.3f}"
    notes = [shown(f"threshold: {threshold}", "dim")]
    if found.judged_by is not None:
        prompt = found.judged_by.prompt[:12] or "not recorded"
        notes.append(shown(f"judged by {found.judged_by.model}, prompt {prompt}", "dim"))
    return [*notes]
