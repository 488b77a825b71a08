"""`models` and `fields`: what there is to choose from."""

from typing import Annotated

import typer

from synthtools.cli.options import ModelOptions, command

app = typer.Typer(no_args_is_help=True, help="List, fetch and try language models.")

_Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]


@app.command("list")
@command
def list_models(json: _Json = False) -> None:
    """Models that run in this process, and whether they are here."""
    from synthtools.cli.choosing import show_models

    show_models(as_json=json)


@app.command("pull")
@command
def pull(name: Annotated[str, typer.Argument(help="A name of `models list`.")]) -> None:
    """Fetches a model once, and checks its SHA-256."""
    from synthtools.cli.fetching import shown_fetch

    print(shown_fetch(name.removeprefix("embedded/")))


@app.command("check")
@command
def check(options: ModelOptions) -> None:
    """Asks every model of the settings a few small questions: is it there, does it keep to a schema, how fast is it."""
    from synthtools.cli.checking import check_models

    check_models(options)


@command
def fields(json: _Json = False) -> None:
    """The built-in fields; any other name will do as well."""
    from synthtools.cli.choosing import show_fields

    show_fields(as_json=json)
