"""What `models` and `fields` print."""

import asyncio

import orjson
import typer
from rich.table import Table

from synthtools.backends import weights
from synthtools.cli.options import ModelOptions
from synthtools.cli.work import gather_settings, out, say
from synthtools.programs.fields import FIELDS
from synthtools.reports.text import shown


def show_models(*, as_json: bool) -> None:
    """Prints the catalogue of embedded models."""
    rows = [
        {
            "name": f"embedded/{entry.name}",
            "title": entry.title,
            "size": entry.size,
            "licence": entry.licence,
            "here": weights.locate(entry.name) is not None,
            "good_for": entry.good_for,
        }
        for entry in weights.CATALOGUE.values()
    ]
    if as_json:
        print(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    table = Table(header_style="bold")
    for name in ("model", "what", "MB", "licence", "here", "good for"):
        table.add_column(name, overflow="fold")
    for row in rows:
        size = f"{int(str(row['size'])) / 1e6:,.0f}"
        here = "yes" if row["here"] else "no"
        table.add_row(
            *(str(row["name"]), str(row["title"]), size, str(row["licence"]), here, shown(str(row["good_for"])))
        )
    out.print(table)
    say(f"kept in {weights.cache_folder()}")
    say("a server is reached by name: --model hosted_vllm/NAME or openai/NAME, with --api-base URL")


def check_model(options: ModelOptions) -> None:
    """Prints what a few calls of the model show. Ends with 1 where it does not keep to a schema."""
    from synthtools.backends.probe import probe
    from synthtools.runs.models import Models

    models = Models(gather_settings(None, options), {})
    report = asyncio.run(probe(models.main))
    if options.json:
        print(orjson.dumps(report.model_dump(mode="json"), option=orjson.OPT_INDENT_2).decode())
    else:
        context = "not told" if report.context is None else f"{report.context:,} tokens"
        cached = "reported" if report.cached_reported else "not reported"
        out.print(shown(f"{report.model} answers"))
        out.print(f"JSON Schema    kept in {report.kept_schema} of {report.calls} answers")
        out.print(f"native tools   {report.native_tools}")
        out.print(f"context        {context}")
        out.print(f"speed          {report.seconds:.2f} s a call, {report.tokens_per_second:.0f} tokens/s in one call")
        out.print(f"cached tokens  {cached}")
        for warning in report.warnings:
            out.print(shown(f"note: {warning}"))
    if not report.structured:
        raise typer.Exit(1)


def show_fields(*, as_json: bool) -> None:
    """Prints the built-in fields."""
    if as_json:
        print(orjson.dumps([field._asdict() for field in FIELDS], option=orjson.OPT_INDENT_2).decode())
        return
    for field in FIELDS:
        print(field.name)
