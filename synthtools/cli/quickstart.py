"""`quickstart`: the whole pipeline, small, on the embedded model, until what it promises exists."""

from pathlib import Path
from typing import Annotated

import typer

from synthtools.cli.options import StageOptions, command

_FIELD = "Community libraries"
_MINUTES = 8.0


@command
def quickstart(
    options: StageOptions,
    field: Annotated[str, typer.Option("--field", help="Any field people work in.", metavar="NAME")] = _FIELD,
    folder: Annotated[
        Path | None, typer.Option("--run", help="The run's folder; by default runs/quickstart-FIELD.", metavar="DIR")
    ] = None,
    minutes: Annotated[float, typer.Option("--minutes", min=0.1, help="Time for the model's work.")] = _MINUTES,
) -> None:
    """From a field to verified rollouts in minutes: tools, tasks, an agent at work. No account, no server."""
    from synthtools.cli.actions.quickstart import quickstart_run

    quickstart_run(options, field, folder, minutes)
