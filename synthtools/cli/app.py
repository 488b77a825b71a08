"""The commands by their names."""

from typing import Annotated

import typer

from synthtools import __version__
from synthtools.cli import imports, models, pipeline
from synthtools.cli.calibrate import calibrate
from synthtools.cli.fields import fields
from synthtools.cli.optimize import optimize
from synthtools.cli.quickstart import quickstart
from synthtools.cli.show import show
from synthtools.cli.status import status
from synthtools.cli.verify import verify

app = typer.Typer(
    name="synthtools",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Synthetic tool-use worlds: tools for any field, tasks with a proven solution, verified agent rollouts.",
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"synthtools {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Spreads `--version`."""


app.command("quickstart")(quickstart)
app.command("run")(pipeline.run)
app.command("env-generation")(pipeline.env_generation)
app.command("env-audit")(pipeline.env_audit)
app.command("task-sequences")(pipeline.task_sequences)
app.command("task-generation")(pipeline.task_generation)
app.command("task-audit")(pipeline.task_audit)
app.command("trajectory-generation")(pipeline.trajectory_generation)
app.command("status")(status)
app.command("show")(show)
app.command("verify")(verify)
app.command("calibrate")(calibrate)
app.command("optimize")(optimize)
app.add_typer(imports.app, name="import")
app.add_typer(models.app, name="models")
app.command("fields")(fields)
