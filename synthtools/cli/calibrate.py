"""The command that compares a judge with people. It calls no model."""

from pathlib import Path
from typing import Annotated

import typer

from synthtools.cli.options import RunFolder, command


@command
def calibrate(
    judge: Annotated[str, typer.Argument(help="response-judge, trajectory-judge or solution-judge.", metavar="JUDGE")],
    folder: RunFolder,
    size: Annotated[
        int | None, typer.Option(min=2, help="Verdicts to label: 120, or as many as last time.", show_default=False)
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed that picks the sample: 0, or as last time.")] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write the verdicts to a table, to be labelled there.", metavar="FILE")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="Read the labels of such a table.", metavar="FILE")
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Only say what the labels show so far.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The calibration as JSON on stdout.")] = False,
) -> None:
    """Has people label a sample of a judge's verdicts, and says how far the judge can be trusted."""
    from synthtools.cli.actions.calibrate import Wanted, calibrate_judge

    calibrate_judge(judge, folder, Wanted(size, seed, csv, labels, report, json))
