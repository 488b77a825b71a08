"""The commands that look at a run: status, show, verify. None of them calls a model."""

from pathlib import Path
from typing import Annotated

import typer

from synthtools.cli.options import ModelOptions, RunFolder, command

_Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]


@command
def status(
    folder: RunFolder,
    json: _Json = False,
    check: Annotated[
        bool, typer.Option("--check", help="Check every record against its hash, and report near-duplicates.")
    ] = False,
    cost: Annotated[
        bool, typer.Option("--cost", help="Tokens, money, speed and waste by stage, role, model and replica.")
    ] = False,
    config: Annotated[Path | None, typer.Option("--config", help="TOML file of settings, for example prices.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="One setting: 'prices.\"MODEL\"={prompt=1, completion=4}'.")
    ] = None,
) -> None:
    """Counts by stage, drops and failures by reason, tokens, and what is left."""
    from synthtools.cli.looking import show_status

    options = ModelOptions(config=config, set_=set_)
    show_status(folder, options, as_json=json, check=check, cost=cost)


@command
def show(
    id: Annotated[str, typer.Argument(help="Id of an environment, a task or a rollout.")],
    folder: RunFolder,
    stage: Annotated[str | None, typer.Option("--stage", help="Of this stage; by default the last it reached.")] = None,
    json: _Json = False,
) -> None:
    """Any record of a run, readable."""
    from synthtools.cli.looking import show_record

    show_record(folder, id, stage, as_json=json)


@command
def verify(
    folder: RunFolder,
    tasks: Annotated[bool, typer.Option("--tasks", help="Only tasks.")] = False,
    rollouts: Annotated[bool, typer.Option("--rollouts", help="Only rollouts.")] = False,
    json: _Json = False,
) -> None:
    """Certifies tasks again and scores rollouts again, without a model. Ends with 1 where a result differs."""
    from synthtools.cli.verifying import verify_run

    both = tasks == rollouts
    verify_run(folder, tasks=tasks or both, rollouts=rollouts or both, as_json=json)
