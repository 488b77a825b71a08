"""`models check`: what a few calls of each model show."""

import asyncio
from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import dspy
import orjson
import typer

from synthtools.backends.probe import ModelReport, probe
from synthtools.backends.spec import ModelSpec
from synthtools.cli.options import ModelOptions
from synthtools.cli.output import out, print_json
from synthtools.cli.work import gather_settings
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

    With `--json`: the main model's report, and those of the others as `others`; a model that cannot be reached has
    `error` in place of a report. Ends with 1 where one does not keep to a schema; a model that cannot be reached ends
    the command as it would end a run, after the others have been asked.

    Raises: ProviderError, ConfigError.
    """
    models = _models_of(gather_settings(None, options))
    if options.dry_run:
        _show_models(models, as_json=options.json)
        return
    found = list(zip(models, asyncio.run(_asked([lm for lm, _ in models])), strict=True))
    reports = [report for _, report in found if isinstance(report, ModelReport)]
    failures = [report for _, report in found if isinstance(report, ProviderError)]
    if options.json:
        first, *others = (_row(lm, report, used_by) for (lm, used_by), report in found)
        print_json({**first, "others": others})
    else:
        for number, ((_, used_by), report) in enumerate(found):
            if isinstance(report, ModelReport):
                if number:
                    out.print()
                _show(report, used_by if len(found) > 1 else ())
    if failures:
        raise failures[0] if len(failures) == 1 else type(failures[0])("; ".join(str(failure) for failure in failures))
    if any(not report.structured for report in reports):
        raise typer.Exit(1)


def _show_models(models: Sequence[tuple[dspy.LM, Users]], *, as_json: bool) -> None:
    """Which models would be asked, where, and who uses them."""
    specs = [ModelSpec.from_json(cast(Any, lm).engine.dump_state(), "the model") for lm, _ in models]
    if as_json:
        print_json(
            [
                {"model": spec.name, "api_base": list(spec.api_bases), "used_by": list(used_by)}
                for spec, (_, used_by) in zip(specs, models, strict=True)
            ]
        )
        return
    for spec, (_, used_by) in zip(specs, models, strict=True):
        where = f" at {', '.join(spec.api_bases)}" if spec.api_bases else ""
        out.print(shown(f"would ask {spec.name}{where}, used by {', '.join(used_by)}"), soft_wrap=True)


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


async def _asked(models: list[dspy.LM]) -> list[ModelReport | ProviderError]:
    """One model after another: two on one machine would slow each other."""
    found: list[ModelReport | ProviderError] = []
    for lm in models:
        try:
            found.append(await probe(lm))
        except ProviderError as error:
            found.append(error)
    return found


def _row(lm: dspy.LM, report: ModelReport | ProviderError, used_by: Users) -> JsonObject:
    if isinstance(report, ProviderError):
        return {"model": str(cast(Any, lm).model), "error": str(report), "used_by": list(used_by)}
    return {**report.model_dump(mode="json"), "used_by": list(used_by)}


def _show(report: ModelReport, used_by: Users) -> None:
    context = "not told" if report.context is None else f"{report.context:,} tokens"
    cached = "reported" if report.cached_reported else "not reported"
    out.print(shown(f"{report.model} answers"))
    if used_by:
        out.print(shown(f"used by        {', '.join(used_by)}"))
    out.print(f"JSON Schema    kept in {report.kept_schema} of {report.calls} answers")
    out.print(f"native tools   {report.native_tools}")
    out.print(f"logprobs       {report.logprobs}")
    out.print(f"context        {context}")
    out.print(f"speed          {report.seconds:.2f} s a call, {report.tokens_per_second:.0f} tokens/s in one call")
    out.print(f"cached tokens  {cached}")
    for warning in report.warnings:
        out.print(shown(f"note: {warning}"))
