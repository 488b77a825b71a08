"""`optimize`: compiles a role or program against cases with known answers, and shows what came of it."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import orjson
import typer

from synthtools.cli.options import INTERRUPTED, ModelOptions, RunFolder, command
from synthtools.cli.work import gather_settings, notes, out, say
from synthtools.config import RoleModels, Settings
from synthtools.errors import ConfigError, DataError, ProviderError, UsageError
from synthtools.runs.budget import known_price, price_of
from synthtools.runs.reader import STORE_NAME

if TYPE_CHECKING:
    from synthtools.optimizers.case import Case
    from synthtools.optimizers.compile.methods import Method
    from synthtools.optimizers.compile.plan import Plan
    from synthtools.optimizers.compile.search import Search
    from synthtools.optimizers.compile.speakers import Speakers
    from synthtools.optimizers.compile.stopping import CompileStopped
    from synthtools.optimizers.target import Target
    from synthtools.optimizers.trainsets import Shares, Split
    from synthtools.runs.models import Models

_CASES = "Cases"
_SEARCH = "Search"


@dataclass(frozen=True, slots=True)
class CaseOptions:
    """Which cases a program is compiled and tested on."""

    cases: Annotated[
        Path | None,
        typer.Option(
            help="Cases, one JSON object a line; else they are drawn from the run.",
            metavar="FILE",
            rich_help_panel=_CASES,
        ),
    ] = None
    size: Annotated[int | None, typer.Option(min=3, help="Most cases in all.", rich_help_panel=_CASES)] = None
    train: Annotated[int | None, typer.Option(min=1, help="Most training cases.", rich_help_panel=_CASES)] = None
    validation: Annotated[int | None, typer.Option(min=1, help="Most validation cases.", rich_help_panel=_CASES)] = None
    test: Annotated[int | None, typer.Option(min=1, help="Most test cases.", rich_help_panel=_CASES)] = None


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How a better program is searched for."""

    method: Annotated[str, typer.Option(help="bootstrap, mipro, gepa, copro or simba.", rich_help_panel=_SEARCH)] = (
        "bootstrap"
    )
    teacher_model: Annotated[
        str | None,
        typer.Option(help="Another model that answers for demos and proposes instructions.", rich_help_panel=_SEARCH),
    ] = None
    teacher_api_base: Annotated[
        list[str] | None, typer.Option(help="Address of its server.", rich_help_panel=_SEARCH)
    ] = None
    candidates: Annotated[
        int | None, typer.Option(min=1, max=1000, help="How many are tried, or a step tries.", rich_help_panel=_SEARCH)
    ] = None
    rounds: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Trials, reflections or steps.", rich_help_panel=_SEARCH)
    ] = None
    demos: Annotated[
        int | None, typer.Option(min=0, max=1000, help="Most demos in a prompt.", rich_help_panel=_SEARCH)
    ] = None
    only: Annotated[
        list[str] | None,
        typer.Option(help="Role within the program that may change; repeat it for more.", rich_help_panel=_SEARCH),
    ] = None
    max_calls: Annotated[
        int | None, typer.Option(min=1, help="Most calls of this compile.", rich_help_panel="Bounds")
    ] = None


@command
def optimize(
    role: Annotated[str, typer.Argument(help="What to compile, for example response-judge.", metavar="ROLE")],
    run: RunFolder,
    given: CaseOptions,
    searching: SearchOptions,
    options: ModelOptions,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="The compiled program; else in the run's folder.", metavar="FILE")
    ] = None,
) -> None:
    """Finds better instructions and demos for a role, and tests them on cases that the search never saw."""
    from synthtools.optimizers.compile.caps import Limits
    from synthtools.optimizers.compile.compiling import carry_out
    from synthtools.optimizers.compile.methods import method_named
    from synthtools.optimizers.compile.stopping import CompileStopped
    from synthtools.runs.store import Store

    _refuse_what_is_for_stages(options)
    if out_file is not None:
        _check_file(out_file)
    settings = gather_settings(run, options)
    target = _target(role)
    method = method_named(searching.method)
    parts = _parts(_cases(run, given.cases, target), settings, given)
    plan = _plan(target, method, parts, settings, options, searching)
    limits = Limits(calls=searching.max_calls, tokens=settings.run.budget_tokens, usd=settings.run.budget_usd)
    if not options.json or options.dry_run:
        _show_preflight(plan, limits, settings, as_json=options.json)
    if options.dry_run:
        return
    path = out_file or run / f"{target.name}.{method.name}.{plan.id[:8]}.json"
    from synthtools.cli.compile_progress import CompileLine

    with Store(run, create=given.cases is not None) as store, _terminable(), CompileLine(notes, limits) as progress:
        try:
            result = carry_out(plan, store, limits, progress, logs=options.verbose)
        except CompileStopped as stop:
            _end(stop, progress.quality)
        except ProviderError:
            say("the model failed; what was paid is kept: the same command goes on")
            raise
    result.program.write(path)
    if options.json:
        print(orjson.dumps({**result.to_json(), "file": str(path)}, option=orjson.OPT_INDENT_2).decode())
    else:
        from synthtools.cli.compile_report import report

        report(out, result)
    if result.ended_by:
        say(f"{result.ended_by}: this is the best of what was tried; the same command goes on with a larger limit")
    say(f"wrote {path}")
    if result.program.recommended:
        say(f"use it: --program {path}")
    elif result.program.parents:
        say("no gain beyond chance on the test cases: not recommended")
    else:
        say("nothing better than the program as it is was found: the file holds that one, and is not recommended")


def _end(stop: "CompileStopped", quality: float) -> NoReturn:
    best = f"; best so far on the validation cases: {quality:.3f}" if quality else ""
    if stop.is_cap:
        say(f"{stop} before there was anything to compare{best}; the same command goes on with a larger limit")
        raise typer.Exit
    say(f"interrupted{best}: the same command goes on, and pays nothing twice")
    raise typer.Exit(INTERRUPTED)


def _refuse_what_is_for_stages(options: ModelOptions) -> None:
    given = {
        "--limit": options.limit is not None,
        "--retry-failed": options.retry_failed,
        "--accept-changes": options.accept_changes,
        "--executor": options.executor is not None,
        "--ray-address": options.ray_address is not None,
    }
    for name, is_given in given.items():
        if is_given:
            raise UsageError(f"{name} is for the items of stages: a compile has none")


def _check_file(path: Path) -> None:
    """Whether a program can be written there: found out before anything is paid."""
    if path.suffix != ".json":
        raise UsageError(f"--out {path}: --program takes files whose name ends with .json")
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"--out {path}: {'is a folder' if path.is_dir() else f'there is no folder {path.parent}'}")


def _target(name: str) -> "Target":
    from synthtools.optimizers.targets import TARGETS

    if name not in TARGETS:
        raise UsageError(f"there is nothing named {name} to compile; there are {', '.join(TARGETS)}")
    return TARGETS[name]


def _search(options: SearchOptions) -> "Search":
    from synthtools.optimizers.compile.search import Search

    given = {"candidates": options.candidates, "rounds": options.rounds, "demos": options.demos}
    return Search(**{name: value for name, value in given.items() if value is not None})


def _cases(folder: Path, file: Path | None, target: "Target") -> "tuple[Case, ...]":
    from synthtools.optimizers.trainsets import read_cases
    from synthtools.runs.run import open_run

    if file is not None:
        return read_cases(file)
    if not (folder / STORE_NAME).is_file():
        raise UsageError(f"no run at {folder}: --cases FILE gives cases, and makes a new folder")
    with open_run(folder) as opened:
        drawn = tuple(target.cases(opened))
    if not drawn:
        raise DataError(f"the run {folder} has no cases for {target.name}: give --cases FILE")
    return drawn


def _parts(cases: "tuple[Case, ...]", settings: Settings, given: CaseOptions) -> "Split":
    from synthtools.optimizers.trainsets import Split, balanced, split

    seed = settings.model.seed
    sizes = {"train": given.train, "validation": given.validation, "test": given.test}
    shares = _shares(given.train, given.validation, given.test)
    parts: list[tuple[Case, ...]] = []
    for (name, part), share in zip(split(cases, seed, shares)._asdict().items(), shares, strict=True):
        of_all = None if given.size is None else max(1, int(share * given.size))
        bounds = [bound for bound in (sizes[name], of_all) if bound is not None]
        parts.append(balanced(part, min(bounds), seed) if bounds else part)
    return Split(*parts)


def _shares(train: int | None, validation: int | None, test: int | None) -> "Shares":
    """How the fields are to be divided: as the sizes are, where all three are given."""
    from synthtools.optimizers.trainsets import SHARES

    if train is None or validation is None or test is None:
        return SHARES
    whole = train + validation + test
    return train / whole, validation / whole, test / whole


def _plan(
    target: "Target",
    method: "Method",
    parts: "Split",
    settings: Settings,
    options: ModelOptions,
    searching: SearchOptions,
) -> "Plan":
    from synthtools.optimizers.compile.plan import Plan
    from synthtools.runs.models import Models, load_program

    module: Any = target.build(settings.profile)
    for text in options.program or ():
        load_program(module, Path(text))
    models = Models(settings, {})
    models.assign(module)
    return Plan(
        target,
        module,
        method,
        parts,
        _speakers(target, module, models, settings, searching),
        search=_search(searching),
        only=tuple(searching.only or ()),
        seed=settings.model.seed,
        threads=settings.concurrency,
    )


def _speakers(
    target: "Target", module: Any, models: "Models", settings: Settings, searching: SearchOptions
) -> "Speakers":
    from synthtools.optimizers.compile.speakers import Speakers

    if searching.teacher_api_base and searching.teacher_model is None:
        raise ConfigError("--teacher-api-base is for --teacher-model")
    own = {id(predictor.lm): predictor.lm for predictor in module.predictors()}
    # A role that has a model of its own, such as the judges', is compiled for that one.
    student = next(iter(own.values())) if len(own) == 1 and None not in own.values() else models.main
    teacher = searching.teacher_model or student.model
    names = {"student": student.model, "teacher": teacher}
    judge = models.roles["judges"] if target.judgements else None
    if judge is not None:
        names["judge"] = judge.model
    asked = {*names.values(), *(lm.model for lm in own.values() if lm is not None)}
    if settings.fallback_model is not None:
        asked.add(settings.fallback_model.name)
    if settings.run.budget_usd is not None:
        for name in asked:
            price_of(name, settings)
    prices = {name: price for name in asked if (price := known_price(name, settings)) is not None}
    return Speakers(
        student=student,
        teacher=student if teacher == student.model else models.named(teacher, searching.teacher_api_base or ()),
        names=names,
        settings={**settings.deciding((), tuple(RoleModels.model_fields)), "teacher": teacher},
        prices=prices,
        judge=judge,
    )


def _show_preflight(plan: "Plan", limits: Any, settings: Settings, *, as_json: bool) -> None:
    flight = plan.preflight()
    if as_json:
        print(orjson.dumps({"id": plan.id, **flight.to_json()}, option=orjson.OPT_INDENT_2).decode())
        return
    from synthtools.cli.compile_report import preflight_table

    sizes = plan.sizes
    say(
        f"compile {plan.id}: {plan.target.name} by {plan.method.name}, {sizes.train} training, "
        f"{sizes.validation} validation and {sizes.test} test cases; at most:"
    )
    notes.print(preflight_table(flight))
    capped = [
        text
        for text in (
            None if limits.calls is None else f"{limits.calls:,} calls",
            None if limits.tokens is None else f"{limits.tokens:,} tokens",
            None if limits.usd is None else f"${limits.usd}",
        )
        if text is not None
    ]
    say(f"model {plan.speakers.names['student']}; stopped at {' or '.join(capped) if capped else 'no limit'}")


@contextmanager
def _terminable() -> Generator[None]:
    """SIGTERM interrupts as Ctrl-C does."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
