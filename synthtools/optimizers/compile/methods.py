"""The methods that compile, behind one door: DSPy's optimizers, each with the settings that make it deterministic."""

import importlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import dspy

from synthtools.errors import ConfigError
from synthtools.optimizers.compile.asking import ProposalAdapter
from synthtools.optimizers.compile.reanchor import calibrated, verdict_objection
from synthtools.optimizers.compile.search import Search
from synthtools.optimizers.compile.trial import Trial


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many cases there are, and predictors to improve."""

    train: int
    validation: int
    test: int
    predictors: int = 1


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a compile, at its largest."""

    name: str
    runs: int = 0
    """Cases asked of the student's model."""
    teacher_runs: int = 0
    """Cases asked of the teacher's."""
    proposals: int = 0
    """Questions of the optimizer itself."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a method works with."""

    student: Trial
    teacher: Trial | None
    """The same module on another model, which answers where demos are made; None: the student does."""
    train: Sequence[dspy.Example]
    validation: Sequence[dspy.Example]
    proposer: Any
    """The model that proposes instructions."""
    adapter: ProposalAdapter
    search: Search
    threads: int
    seed: int


@dataclass(frozen=True, slots=True)
class Method:
    """One way to compile."""

    name: str
    phases: Callable[[Sizes, Search], list[Phase]]
    compile: Callable[[Given], Trial]
    objection: Callable[[dspy.Module, Search, Any], str] = lambda module, search, student: ""
    """Why it cannot be used on a program with a search and the model it is compiled for; empty: it can."""


def metric(example: Any, prediction: Any, trace: Any = None) -> float:
    """The score that a trial's answer came with; an answer that DSPy lost is worth nothing."""
    return 0.0 if prediction is None else float(prediction.score)


def metric_with_feedback(
    gold: Any, pred: Any, trace: Any = None, pred_name: str | None = None, pred_trace: Any = None
) -> dspy.Prediction:
    """The score with its reason, as GEPA reads it."""
    return dspy.Prediction(score=float(pred.score), feedback=str(pred.feedback))


def _bootstrap(given: Given) -> Trial:
    from dspy.teleprompt import BootstrapFewShotWithRandomSearch

    optimizer = BootstrapFewShotWithRandomSearch(
        metric=metric,
        metric_threshold=given.search.demo_score,
        max_bootstrapped_demos=given.search.demos,
        max_labeled_demos=0,  # cases hold a role's inputs, not a predictor's: they make no demos by themselves
        num_candidate_programs=given.search.candidates,
        num_threads=given.threads,
    )
    seeds = [-3, -1, *range(given.search.candidates)]
    train = _shuffled(given)
    return cast(
        Trial,
        optimizer.compile(
            given.student, teacher=given.teacher, trainset=train, valset=list(given.validation), restrict=seeds
        ),
    )


def _bootstrap_objection(module: dspy.Module, search: Search, student: Any) -> str:
    return "" if search.demos else "it finds demos, and at most 0 are allowed"


def _bootstrap_phases(sizes: Sizes, search: Search) -> list[Phase]:
    return [_demos_phase(sizes), Phase("scoring", runs=(search.candidates + 1) * sizes.validation)]


def _mipro(given: Given) -> Trial:
    from dspy.teleprompt import MIPROv2

    count = max(given.search.candidates, 2)
    optimizer = MIPROv2(
        metric=metric,
        prompt_model=given.proposer,
        task_model=dspy.settings.lm,
        max_bootstrapped_demos=given.search.demos,
        max_labeled_demos=0,
        auto=None,
        num_candidates=count,
        num_threads=given.threads,
        seed=given.seed + 1,  # DSPy takes 0 for none
        metric_threshold=given.search.demo_score,
        track_stats=False,
    )
    with dspy.context(adapter=given.adapter):
        return cast(
            Trial,
            optimizer.compile(
                given.student,
                teacher=given.teacher,
                trainset=_shuffled(given),
                valset=list(given.validation),
                num_trials=given.search.rounds,
                minibatch=False,
                view_data_batch_size=_SEEN_AT_ONCE,
                program_aware_proposer=False,  # it would be shown the trial, which says nothing about the role
            ),
        )


_SEEN_AT_ONCE = 3
"""Cases that MIPRO's summary of the data reads in one prompt."""


def _mipro_phases(sizes: Sizes, search: Search) -> list[Phase]:
    count = max(search.candidates, 2)
    summary = 1 + min(9, -(-sizes.train // _SEEN_AT_ONCE))
    return [
        _demos_phase(sizes),
        Phase("proposing", proposals=summary + count * sizes.predictors),
        Phase("scoring", runs=search.rounds * sizes.validation),
    ]


def _gepa(given: Given) -> Trial:
    reflective: Any = importlib.import_module("dspy.teleprompt.gepa")  # its own types are partly unknown

    def ended(state: Any) -> bool:
        return bool(state.i + 1 >= given.search.rounds)

    sizes = Sizes(len(given.train), len(given.validation), 0, len(given.student.predictors()))
    optimizer = reflective.GEPA(
        metric=metric_with_feedback,
        max_metric_calls=sum(phase.runs for phase in _gepa_phases(sizes, given.search)) + sizes.validation,
        reflection_minibatch_size=min(given.search.batch, len(given.train)),
        reflection_lm=given.proposer,
        instruction_proposer=reflective.InstructionProposer(
            max_chars=given.search.instruction_chars, adapter=given.adapter
        ),
        use_merge=sizes.predictors > 1,
        num_threads=given.threads,
        track_stats=True,
        warn_on_score_mismatch=False,
        seed=given.seed,
        gepa_kwargs={"stop_callbacks": [ended]},
    )
    found = optimizer.compile(given.student, trainset=list(given.train), valset=list(given.validation))
    _note_descent(given.student, found.detailed_results)
    return cast(Trial, found)


def _note_descent(student: Trial, results: Any) -> None:
    names = [student.bench.name(candidate) for candidate in results.candidates]
    for name, parents in zip(names, results.parents, strict=True):
        first = next((names[parent] for parent in cast("list[int | None]", parents) if parent is not None), name)
        if first != name:
            student.bench.descend(name, first)


def _gepa_phases(sizes: Sizes, search: Search) -> list[Phase]:
    batch = min(search.batch, sizes.train)
    return [
        Phase("reflecting", runs=search.rounds * 2 * batch, proposals=2 * search.rounds),
        Phase("scoring", runs=search.rounds * sizes.validation),
    ]


def _copro(given: Given) -> Trial:
    from dspy.teleprompt import COPRO

    optimizer = COPRO(
        prompt_model=given.proposer,
        metric=metric,
        breadth=max(given.search.candidates, 2),
        depth=_depth(given.search),
        init_temperature=1.0,
    )
    with dspy.context(adapter=given.adapter):
        return cast(
            Trial,
            optimizer.compile(
                given.student,
                trainset=list(given.validation),
                eval_kwargs={"num_threads": given.threads, "display_progress": False, "display_table": 0},
            ),
        )


def _depth(search: Search) -> int:
    return max(1, search.rounds // 3)


def _copro_phases(sizes: Sizes, search: Search) -> list[Phase]:
    breadth, depth = max(search.candidates, 2), _depth(search)
    # With several predictors, DSPy scores all earlier instructions again at every depth; equal prompts cost nothing,
    # but with another instruction in their neighbour they are not equal.
    scored = breadth * depth if sizes.predictors == 1 else sizes.predictors * breadth * depth * (depth + 1) // 2
    return [
        Phase("proposing", proposals=breadth * depth * sizes.predictors),
        Phase("scoring", runs=scored * sizes.validation),
    ]


def _simba(given: Given) -> Trial:
    from dspy.teleprompt import SIMBA

    optimizer = SIMBA(
        metric=metric,
        bsize=_simba_batch(len(given.train), given.search),
        num_candidates=given.search.candidates,
        max_steps=given.search.rounds,
        max_demos=given.search.demos,
        prompt_model=given.proposer,
        num_threads=given.threads,
    )
    with dspy.context(adapter=given.adapter):
        return cast(Trial, optimizer.compile(given.student, trainset=list(given.train), seed=given.seed))


def _simba_objection(module: dspy.Module, search: Search, student: Any) -> str:
    several = len({id(predictor.lm) for predictor in module.predictors()}) > 1
    return "it samples from one model, and the roles of this program have several" if several else ""


def _simba_batch(train: int, search: Search) -> int:
    return min(train, 2 * search.batch)


def _simba_phases(sizes: Sizes, search: Search) -> list[Phase]:
    batch, count = _simba_batch(sizes.train, search), search.candidates
    return [
        Phase("sampling", runs=search.rounds * batch * count),
        Phase("proposing", proposals=search.rounds * (count + 1)),
        Phase("scoring", runs=search.rounds * batch * (count + 1) + (count + 1) * sizes.train + sizes.validation),
    ]


def _reanchor(given: Given) -> Trial:
    return cast(Trial, calibrated(given.student, list(given.train), metric, given.threads))


def _reanchor_phases(sizes: Sizes, search: Search) -> list[Phase]:
    return [
        Phase("calibrating", runs=2 * sizes.train),  # as the role is, and with probabilities
        Phase("scoring", runs=sizes.validation),
    ]


def _shuffled(given: Given) -> list[dspy.Example]:
    """The training cases in an order that the seed decides: DSPy's own shuffles of demos do not take one."""
    cases = list(given.train)
    random.Random(given.seed).shuffle(cases)
    return cases


def _demos_phase(sizes: Sizes) -> Phase:
    return Phase("demos", teacher_runs=sizes.train)


METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method("bootstrap", _bootstrap_phases, _bootstrap, objection=_bootstrap_objection),
        Method("mipro", _mipro_phases, _mipro),
        Method("gepa", _gepa_phases, _gepa),
        Method("copro", _copro_phases, _copro),
        Method("simba", _simba_phases, _simba, objection=_simba_objection),
        Method("reanchor", _reanchor_phases, _reanchor, objection=verdict_objection),
    )
}
"""By name; labelled demos are not among them: a case holds a role's inputs, and a demo needs its predictor's."""


def method_named(name: str) -> Method:
    """A method that can be used. Raises: ConfigError saying which there are, or what it needs."""
    if name not in METHODS:
        raise ConfigError(f"--method {name}: there is no such method; there are {', '.join(METHODS)}")
    if name == "mipro":
        from importlib.util import find_spec

        if find_spec("optuna") is None:
            raise ConfigError("--method mipro needs optuna: pip install 'synthtools[optimize]'")
    return METHODS[name]
