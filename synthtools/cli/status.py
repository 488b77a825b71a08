"""`status`: how a run stands. It calls no model."""

from pathlib import Path
from typing import Annotated

import typer

from synthtools.cli.options import AsJson, ModelOptions, RunFolder, command


@command
def status(
    folder: RunFolder,
    json: AsJson = False,
    check: Annotated[
        bool, typer.Option("--check", help="Check every record against its hash, and report near-duplicates.")
    ] = False,
    cost: Annotated[
        bool, typer.Option("--cost", help="Tokens, money, speed and waste by stage, role, model and replica.")
    ] = False,
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file of settings, for example prices.", metavar="FILE")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="One setting: 'prices.\"MODEL\"={prompt=1, completion=4}'; repeatable.",
            metavar="NAME=VALUE",
        ),
    ] = None,
) -> None:
    """Counts by stage, drops and failures by reason, tokens, and what is left."""
    from synthtools.cli.actions.status import show_status

    options = ModelOptions(config=config, set_=set_)
    show_status(folder, options, as_json=json, check=check, cost=cost)
