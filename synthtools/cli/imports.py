"""`import`: other people's tools and tasks into a run."""

from pathlib import Path
from typing import Annotated

import typer

from synthtools.cli.options import RunFolder, command

_Source = Annotated[Path, typer.Argument(help="The file, .jsonl or .jsonl.gz.", metavar="FILE")]

app = typer.Typer(no_args_is_help=True, help="Bring other people's tools and tasks into a run.")


@app.command("v1")
@command
def v1(path: _Source, folder: RunFolder) -> None:
    """v1: tool rows with id, field, subfield, task, tool (.jsonl): a model answers these tools; all changes are told.

    Constraints in prose become typed fields where they are sure; how many were lifted, doubtful and left is printed.
    """
    from synthtools.cli.actions.imports import import_v1

    import_v1(path, folder)


@app.command("v2")
@command
def v2(path: _Source, folder: RunFolder) -> None:
    """v2: the rows of a task_content.jsonl, each a task that is ready for rollouts."""
    from synthtools.cli.actions.imports import import_v2

    import_v2(path, folder)
