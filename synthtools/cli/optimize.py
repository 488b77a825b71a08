"""`optimize`: compiles a role or program against cases with known answers."""

from pathlib import Path
from typing import Annotated

import typer

from synthtools.cli.optimize_options import CaseOptions, CompileOptions, SearchOptions
from synthtools.cli.options import RunFolder, command


@command
def optimize(
    role: Annotated[
        str, typer.Argument(help="What to compile, for example response-judge; a wrong name lists all.", metavar="ROLE")
    ],
    run: RunFolder,
    given: CaseOptions,
    searching: SearchOptions,
    options: CompileOptions,
    out_file: Annotated[
        Path | None,
        typer.Option("--out", help="Where to write the compiled program; else in the run's folder.", metavar="FILE"),
    ] = None,
) -> None:
    """Finds better instructions and demos for a role, and tests them on cases that the search never saw."""
    from synthtools.cli.actions.optimize import optimize_role

    optimize_role(role, run, given, searching, options, out_file)
