"""What a compile came to: the compiled program with its scores before and after, and the candidates around it."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from synthtools.modules.compiled import (
    CompiledPredictor,
    CompiledProgram,
    DemoSource,
    Estimate,
    Scores,
    instruction_diff,
)
from synthtools.optimizers.compile.demos import demo_hash
from synthtools.optimizers.compile.front import Point
from synthtools.optimizers.compile.plan import Plan
from synthtools.optimizers.compile.significance import Interval, compare
from synthtools.optimizers.compile.trial import Bench
from synthtools.optimizers.compile.units import units_of
from synthtools.runs.compiles import Evaluation
from synthtools.types.record import Record
from synthtools.types.usage import Usage


class CompileResult(Record):
    """What a compile came to."""

    id: str
    program: CompiledProgram
    front: tuple[Point, ...]
    """The fully validated candidates, best first."""
    candidates: int
    """How many were tried at all."""
    usage: Usage
    """What was paid, over all processes."""
    usd: float | None
    """None: the price of some model is not known."""
    ended_by: str = ""
    """The cap that ended the search early, as a sentence; empty: it ended by itself."""


def result_of(
    plan: Plan,
    bench: Bench,
    baseline: str,
    best: str,
    tested: Sequence[tuple[Evaluation, Evaluation]],
    front: Sequence[Point],
    ended_by: str,
) -> CompileResult:
    """Compares the best candidate with the program as it was.

    Args:
        plan: What was compiled.
        bench: What was asked and scored.
        baseline: The candidate that is the program as it was.
        best: The candidate that was chosen; may be the same.
        tested: The test cases that both answered, before and after.
        front: The fully validated candidates.
        ended_by: The cap that ended the compile early; empty: none.
    """
    states = bench.candidates
    before, after = [old for old, _ in tested], [new for _, new in tested]
    by_id = {case.id: case for case in plan.cases.test}
    units = units_of([by_id[one.case] for one in before])
    found = compare([one.score for one in before], [one.score for one in after], plan.seed, units.groups)
    program = CompiledProgram(
        id=plan.id,
        target=plan.target.name,
        module=type(plan.module).__name__,
        predictors=states[best],
        method=plan.method.name,
        settings={"search": plan.settings["search"], "only": plan.settings["only"]},
        models=dict(plan.speakers.names),
        seed=plan.seed,
        parents=bench.descent(best),
        data=plan.data,
        metric=plan.metric,
        scores=Scores(
            cases=len(before),
            before=_estimate(found.before),
            after=_estimate(found.after),
            gain=_estimate(found.gain),
            p_value=found.p_value,
            significant=found.significant,
            tokens_before=fmean(one.tokens for one in before),
            tokens_after=fmean(one.tokens for one in after),
            parts=_parts(before, after),
            unit=units.unit,
            units=units.number,
            scope=units.scope,
        ),
        recommended=found.significant,
        diff=instruction_diff(states[baseline], states[best]),
        demo_sources=_demo_sources(plan, bench, states[best]),
    )
    return CompileResult(
        id=plan.id,
        program=program,
        front=tuple(front),
        candidates=len(states),
        usage=bench.caps.usage,
        usd=bench.caps.usd if bench.caps.is_priced else None,
        ended_by=ended_by,
    )


def _demo_sources(plan: Plan, bench: Bench, state: Mapping[str, CompiledPredictor]) -> tuple[DemoSource, ...]:
    by_id = {case.id: case for case in plan.cases.train}
    found: list[DemoSource] = []
    for path, one in state.items():
        for position, demo in enumerate(one.demos):
            case = by_id.get(bench.demo_cases.get(demo_hash(demo), ""))
            if case is not None:
                found.append(DemoSource(predictor=path, position=position, case=case.id, source=case.source))
    return tuple(found)


def _estimate(interval: Interval) -> Estimate:
    return Estimate(mean=interval.mean, low=interval.low, high=interval.high)


def _parts(before: Sequence[Evaluation], after: Sequence[Evaluation]) -> dict[str, tuple[float, float]]:
    names = list(dict.fromkeys(part for one in (*before, *after) for part in one.parts))
    found: dict[str, tuple[float, float]] = {}
    for name in names:
        old, new = ([one.parts[name] for one in scored if name in one.parts] for scored in (before, after))
        if old and new:
            found[name] = (fmean(old), fmean(new))
    return found
