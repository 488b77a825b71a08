"""What the commands that call a model share: settings, the run's folder, driving it, and saying what came of it."""

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from synthtools.cli.options import INTERRUPTED, FieldOptions, ModelOptions, StageOptions, fail
from synthtools.cli.output import out, print_json, say
from synthtools.config import (
    CONFIG_NAME,
    Layer,
    Settings,
    put,
    read_environment,
    read_file,
    read_set,
    settle,
)
from synthtools.errors import ConfigError, UsageError
from synthtools.runs.reader import StoreReader
from synthtools.runs.scheduler import Summary
from synthtools.runs.stages import STAGES, Stage, first_items
from synthtools.runs.status import read_status

if TYPE_CHECKING:
    from synthtools.runs.driver import Work
    from synthtools.runs.models import ProgramFiles
    from synthtools.runs.store import Store

_OPTIONS = {
    "model": "model.name",
    "api_base": "model.api_base",
    "judge_model": "models.judges.name",
    "fallback_model": "model.fallback",
    "temperature": "model.temperature",
    "top_p": "model.top_p",
    "seed": "model.seed",
    "max_tokens": "model.max_tokens",
    "concurrency": "run.concurrency",
    "budget_usd": "run.budget_usd",
    "budget_tokens": "run.budget_tokens",
    "profile": "profile.name",
    "executor": "run.executor",
    "ray_address": "run.ray_address",
}
"""Options of the command line by the setting they give."""

_OF_ONE_MODEL = {"name": ("api_base", "options"), "fallback": ("fallback_api_base",)}
"""In a model's section: what holds for one model only, by the setting that names it."""


def gather_settings(
    folder: Path | None, options: ModelOptions, more: Mapping[str, object] | None = None, usual: Layer | None = None
) -> Settings:
    """The settings of a command from all their sources.

    Args:
        folder: The run's folder, whose own settings are the base; None: no run.
        options: Options that every such command has.
        more: Options of this command by the setting they give; None values are not given.
        usual: Defaults of this command.

    Raises: ConfigError.
    """
    if options.verbose:
        logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    layers: list[tuple[str, Layer]] = [("defaults", usual or {})]
    if folder is not None and (folder / CONFIG_NAME).is_file():
        layers.append((str(folder / CONFIG_NAME), read_file(folder / CONFIG_NAME)))
    if options.config is not None:
        layers.append((str(options.config), read_file(options.config)))
    layers.append(("environment", read_environment(os.environ)))
    given: Layer = {}
    for name, path in _OPTIONS.items():
        value = getattr(options, name, None)  # a command has some of them
        if value is not None:
            put(given, path, value)
    for path, value in (more or {}).items():
        if value is not None:
            put(given, path, value)
    if options.litellm_config is not None:
        put(given, "model.options.config", str(options.litellm_config.resolve()))
    layers.append(("command line", given))
    layers.append(("--set", read_set(options.set_ or ())))
    settings = settle(_for_another_model(layers))
    if options.litellm_config is not None and not settings.model.name.startswith("router/"):
        raise ConfigError(f"--litellm-config is for --model router/NAME, not for {settings.model.name}")
    if isinstance(options, StageOptions) and options.ray_address is not None and settings.run.executor != "ray":
        raise ConfigError("--ray-address is for --executor ray")
    return settings


def _for_another_model(layers: list[tuple[str, Layer]]) -> list[tuple[str, Layer]]:
    """Leaves the address and backend settings of an earlier layer out where a later one names another model."""
    kept: list[tuple[str, Layer]] = []
    last: dict[str, object] = {}
    for source, layer in reversed(layers):
        layer = {**layer, "model": _left(layer["model"], "model", last)} if "model" in layer else layer
        roles = layer.get("models")
        if isinstance(roles, dict):
            models = cast(Layer, roles)
            layer = {**layer, "models": {role: _left(own, f"models.{role}", last) for role, own in models.items()}}
        kept.append((source, layer))
    return kept[::-1]


def _left(section: object, path: str, last: dict[str, object]) -> object:
    """What of a model's section still counts, given the names of later layers, by place; its own are added to them."""
    if not isinstance(section, dict):
        return section
    left = dict(cast(Layer, section))
    for name, its_own in _OF_ONE_MODEL.items():
        model = left.get(name)
        if model is not None and last.setdefault(f"{path}.{name}", model) != model:
            left = {key: value for key, value in left.items() if key not in its_own}
    return left


def field_names(options: FieldOptions) -> list[str] | None:
    """The names that a command line gives; None: none."""
    if options.all_fields:
        from synthtools.programs.fields import FIELDS

        return [field.name for field in FIELDS]
    return options.field or None


def chosen_fields(settings: Settings) -> dict[str, str]:
    """The fields of a command: slug -> name. Raises: UsageError where two names make one slug."""
    from synthtools.programs.fields import find_field

    chosen: dict[str, str] = {}
    for name in settings.run.fields:
        field = find_field(name)
        if not _is_same(chosen.setdefault(field.slug, field.name), field.name):
            raise UsageError(f"the fields {chosen[field.slug]!r} and {field.name!r} would have the same ids")
    return chosen


def plan_fields(store: "Store", fields: Mapping[str, str]) -> None:
    """Adds the first items of fields to a run. Raises: UsageError where a slug is another field's there."""
    for item in first_items(fields):
        known = store.item(item.stage, item.id)
        if known is not None and not _is_same(known.parent, item.parent):
            raise UsageError(f"the run has the field {known.parent!r}, and {item.parent!r} would have the same ids")
    store.plan(first_items(fields))


def _is_same(one: str, other: str) -> bool:
    return " ".join(one.casefold().split()) == " ".join(other.casefold().split())


def program_files(options: StageOptions, stages: Sequence[Stage], settings: Settings) -> dict[str, list[Path]]:
    """Saved programs by stage; a compiled one without a stage is for every stage that has what was compiled.

    Raises: UsageError where it is not clear which stage a file is for, or it does not fit; before anything is paid.
    """
    files: dict[str, list[Path]] = {}
    for text in options.program or ():
        stage, sign, path = text.partition("=")
        if not sign:
            path, names = text, _stages_of(Path(text), stages, settings)
        elif stage not in STAGES:
            raise UsageError(f"--program {text}: there is no stage {stage}; there are {', '.join(STAGES)}")
        else:
            names = [stage]
        for name in names:
            files.setdefault(name, []).append(Path(path))
    if files:
        from synthtools.runs.models import load_program

        for name, paths in files.items():
            program = STAGES[name].load_program(settings.profile)
            for path in paths:
                load_program(program, path)
    return files


def _stages_of(path: Path, stages: Sequence[Stage], settings: Settings) -> list[str]:
    if not path.exists():
        raise UsageError(f"--program {path}: there is no such file")
    public = [stage.name for stage in stages if not stage.internal]
    if path.is_file() and path.suffix == ".json":
        from synthtools.modules.compiled import is_compiled
        from synthtools.runs.models import stages_with

        if is_compiled(path):
            found = [stage.name for stage in stages_with(path, stages, settings.profile)]
            if not found:
                raise UsageError(f"--program {path}: nothing in {', '.join(public)} is what it was compiled for")
            return found
    if len(public) != 1:
        raise UsageError(f"--program {path}: say for which stage, for example --program env-audit={path}")
    return public


def work_of(options: StageOptions, stages: tuple[Stage, ...], settings: Settings, programs: "ProgramFiles") -> "Work":
    """What the options of a command ask for; the command's own wishes are still to be added."""
    from synthtools.runs.driver import Work

    return Work(
        stages,
        settings,
        limit=options.limit,
        retry_failed=options.retry_failed,
        accept_changes=options.accept_changes,
        program_files=programs,
    )


def conclude(
    folder: Path, summary: Summary, options: StageOptions, files: Sequence[Path] = (), next_step: str = ""
) -> None:
    """Says what a command did and ends it with the exit code for that."""
    with StoreReader(folder) as store:
        _report(store, summary, options, files, next_step)
    if summary.ending == "provider" and summary.error is not None:
        fail(summary.error)
    if summary.ending == "interrupted":
        say("interrupted: the same command resumes")
        raise typer.Exit(INTERRUPTED)
    if summary.failed:
        raise typer.Exit(1)


def _report(store: StoreReader, summary: Summary, options: StageOptions, files: Sequence[Path], next_step: str) -> None:
    status = read_status(store)
    if options.json:
        print_json(status.to_json())
    from synthtools.reports.funnel import funnel, left_line

    failed = sum(stage.failed for stage in status.stages.values())
    if not summary.tried and summary.ending in ("finished", "limit", "goal"):
        again = f"; {failed} failed earlier: --retry-failed tries them again" if failed else ""
        say(f"nothing to do in {store.folder}{again}")
        for path in files:
            say(f"wrote {path}")
        return
    if not options.json and not (summary.ending == "provider" and not summary.done):
        out.print(funnel(store, status))
    if summary.ending == "limit":
        say(f"the limit of {options.limit} is reached; {left_line(status)}")
    elif summary.ending in ("budget", "deadline"):
        why = str(summary.error) if summary.error is not None else "the time is over"
        say(f"{why}; {left_line(status)}; the same command goes on with a larger bound")
    elif summary.failed:
        say(f"{summary.failed} items failed: `--retry-failed` tries them again, `synthtools show ID` says why")
    for path in files:
        say(f"wrote {path}")
    if next_step and summary.ending == "finished":
        say(f"next: {next_step}")
