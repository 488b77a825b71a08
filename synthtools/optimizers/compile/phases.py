"""The phases of a compile: the program as it is, the search, the choice among what it tried, and the test."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import dspy

from synthtools.modules.compiled import predictors_of
from synthtools.optimizers.case import Case
from synthtools.optimizers.compile.asking import ProposalAdapter
from synthtools.optimizers.compile.front import Point, points
from synthtools.optimizers.compile.methods import Given
from synthtools.optimizers.compile.plan import Plan
from synthtools.optimizers.compile.preflight import Preflight, times
from synthtools.optimizers.compile.progress import Progress
from synthtools.optimizers.compile.result import CompileResult, result_of
from synthtools.optimizers.compile.stopping import CompileStopped
from synthtools.optimizers.compile.tally import Tally
from synthtools.optimizers.compile.trial import Bench, Door, Trial, example
from synthtools.runs.compiles import CompileRows, Evaluation
from synthtools.types.usage import Usage

_FEWEST_TESTED = 2
"""Test cases that are compared where a cap ends the test early."""


class Phases:
    """A compile that is under way."""

    def __init__(self, plan: Plan, bench: Bench, rows: CompileRows, flight: Preflight, progress: Progress) -> None:
        """Sets up the phases.

        Args:
            plan: What is compiled.
            bench: Where candidates are tried.
            rows: What the run keeps of it.
            flight: What one case of the program as it is uses, and its metric, by estimate.
            progress: Told how it goes.
        """
        self.plan, self.bench, self.rows, self.caps = plan, bench, rows, bench.caps
        self.progress = progress
        self._a_judgement = flight.a_judgement
        self._put_aside(flight.a_case, flight.a_case)
        self._baseline = ""
        self._best = -1.0
        self._tallies: dict[str, Tally] = {}
        bench.on_evaluation = self._evaluated

    def run(self) -> CompileResult:
        """Baseline, search, choice, test."""
        plan, cases = self.plan, self.plan.cases
        ended_by = ""
        with dspy.context(lm=plan.speakers.student, trace=None, disable_history=True, warn_on_type_mismatch=False):
            own = Trial(plan.module, self.bench, Door(), origin="program as it is")
            self.progress.begun(plan.id, "baseline")
            with self.caps.sparing():
                baseline = self._baseline = self.bench.name(own)
                self._ask([(own, case) for case in cases.validation])
                door = Door()
                try:
                    found = self._search(door)
                    validated = Trial(found.module, self.bench, Door(), origin=found.origin)
                    self._ask([(validated, case) for case in cases.validation])
                except CompileStopped as stop:
                    if not stop.is_cap:
                        raise
                    ended_by = f"{stop} before the search was over"
                finally:
                    door.is_open = False
            self.progress.begun(plan.id, "test")
            front = self._front()
            best = self._choice(front, baseline)
            trials = (own,) if best == baseline else (own, self._trial(best))
            try:
                self._ask([(trial, case) for case in cases.test for trial in trials])
            except CompileStopped as stop:
                if not stop.is_cap or len(self._tested(best, baseline)) < _FEWEST_TESTED:
                    raise
                ended_by = f"{stop} before every test case was asked"
        return result_of(plan, self.bench, baseline, best, self._tested(best, baseline), front, ended_by)

    def _put_aside(self, before: Usage, after: Usage) -> None:
        """Keeps enough for the test of the program as it is and of the best candidate, as a case of each is now."""
        number = len(self.plan.cases.test)
        asked, judged = times(before + after, number), times(self._a_judgement, 2 * number)
        self.caps.put_aside(asked + judged, self.plan.speakers.usd(student=asked, judge=judged) or 0.0)

    def _search(self, door: Door) -> Trial:
        plan = self.plan
        self.progress.begun(plan.id, "search")
        student = Trial(plan.module.deepcopy(), self.bench, door, origin=plan.method.name)
        teacher = None
        if plan.speakers.is_taught:
            teacher = Trial(plan.module.deepcopy(), self.bench, door, speaker="teacher", origin="teacher")
            teacher.set_lm(plan.speakers.teacher)
        given = Given(
            student=student,
            teacher=teacher,
            train=[example(case) for case in plan.cases.train],
            validation=[example(case) for case in plan.cases.validation],
            proposer=plan.speakers.teacher.copy(temperature=1.0),
            adapter=ProposalAdapter(2 * plan.search.instruction_chars, self.caps),
            search=plan.search,
            threads=plan.threads,
            seed=plan.seed,
        )
        with self.bench.scope():
            try:
                return plan.method.compile(given)
            except Exception as error:
                if (stop := self.caps.stopped) is not None:
                    raise stop from error  # an optimizer's own word on evaluations that were stopped
                raise

    def _tested(self, best: str, baseline: str) -> list[tuple[Evaluation, Evaluation]]:
        """The test cases that both answered, before and after."""
        known = self.bench.evaluations
        pairs = [(known.get((baseline, case.id, "")), known.get((best, case.id, ""))) for case in self.plan.cases.test]
        return [(before, after) for before, after in pairs if before is not None and after is not None]

    def _ask(self, pairs: Sequence[tuple[Trial, Case]]) -> None:
        """Asks candidates the cases that they were not asked yet, in order."""
        known = self.bench.evaluations
        names = {id(trial): self.bench.name(trial) for trial, _ in pairs}
        asked = [(trial, example(case)) for trial, case in pairs if (names[id(trial)], case.id, "") not in known]
        pool = ThreadPoolExecutor(max_workers=self.plan.threads, thread_name_prefix="synthtools-case")
        try:
            futures = [pool.submit(copy_context().run, trial, **dict(given.inputs())) for trial, given in asked]
            for future in futures:
                future.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _front(self) -> list[Point]:
        validated = [one for one in self.bench.evaluations.values() if one.part == "validation" and not one.variation]
        return points(validated, len(self.plan.cases.validation), self.rows.seconds())

    def _choice(self, front: Sequence[Point], baseline: str) -> str:
        """The best candidate; the program as it is, unless another one is better."""
        best, own = front[0], next(point for point in front if point.candidate == baseline)
        return best.candidate if best.quality > own.quality else baseline

    def _trial(self, candidate: str) -> Trial:
        made = self.plan.module.deepcopy()
        states = self.bench.candidates[candidate]
        for path, predictor, _ in predictors_of(made):
            states[path].give_to(predictor)
        return Trial(made, self.bench, Door())

    def _evaluated(self, evaluation: Evaluation) -> None:
        self.progress.evaluated(evaluation, len(self.bench.candidates), self.caps.usage)
        if evaluation.variation:
            return
        tally = self._tallies.setdefault(evaluation.candidate, Tally())
        tally.add(evaluation)
        if self._tallies[self._baseline].cases:
            dearest = max(self._tallies.values(), key=lambda one: one.tokens)
            self._put_aside(self._tallies[self._baseline].a_case, dearest.a_case)
        if tally.validated == len(self.plan.cases.validation) and tally.quality > self._best:
            self._best = tally.quality
            self.progress.best(self._best)
