"""`models check`: what a few calls of each model show."""

import asyncio
from typing import Any, TypeAlias

import dspy
import orjson
import typer

from synthtools.backends.probe import ModelReport, probe
from synthtools.cli.options import ModelOptions
from synthtools.cli.work import gather_settings, out
from synthtools.config import Settings
from synthtools.errors import ProviderError
from synthtools.reports.text import shown
from synthtools.runs.models import Models
from synthtools.types.record import JsonObject

Users: TypeAlias = tuple[str, ...]
"""Who uses a model: roles, `model` and `fallback`."""

MAIN = "model"
FALLBACK = "fallback"


def check_models(options: ModelOptions) -> None:
    """Prints what each model of the settings shows, the main one first.

    With `--json`: the main model's report, and those of the others as `others`. Ends with 1 where one does not keep to
    a schema; a model that cannot be reached ends the command as it would end a run, after the others have been asked.

    Raises: ProviderError, ConfigError.
    """
    found = asyncio.run(_asked(_models_of(gather_settings(None, options))))
    reports = [_labelled(report, used_by) for report, used_by in found if isinstance(report, ModelReport)]
    failures = [report for report, _ in found if isinstance(report, ProviderError)]
    if options.json and reports:
        first, *others = reports
        print(orjson.dumps({**first, "others": others}, option=orjson.OPT_INDENT_2).decode())
    elif not options.json:
        for number, (report, used_by) in enumerate(found):
            if isinstance(report, ModelReport):
                if number:
                    out.print()
                _show(report, used_by if len(found) > 1 else ())
    if failures:
        raise failures[0] if len(failures) == 1 else type(failures[0])("; ".join(str(failure) for failure in failures))
    if any(not report["structured"] for report in reports):
        raise typer.Exit(1)


def _models_of(settings: Settings) -> list[tuple[dspy.LM, Users]]:
    """Every model that may be called, once, with who uses it; none falls back to another here."""
    alone = settings.model_copy(update={"model": settings.model.model_copy(update={"fallback": None})})
    models = Models(alone, {})
    asked: list[tuple[str, Any]] = [(MAIN, models.main), *models.roles.items()]
    if (fallback := settings.fallback_model) is not None:
        spare = fallback.model_copy(update={"fallback": None})
        asked.append((FALLBACK, Models(Settings(model=spare, run=settings.run), {}).main))
    by_state: dict[bytes, tuple[Any, list[str]]] = {}
    for user, lm in asked:
        by_state.setdefault(orjson.dumps(lm.engine.dump_state()), (lm, []))[1].append(user)
    return [(lm, tuple(users)) for lm, users in by_state.values()]


async def _asked(
    models: list[tuple[dspy.LM, tuple[str, ...]]],
) -> list[tuple[ModelReport | ProviderError, tuple[str, ...]]]:
    """One model after another: two on one machine would slow each other."""
    found: list[tuple[ModelReport | ProviderError, tuple[str, ...]]] = []
    for lm, used_by in models:
        try:
            found.append((await probe(lm), used_by))
        except ProviderError as error:
            found.append((error, used_by))
    return found


def _labelled(report: ModelReport, used_by: Users) -> JsonObject:
    return {**report.model_dump(mode="json"), "used_by": list(used_by)}


def _show(report: ModelReport, used_by: Users) -> None:
    context = "not told" if report.context is None else f"{report.context:,} tokens"
    cached = "reported" if report.cached_reported else "not reported"
    out.print(shown(f"{report.model} answers"))
    if used_by:
        out.print(shown(f"used by        {', '.join(used_by)}"))
    out.print(f"JSON Schema    kept in {report.kept_schema} of {report.calls} answers")
    out.print(f"native tools   {report.native_tools}")
    out.print(f"context        {context}")
    out.print(f"speed          {report.seconds:.2f} s a call, {report.tokens_per_second:.0f} tokens/s in one call")
    out.print(f"cached tokens  {cached}")
    for warning in report.warnings:
        out.print(shown(f"note: {warning}"))
