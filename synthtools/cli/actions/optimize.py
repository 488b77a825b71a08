"""What `optimize` does: cases, a plan and its price, the search, and what came of it."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer

from synthtools.cli.actions.optimize_end import CompileEnd, end_of
from synthtools.cli.actions.optimize_progress import CompileLine
from synthtools.cli.actions.optimize_report import preflight_table, report
from synthtools.cli.optimize_options import CaseOptions, CompileOptions, SearchOptions
from synthtools.cli.options import INTERRUPTED
from synthtools.cli.output import notes, out, print_json, say
from synthtools.cli.work import gather_settings
from synthtools.config import RoleModels, Settings
from synthtools.errors import ConfigError, DataError, ProviderError, UsageError
from synthtools.optimizers.case import Case
from synthtools.optimizers.compile.caps import Limits
from synthtools.optimizers.compile.compiling import carry_out
from synthtools.optimizers.compile.methods import Method, method_named
from synthtools.optimizers.compile.plan import Plan
from synthtools.optimizers.compile.search import Search
from synthtools.optimizers.compile.significance import FEWEST_SIGNIFICANT
from synthtools.optimizers.compile.speakers import Speakers
from synthtools.optimizers.compile.stopping import CompileStopped
from synthtools.optimizers.compile.units import units_of
from synthtools.optimizers.target import Target
from synthtools.optimizers.targets import TARGETS
from synthtools.optimizers.trainsets import SHARES, Shares, Split, balanced, read_cases, split
from synthtools.runs.budget import known_price, price_of
from synthtools.runs.compiles import CompileRows
from synthtools.runs.models import Models, load_program
from synthtools.runs.reader import STORE_NAME
from synthtools.runs.run import open_run
from synthtools.runs.store import Store


def optimize_role(
    role: str,
    run: Path,
    given: CaseOptions,
    searching: SearchOptions,
    options: CompileOptions,
    out_file: Path | None,
) -> None:
    """Compiles what is named, writes the program and says what came of it.

    Raises: UsageError, DataError, ConfigError before anything is paid; ProviderError where the model fails.
    """
    if out_file is not None:
        _check_file(out_file)
    settings = gather_settings(run, options)
    target = _target(role)
    method = method_named(searching.method)
    parts = _parts(_cases(run, given.cases, target), settings, given)
    plan = _plan(target, method, parts, settings, options, searching)
    limits = Limits(calls=options.max_calls, tokens=settings.run.budget_tokens, usd=settings.run.budget_usd)
    if not options.json or options.dry_run:
        _show_preflight(plan, limits, settings, as_json=options.json)
    if options.dry_run:
        return
    path = out_file or run / f"{target.name}.{method.name}.{plan.id[:8]}.json"
    with Store(run, create=given.cases is not None) as store, _terminable(), CompileLine(notes, limits) as progress:
        rows = CompileRows(store, plan.id)
        _say_what_another_metric_has(rows, plan)
        try:
            result = carry_out(plan, store, limits, progress, logs=options.verbose)
        except CompileStopped as stop:
            _end(end_of(plan, rows, stop, progress.quality), as_json=options.json)
        except ProviderError as error:
            say("the model failed; what was paid is kept: the same command goes on")
            if options.json:
                stop = CompileStopped("failed", str(error))
                print_json(end_of(plan, rows, stop, progress.quality).to_json())
            raise
    result.program.write(path)
    if options.json:
        print_json({**result.to_json(), "status": "capped" if result.ended_by else "finished", "file": str(path)})
    else:
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


def _say_what_another_metric_has(rows: CompileRows, plan: Plan) -> None:
    """That a compile which differs in its metric alone is not gone on with: scores of two metrics do not mix."""
    if others := rows.by_other_metrics(plan.noted):
        say(
            f"the run has this compile by another metric ({', '.join(others)}): its scores do not count here, and what "
            "it asked is not asked again"
        )


def _end(end: CompileEnd, *, as_json: bool) -> NoReturn:
    say(end.line)
    if as_json:
        print_json(end.to_json())
    raise typer.Exit(0 if end.is_cap else INTERRUPTED)


def _check_file(path: Path) -> None:
    """Whether a program can be written there: found out before anything is paid."""
    if path.suffix != ".json":
        raise UsageError(f"--out {path}: --program takes files whose name ends with .json")
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"--out {path}: {'is a folder' if path.is_dir() else f'there is no folder {path.parent}'}")


def _target(name: str) -> Target:
    if name not in TARGETS:
        raise UsageError(f"there is nothing named {name} to compile; there are {', '.join(TARGETS)}")
    return TARGETS[name]


def _search(options: SearchOptions) -> Search:
    given = {"candidates": options.candidates, "rounds": options.rounds, "demos": options.demos}
    return Search(**{name: value for name, value in given.items() if value is not None})


def _cases(folder: Path, file: Path | None, target: Target) -> tuple[Case, ...]:
    if file is not None:
        return read_cases(file)
    if not (folder / STORE_NAME).is_file():
        raise UsageError(f"no run at {folder}: --cases FILE gives cases, and makes a new folder")
    with open_run(folder) as opened:
        drawn = tuple(target.cases(opened))
    if not drawn:
        raise DataError(f"the run {folder} has no cases for {target.name}: give --cases FILE")
    return drawn


def _parts(cases: tuple[Case, ...], settings: Settings, given: CaseOptions) -> Split:
    seed = settings.model.seed
    sizes = {"train": given.train, "validation": given.validation, "test": given.test}
    shares = _shares(given.train, given.validation, given.test)
    parts: list[tuple[Case, ...]] = []
    for (name, part), share in zip(split(cases, seed, shares)._asdict().items(), shares, strict=True):
        of_all = None if given.size is None else max(1, int(share * given.size))
        bounds = [bound for bound in (sizes[name], of_all) if bound is not None]
        parts.append(balanced(part, min(bounds), seed) if bounds else part)
    return Split(*parts)


def _shares(train: int | None, validation: int | None, test: int | None) -> Shares:
    """How the fields are to be divided: as the sizes are, where all three are given."""
    if train is None or validation is None or test is None:
        return SHARES
    whole = train + validation + test
    return train / whole, validation / whole, test / whole


def _plan(
    target: Target,
    method: Method,
    parts: Split,
    settings: Settings,
    options: CompileOptions,
    searching: SearchOptions,
) -> Plan:
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


def _speakers(target: Target, module: Any, models: Models, settings: Settings, searching: SearchOptions) -> Speakers:
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


def _show_preflight(plan: Plan, limits: Any, settings: Settings, *, as_json: bool) -> None:
    flight = plan.preflight()
    if as_json:
        print_json({"id": plan.id, **flight.to_json()})
        return
    sizes = plan.sizes
    say(
        f"compile {plan.id}: {plan.target.name} by {plan.method.name}, {sizes.train} training, "
        f"{sizes.validation} validation and {sizes.test} test cases; at most, tokens by estimate:"
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
    cap = f"ends at {' or '.join(capped)}" if capped else "no cap (--max-calls, --budget-tokens, --budget-usd)"
    say(f"model {plan.speakers.names['student']}; {cap}")
    number = units_of(plan.cases.test).number
    if number < FEWEST_SIGNIFICANT:
        say(f"{number} test cases cannot tell a gain from chance: that takes at least {FEWEST_SIGNIFICANT}")


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
