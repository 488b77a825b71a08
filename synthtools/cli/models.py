"""`models`: language models to list, fetch and try."""

from typing import Annotated

import typer

from synthtools.cli.options import AsJson, ModelOptions, command

app = typer.Typer(no_args_is_help=True, help="List, fetch and try language models.")


@app.command("list")
@command
def list_models(json: AsJson = False) -> None:
    """Models that run in this process, and whether they are here."""
    from synthtools.cli.actions.models_list import show_models

    show_models(as_json=json)


@app.command("pull")
@command
def pull(name: Annotated[str, typer.Argument(help="A name of `models list`.", metavar="NAME")]) -> None:
    """Fetches a model once, and checks its SHA-256."""
    from synthtools.cli.actions.models_pull import shown_fetch

    print(shown_fetch(name.removeprefix("embedded/")))


@app.command("check")
@command
def check(options: ModelOptions) -> None:
    """Asks every model of the settings a few small questions: is it there, does it keep to a schema, how fast is it."""
    from synthtools.cli.actions.models_check import check_models

    check_models(options)
