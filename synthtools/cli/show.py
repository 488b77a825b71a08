"""`show`: one record of a run, readable. It calls no model."""

from typing import Annotated

import typer

from synthtools.cli.options import AsJson, RunFolder, command


@command
def show(
    id: Annotated[str, typer.Argument(help="Id of an environment, a task or a rollout.", metavar="ID")],
    folder: RunFolder,
    stage: Annotated[
        str | None,
        typer.Option(
            "--stage",
            help="Of this stage; by default the last it reached.",
            metavar="NAME",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Any record of a run, readable."""
    from synthtools.cli.actions.show import show_record

    show_record(folder, id, stage, as_json=json)
