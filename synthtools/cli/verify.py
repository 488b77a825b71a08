"""`verify`: certificates and verdicts once more, without a model."""

from typing import Annotated

import typer

from synthtools.cli.options import AsJson, RunFolder, command


@command
def verify(
    folder: RunFolder,
    tasks: Annotated[bool, typer.Option("--tasks", help="Only tasks.")] = False,
    rollouts: Annotated[bool, typer.Option("--rollouts", help="Only rollouts.")] = False,
    json: AsJson = False,
) -> None:
    """Certifies tasks again and scores rollouts again, without a model. Ends with 1 where a result differs."""
    from synthtools.cli.actions.verify import verify_run

    both = tasks == rollouts
    verify_run(folder, tasks=tasks or both, rollouts=rollouts or both, as_json=json)
