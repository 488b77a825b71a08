"""Options that several commands share, as dataclasses, and the decorator that makes a function a command.

A command's parameter may be one of these dataclasses: its fields then become options of the command. Errors of ours
become one line on stderr and the exit code of their kind.
"""

import errno
import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from synthtools.errors import SynthToolsError, UsageError

INTERRUPTED = 130

_MODEL = "Model"
_BOUNDS = "Bounds"
_SETTINGS = "Settings"


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """Options of every command that reaches models: which, where, and by which settings."""

    model: Annotated[
        str | None,
        typer.Option(help="PREFIX/NAME, for example hosted_vllm/qwen.", rich_help_panel=_MODEL, metavar="MODEL"),
    ] = None
    api_base: Annotated[
        list[str] | None,
        typer.Option(
            help="Address of the server; repeatable: replicas share the calls.", rich_help_panel=_MODEL, metavar="URL"
        ),
    ] = None
    litellm_config: Annotated[
        Path | None,
        typer.Option(help="LiteLLM configuration of --model router/NAME.", rich_help_panel=_MODEL, metavar="FILE"),
    ] = None
    judge_model: Annotated[
        str | None, typer.Option(help="Another model as judge.", rich_help_panel=_MODEL, metavar="MODEL")
    ] = None
    fallback_model: Annotated[
        str | None,
        typer.Option(
            help="Model for calls that fail or are too long for the first one.", rich_help_panel=_MODEL, metavar="MODEL"
        ),
    ] = None
    config: Annotated[
        Path | None, typer.Option(help="TOML file of settings.", rich_help_panel=_SETTINGS, metavar="FILE")
    ] = None
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="One setting, for example profile.tools=6; repeatable.",
            rich_help_panel=_SETTINGS,
            metavar="NAME=VALUE",
        ),
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which models would be asked, ask none.")] = False
    json: Annotated[bool, typer.Option("--json", help="What each model shows, as JSON on stdout.")] = False
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what libraries say.")] = False


@dataclass(frozen=True, slots=True)
class SamplingOptions(ModelOptions):
    """Options of every command that has models do its work."""

    temperature: Annotated[float | None, typer.Option(help="Default 0.2.", rich_help_panel=_MODEL)] = None
    top_p: Annotated[float | None, typer.Option(help="Default 0.95.", rich_help_panel=_MODEL)] = None
    seed: Annotated[
        int | None, typer.Option(help="Sampling seed; retries use seed+1, seed+2 and so on.", rich_help_panel=_MODEL)
    ] = None
    max_tokens: Annotated[int | None, typer.Option(help="Most tokens of an answer.", rich_help_panel=_MODEL)] = None
    concurrency: Annotated[
        int | None, typer.Option(help="Calls in flight, to each model.", rich_help_panel=_BOUNDS)
    ] = None
    profile: Annotated[
        str | None,
        typer.Option(help="small or standard: counts and lengths.", rich_help_panel=_SETTINGS, metavar="NAME"),
    ] = None


@dataclass(frozen=True, slots=True)
class StageOptions(SamplingOptions):
    """Options of every command that works on the items of stages."""

    budget_usd: Annotated[
        float | None, typer.Option(help="Most US dollars for the whole run.", rich_help_panel=_BOUNDS)
    ] = None
    budget_tokens: Annotated[
        int | None, typer.Option(help="Most tokens for the whole run.", rich_help_panel=_BOUNDS)
    ] = None
    limit: Annotated[
        int | None,
        typer.Option(min=0, help="At most so many items of a stage exist afterwards.", rich_help_panel=_BOUNDS),
    ] = None
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try failed items again.", rich_help_panel=_BOUNDS)
    ] = False
    accept_changes: Annotated[
        bool,
        typer.Option("--accept-changes", help="Go on with settings that change results.", rich_help_panel=_SETTINGS),
    ] = False
    program: Annotated[
        list[str] | None,
        typer.Option(
            help="Saved program, as FILE or STAGE=FILE; repeatable.", rich_help_panel=_SETTINGS, metavar="FILE"
        ),
    ] = None
    executor: Annotated[
        str | None,
        typer.Option(help="local, or ray: on the workers of a Ray cluster.", rich_help_panel=_SETTINGS, metavar="NAME"),
    ] = None
    ray_address: Annotated[
        str | None,
        typer.Option(
            help="Of the Ray cluster; else one on this machine.", rich_help_panel=_SETTINGS, metavar="HOST:PORT"
        ),
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, call nothing.")] = False
    json: Annotated[
        bool, typer.Option("--json", help="The run's status (--dry-run: the forecast) as JSON on stdout.")
    ] = False


@dataclass(frozen=True, slots=True)
class FieldOptions:
    """Which fields to cover."""

    field: Annotated[list[str] | None, typer.Option(help="Name of a field; repeatable.", metavar="NAME")] = None
    all_fields: Annotated[bool, typer.Option("--all-fields", help="Every built-in field.")] = False


RunFolder = Annotated[Path, typer.Option("--run", help="The run's folder.", metavar="DIR")]
AsJson = Annotated[bool, typer.Option("--json", help="The same as JSON on stdout.")]


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Makes a function a command: spreads its option groups, turns errors into a line and an exit code."""
    groups: dict[str, type[Any]] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        if is_dataclass(parameter.annotation) and isinstance(parameter.annotation, type):
            groups[parameter.name] = parameter.annotation
            parameters += [
                inspect.Parameter(
                    field.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=inspect.Parameter.empty if field.default is MISSING else field.default,
                    annotation=field.type,
                )
                for field in fields(parameter.annotation)
            ]
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(function)
    def run(**values: Any) -> None:
        try:
            _check_texts(values)
            given = {
                name: group(**{field.name: values.pop(field.name) for field in fields(group)})
                for name, group in groups.items()
            }
            function(**values, **given)
        except SynthToolsError as error:
            fail(error)
        except KeyboardInterrupt:
            print("interrupted: the same command resumes", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            sys.stderr.close()
            raise typer.Exit(0) from None
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES):
                raise
            fail(UsageError(f"{error.filename or 'the disk'}: {error.strerror}; everything committed is kept"))

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters} | {"return": None}
    return run


def _check_texts(values: dict[str, Any]) -> None:
    """Raises UsageError for an argument, paths apart, that is no UTF-8: no file of ours could hold it."""
    for name, value in values.items():
        for text in cast("list[object]", value) if isinstance(value, list) else (value,):
            if isinstance(text, str) and text.encode(errors="ignore").decode() != text:
                raise UsageError(f"{name.strip('_').replace('_', '-')} is no UTF-8 text")


def fail(error: SynthToolsError) -> None:
    """Writes an error as one line on stderr and ends the command with its exit code."""
    from synthtools.reports.text import one_line

    print(f"error: {one_line(str(error), 2000)}", file=sys.stderr)
    raise typer.Exit(error.exit_code)
