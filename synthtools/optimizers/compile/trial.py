"""The student: a target's module as an optimizer sees it, one case in, one scored answer out, every answer kept."""

import copy
import hashlib
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Self, cast

import dspy
import orjson

from synthtools.backends.ledger import Journal, usage_meter
from synthtools.backends.prompt import shown_value
from synthtools.backends.scope import scope
from synthtools.errors import AnswerRefused, ConfigError, ContextTooSmall, Dropped, ParseError, WorldError
from synthtools.modules.compiled import CompiledPredictor, predictors_of, state_of
from synthtools.optimizers.case import Case
from synthtools.optimizers.compile.asking import StudentAdapter
from synthtools.optimizers.compile.background import BackgroundLoop
from synthtools.optimizers.compile.caps import Caps
from synthtools.optimizers.compile.demos import accepted, demo_hash
from synthtools.optimizers.compile.stopping import CompileStopped
from synthtools.optimizers.metrics import judging
from synthtools.optimizers.score import Score
from synthtools.optimizers.target import Target
from synthtools.runs.compiles import STAGE, CompileRows, Evaluation
from synthtools.types.record import JsonObject

BAD_ANSWERS = (ParseError, AnswerRefused, ContextTooSmall, Dropped, WorldError)
"""What is wrong with a model's answers, or a prompt that does not fit: scored 0, with the error as the reason."""


class Bench:
    """Where the cases of a compile are tried: asks, scores and keeps; shared by all copies of a student."""

    def __init__(
        self, target: Target, parts: Mapping[str, str], rows: CompileRows, journal: Journal, caps: Caps,
        loop: BackgroundLoop, judge: Any,
    ) -> None:  # fmt: skip
        """Sets up the bench.

        Args:
            target: Whose inputs and metric count.
            parts: By id of a case: train, validation or test.
            rows: Keeps candidates and evaluations.
            journal: Keeps answers.
            caps: Counts and stops; the ledger of the calls.
            loop: Where modules run.
            judge: The model that the metric asks what code cannot say; None: it asks none.
        """
        self.target = target
        self.caps = caps
        self.candidates: dict[str, dict[str, CompiledPredictor]] = {}
        """By hash, in the order in which they were first asked."""
        self.parents: dict[str, str] = {}
        """By candidate: the one it was made from; the first has none."""
        self.evaluations: dict[tuple[str, str, str], Evaluation] = {}
        """By candidate, case and variation."""
        self.on_evaluation: Callable[[Evaluation], None] = lambda evaluation: None
        self.demo_cases: dict[str, str] = {}
        """By content hash of a traced answer: the case it was given to."""
        self._parts = parts
        self._rows = rows
        self._journal = journal
        self._loop = loop
        self._judge = judge
        self._adapter = StudentAdapter()
        self._lock = threading.Lock()
        self._asking: dict[tuple[str, str, str], threading.Lock] = {}

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Copies of a student share the bench."""
        return self

    @contextmanager
    def scope(self) -> Generator[None]:
        """Calls in the block are the compile's: journaled, capped, accounted for."""
        with scope(
            stage=STAGE,
            item=self._rows.item.id,
            journal=self._journal,
            ledger=self.caps,
            before_call=self.caps.before_call,
        ):
            yield

    def ask(self, trial: "Trial", content: JsonObject) -> dspy.Prediction:
        """The scored answer of a candidate to a case. Raises: CompileStopped."""
        case = Case.from_json(content, "a case")
        key = (self._candidate(trial), case.id, trial.variation())
        with self._lock:
            asking = self._asking.setdefault(key, threading.Lock())
        with asking, self.caps.case():
            trial.door.pass_()
            return self._asked(trial, case, key)

    def _asked(self, trial: "Trial", case: Case, key: tuple[str, str, str]) -> dspy.Prediction:
        outer = cast("list[Any] | None", dspy.settings.trace)
        started = time.monotonic()
        trace: list[Any] = []
        answer: Any = None
        try:
            arguments = self.target.arguments(case)
            with self.scope(), dspy.context(trace=trace, adapter=self._adapter):
                score: Score | None = None
                with usage_meter() as meter:  # what a judge costs is paid, but no cost of the answer
                    try:
                        answer = self._loop.run(trial.module.acall(**arguments))
                    except BAD_ANSWERS as error:
                        score = _unusable(error)
                seconds = time.monotonic() - started
                if score is None:
                    score = self._score(arguments, case, answer)
        except CompileStopped:
            raise
        except BaseException as error:
            raise self.caps.stop("failed", str(error), error) from error
        self._keep(key, case, score, meter.usage, seconds)
        if outer is not None:
            steps = accepted(trace)
            self.demo_cases.update({demo_hash({**inputs, **dict(given)}): case.id for _, inputs, given in steps})
            outer.extend(steps)
        return dspy.Prediction(answer=_text(answer), score=score.value, feedback=feedback(score))

    def _score(self, arguments: Mapping[str, Any], case: Case, answer: Any) -> Score:
        try:
            with judging(self._judge):
                return self.target.metric(self.target.inputs(**arguments), case.expected, answer)
        except BAD_ANSWERS as error:
            return _unusable(error)

    def _candidate(self, trial: "Trial") -> str:
        state = state_of(trial.module)
        body = orjson.dumps({path: one.model_dump(mode="json") for path, one in state.items()})
        candidate = hashlib.sha256(body).hexdigest()[:16]
        with self._lock:
            if candidate not in self.candidates:
                parent = next(iter(self.candidates), "")
                self._rows.candidate(candidate, len(self.candidates), parent, trial.origin, body)
                self.candidates[candidate] = state
                if parent:
                    self.parents[candidate] = parent
        return candidate

    def name(self, trial: "Trial") -> str:
        """The hash of a candidate."""
        return self._candidate(trial)

    def descend(self, candidate: str, parent: str) -> None:
        """Notes which candidate another one was made from, where the optimizer tells."""
        self.parents[candidate] = parent
        self._rows.descent(candidate, parent)

    def descent(self, candidate: str) -> tuple[str, ...]:
        """The candidates that one descends from, the nearest first."""
        line: list[str] = []
        while (candidate := self.parents.get(candidate, "")) and candidate not in line:
            line.append(candidate)
        return tuple(line)

    def _keep(self, key: tuple[str, str, str], case: Case, score: Score, usage: Any, seconds: float) -> None:
        candidate, _, variation = key
        evaluation = Evaluation(
            candidate=candidate, case=case.id, variation=variation, part=self._parts.get(case.id, ""),
            score=score.value, reason=score.reason, parts=dict(score.parts), usage=usage, seconds=seconds,
        )  # fmt: skip
        self._rows.evaluation(evaluation)
        with self._lock:
            is_new = key not in self.evaluations
            self.evaluations[key] = evaluation
            if is_new:
                self.on_evaluation(evaluation)


class Door:
    """Whether trials may still ask: an optimizer that was stopped leaves threads behind."""

    def __init__(self) -> None:
        self.is_open = True

    def pass_(self) -> None:
        """Raises: CompileStopped where it is closed."""
        if not self.is_open:
            raise CompileStopped("interrupted", "this phase of the compile is over")

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Copies of a student pass the same door."""
        return self


class Trial(dspy.Module):
    """A target's module as a student: called with a case, it answers with a scored prediction."""

    def __init__(self, module: dspy.Module, bench: Bench, door: Door, *, speaker: str = "", origin: str = "") -> None:
        """Wraps a module.

        Args:
            module: What is optimized.
            bench: Where it is tried.
            door: Closed when its phase is over.
            speaker: Who answers, where it is not the student's model.
            origin: How the candidates of this student come about.
        """
        super().__init__()
        self.module = module
        self.bench = bench
        self.door = door
        self.speaker = speaker
        self.origin = origin

    def forward(self, case: JsonObject) -> dspy.Prediction:
        """Tries the module on a case."""
        self.door.pass_()
        return self.bench.ask(self, case)

    def reset_copy(self) -> Self:
        """A copy without demos, each predictor on the model that it had: DSPy's own forgets those."""
        copied = super().reset_copy()
        models = {path: predictor.lm for path, predictor, _ in predictors_of(self)}
        for path, predictor, _ in predictors_of(copied):
            predictor.lm = models[path]
        return copied

    def variation(self) -> str:
        """What is not as in use about the answers; empty: nothing."""
        predictor = next((one for _, one, _ in predictors_of(self.module)), None)
        lm = cast(Any, getattr(predictor, "lm", None) or dspy.settings.lm)
        rollout = getattr(lm, "kwargs", {}).get("rollout_id")
        parts = (self.speaker, f"rollout {rollout}" if rollout else "")
        return ", ".join(part for part in parts if part)


def example(case: Case) -> dspy.Example:
    """A case as DSPy takes it: JSON, so that proposers read it."""
    return dspy.Example(case=case.to_json()).with_inputs("case")


def frozen(module: dspy.Module, only: tuple[str, ...]) -> dspy.Module:
    """A copy of a module in which optimizers see the predictors of the named roles alone; no names: all of them.

    A name is the class of a role (`ResponseJudge`), its signature (`JudgeResponse`), or its path in the module.

    Raises: ConfigError where a name fits nothing.
    """
    made = copy.deepcopy(module)
    if not only:
        return made
    holders: dict[str, Any] = {name.partition("self.")[2]: part for name, part in made.named_sub_modules()}
    named: dict[str, set[str]] = {}
    for path, _, role in predictors_of(made):
        holder = path.rpartition(".")[0]
        signature = getattr(holders[holder], "signature", None)
        named[holder] = {holder, role, getattr(signature, "__name__", "")} - {""}
    for name in only:
        if not any(name in names for names in named.values()):
            known = ", ".join(sorted(set[str]().union(*named.values())))
            raise ConfigError(f"--only {name}: {type(module).__name__} has no such role; it has {known}")
    for holder, names in named.items():
        if not names & set(only):
            holders[holder]._compiled = True
    return made


def _unusable(error: Exception) -> Score:
    return Score(value=0.0, reason=f"There was no usable answer ({type(error).__name__}): {error}")


def feedback(score: Score) -> str:
    """What a reflective optimizer reads of a score."""
    parts = "; ".join(f"{name} {value:.2f}" for name, value in score.parts.items())
    return f"Score {score.value:.2f} of 1{f' ({parts})' if parts else ''}. {score.reason}"


def _text(answer: object) -> str:
    try:
        return shown_value(answer) or ""
    except TypeError:
        return repr(answer)
