"""Certificates of tasks: what code proves about a task before anyone is scored on it."""

from collections.abc import Collection, Iterable, Sequence
from typing import Literal, NamedTuple

import orjson

from synthtools.errors import ReplayError
from synthtools.types import AnswerValue, Certificate, CertificateCheck, Response, Task, ToolCall, Verdict
from synthtools.types.record import Json, JsonObject, State
from synthtools.world.gate import Gate
from synthtools.world.grounding import ground, scalars, ungrounded
from synthtools.world.naturalness import problems as naturalness_problems
from synthtools.world.patch import resolve, same
from synthtools.world.replay import fingerprint, fingerprints_elsewhere, open_world
from synthtools.world.scoring import Executed, score
from synthtools.world.spoken import SpokenText
from synthtools.world.transitions import Transitions
from synthtools.world.variants import GoldStep, Variant, altered, dropped, extra_writes, swapped
from synthtools.world.verify import verify
from synthtools.world.world import World

_MOST_DETAIL = 300

Paraphrased = Collection[tuple[int, str]]
"""Arguments, as (index of the gold call, parameter), that a judge found said in other words in the request."""


class _Ran(NamedTuple):
    """A solution that was run in a world of the task."""

    calls: Sequence[tuple[ToolCall, Response]]
    state: State


def certify(
    task: Task,
    *,
    expected_answer: Sequence[AnswerValue] | None = None,
    second_solution: Sequence[ToolCall] | None = None,
    paraphrased: Paraphrased = (),
    transitions: Transitions | None = None,
) -> Certificate:
    """Certifies a task: see `certify_many`, which replays many tasks in one process.

    Args:
        task: The task with its world; without one, only what its gold calls and its request show is checked.
        expected_answer: What a final answer must say; None: that of the task's certificate, if it has one.
        second_solution: Calls of an independent solver, which must pass too.
        paraphrased: Arguments that a judge found in the request in other words.
        transitions: Recorded calls of LLM-served tools; None: those of the task's gold solution.
    """
    found = _Certifier(task, expected_answer, paraphrased, transitions).certify(second_solution)
    return _with_replays([task], [found])[0]


def certify_many(tasks: Iterable[Task]) -> list[Certificate]:
    """The certificates of tasks, in their order; one fresh process replays them all.

    Arguments that a judge found in the request in other words are those that the task's provenance names.
    """
    listed = list(tasks)
    return _with_replays(listed, [_Certifier(task, None, _paraphrased(task), None).certify(None) for task in listed])


def _paraphrased(task: Task) -> Paraphrased:
    found = task.provenance.get("paraphrased")
    rows = found if isinstance(found, list) else []
    return [(int(str(row[0])), str(row[1])) for row in rows if isinstance(row, list) and len(row) == 2]


class _Certifier:
    def __init__(
        self,
        task: Task,
        expected_answer: Sequence[AnswerValue] | None,
        paraphrased: Paraphrased,
        transitions: Transitions | None,
    ) -> None:
        if expected_answer is None:
            expected_answer = task.certificate.expected_answer if task.certificate else ()
        self._expected = tuple(expected_answer)
        # Verification looks at the expected answer in the certificate: the one under construction.
        self._task = task.model_copy(
            update={"certificate": Certificate(grade="recorded", expected_answer=self._expected)}
        )
        self._paraphrased = paraphrased
        self._transitions = transitions
        self._checks: list[CertificateCheck] = []
        self._variants = 0
        self._killed = 0

    def certify(self, second_solution: Sequence[ToolCall] | None) -> Certificate:
        if self._task.world is None:
            return self._certify_without_world()
        try:
            base = open_world(self._task, transitions=self._transitions)
        except ReplayError as error:
            return self._finish("refused", CertificateCheck(name="gold_passes", passed=False, detail=str(error)))
        steps, gold = self._run_gold(base)
        self._check_gold(gold)
        if not all(check.passed for check in self._checks):
            return self._finish("refused")
        coded = all(base.answered_by_code(call.name) for call in self._task.gt_tool_calls)
        self._check_no_op(base)
        self._check_grounded([response for _, response in gold.calls])
        self._check_no_leak(gold)
        self._check_natural()
        if coded:
            self._check_variants(base, steps, gold)
        if second_solution is not None:
            verdict = verify(self._task, second_solution, transitions=self._transitions)
            self._add("second_solution_passes", verdict.passed, "" if verdict.passed else verdict.explanation)
        return self._finish("certified" if coded else "recorded")

    def _certify_without_world(self) -> Certificate:
        gate = Gate(self._task.tools)
        refused = [
            f"{call}: {decision.error_message}"
            for call in self._task.gt_tool_calls
            if not (decision := gate.check(call)).passed
        ]
        self._add("gold_passes", not refused, "; ".join(refused) or "by the gate; the world is not beside the file")
        verdict = verify(self._task, [])
        self._add("no_op_fails", not verdict.passed, "doing nothing passes" if verdict.passed else "")
        return self._finish("recorded")

    def _run_gold(self, base: World) -> tuple[list[GoldStep], _Ran]:
        world = base.fork()
        steps: list[GoldStep] = []
        for call in self._task.gt_tool_calls:
            changes = any(tool.name == call.name and tool.changes_state for tool in world.tools)
            steps.append(GoldStep(call, world.state, changes))
            world.call(call)
        return steps, _Ran([(call, response) for call, response, _ in world.transcript], world.state)

    def _check_gold(self, gold: _Ran) -> None:
        for index, (call, response) in enumerate(gold.calls):
            if not response.ok:
                why = f"call {index}, {call}, gives {response.status_code} {response.error_message}"
                self._add("gold_passes", False, why)
                return
        if not gold.calls:
            self._add("gold_passes", False, "there are no gold calls")
            return
        for value in self._expected:
            if not same(self._value_at(gold.calls, range(len(gold.calls)), value), value.value):
                self._add("gold_passes", False, f"{value.value!r} is not at {value.pointer} of call {value.call}")
                return
        expected = self._task.final_state
        if expected is not None and not same(_plain(expected), _plain(gold.state)):
            self._add("gold_passes", False, "the gold calls do not lead to final_state")
            return
        if expected is None:
            self._task = self._task.model_copy(update={"final_state": gold.state})
        verdict = self._score(gold, range(len(gold.calls)))
        self._add("gold_passes", verdict.passed, "" if verdict.passed else verdict.explanation)

    def _check_no_op(self, base: World) -> None:
        verdict = self._score(_Ran([], base.state), ())
        self._add("no_op_fails", not verdict.passed, "doing nothing passes" if verdict.passed else "")

    def _check_grounded(self, responses: Sequence[Response]) -> None:
        tools = {tool.name: tool for tool in self._task.world.tools} if self._task.world else {}
        now = self._task.world.now if self._task.world else None
        missing: list[str] = []
        for index, call in enumerate(self._task.gt_tool_calls):
            citations = ground(tools[call.name], call, self._task.summary, responses[:index], now)
            missing += [
                f"{call.name}.{name} = {call.arguments[name]!r}"
                for name in ungrounded(citations)
                if (index, name) not in self._paraphrased
            ]
        self._add("grounded", not missing, "found nowhere: " + "; ".join(missing) if missing else "")

    def _check_no_leak(self, gold: _Ran) -> None:
        """The request gives away no id that the solution creates, and no value that the answer must find."""
        now = self._task.world.now if self._task.world else None
        request = SpokenText(self._task.summary, now)
        initial = self._task.initial_state or {}
        created = [
            record_id
            for name, records in gold.state.items()
            if isinstance(records, dict)
            for record_id in records
            if record_id not in _records(initial, name)
        ]
        answers = [scalar for value in self._expected for scalar in scalars(value.value) if _is_telling(scalar)]
        leaked = [value for value in (*created, *answers) if request.mention(value) is not None]
        self._add("no_leak", not leaked, f"the request says {', '.join(map(repr, leaked))}" if leaked else "")

    def _check_natural(self) -> None:
        found = naturalness_problems(self._task.summary, self._task.world.tools if self._task.world else ())
        self._add("natural", not found, "; ".join(found))

    def _check_variants(self, base: World, steps: Sequence[GoldStep], gold: _Ran) -> None:
        collections = self._task.world.collections if self._task.world else ()
        self._check_killed("dropped_calls_fail", base, dropped(steps))
        changed = list(altered(steps, base, collections))
        self._check_killed("altered_calls_fail", base, [v for v in changed if v.kind == "altered"])
        self._check_reads(base, gold, [variant for variant in changed if variant.kind == "altered_read"])
        self._check_swaps(base, gold, swapped(steps))
        after_gold = base.fork()
        for step in steps:
            after_gold.call(step.call)
        self._check_killed("extra_writes_fail", base, extra_writes(steps, after_gold, collections))

    def _check_killed(self, name: str, base: World, variants: Iterable[Variant]) -> None:
        survivors: list[str] = []
        for variant in variants:
            self._variants += 1
            if self._score(self._run(base, variant.calls), variant.gold).passed:
                survivors.append(variant.what)
            else:
                self._killed += 1
        self._add(name, not survivors, "passes: " + "; ".join(survivors) if survivors else "")

    def _check_reads(self, base: World, gold: _Ran, variants: Sequence[Variant]) -> None:
        """Some other value of every argument of a reading call changes what the call answers."""
        changing: dict[tuple[int, str], bool] = {}
        for variant in variants:
            assert variant.call is not None and variant.parameter is not None
            key = (variant.call, variant.parameter)
            if changing.get(key):
                continue
            ran = self._run(base, variant.calls[: variant.call + 1])
            came, expected = ran.calls[-1][1], gold.calls[variant.call][1]
            changing[key] = came.status_code != expected.status_code or not same(came.data, expected.data)
        idle = [
            f"{self._task.gt_tool_calls[index].name}.{name}" for (index, name), any_ in changing.items() if not any_
        ]
        self._add("altered_reads_change", not idle, f"makes no difference: {', '.join(idle)}" if idle else "")

    def _check_swaps(self, base: World, gold: _Ran, variants: Iterable[Variant]) -> None:
        """A solution in another order fails, or ends in the same state with the same answers."""
        different: list[str] = []
        for variant in variants:
            ran = self._run(base, variant.calls)
            if not self._score(ran, variant.gold).passed:
                continue
            for value in self._expected:
                found = self._value_at(ran.calls, variant.gold, value)
                if not same(found, self._value_at(gold.calls, range(len(gold.calls)), value)):
                    different.append(variant.what)
                    break
        self._add("swaps_fail_or_agree", not different, "; ".join(different))

    @staticmethod
    def _run(base: World, calls: Iterable[ToolCall]) -> _Ran:
        world = base.fork()
        return _Ran([(call, world.call(call)) for call in calls], world.state)

    def _score(self, ran: _Ran, gold: Sequence[int | None]) -> Verdict:
        """The verdict on a solution whose answer says what its own calls answered."""
        answer = "; ".join(_said(self._value_at(ran.calls, gold, value)) for value in self._expected)
        return score(self._task, Executed(ran.calls, ran.state, answer, answer_due=True), self._task.final_state)

    @staticmethod
    def _value_at(calls: Sequence[tuple[ToolCall, Response]], gold: Sequence[int | None], value: AnswerValue) -> Json:
        """What a solution's own responses have where the gold ones have an expected value; None: nothing."""
        if value.call not in gold:
            return None
        try:
            return resolve(calls[gold.index(value.call)][1].data, value.pointer)
        except KeyError:
            return None

    def _add(self, name: str, passed: bool, detail: str) -> None:
        self._checks.append(CertificateCheck(name=name, passed=passed, detail=detail[:_MOST_DETAIL]))

    def _finish(self, grade: Literal["certified", "recorded", "refused"], *checks: CertificateCheck) -> Certificate:
        all_checks = (*self._checks, *checks)
        return Certificate(
            grade=grade if all(check.passed for check in all_checks) else "refused",
            checks=all_checks,
            expected_answer=self._expected,
            variants=self._variants,
            killed=self._killed,
        )


def _with_replays(tasks: Sequence[Task], certificates: Sequence[Certificate]) -> list[Certificate]:
    """The certificates with the check `replays`: a fresh process with another hash seed gets the same, bit by bit."""
    passed = [task for task, found in zip(tasks, certificates, strict=True) if found.grade != "refused" and task.world]
    elsewhere = fingerprints_elsewhere(passed)
    return [
        _with_replay(found, fingerprint(task), elsewhere[task.id]) if found.grade != "refused" and task.world else found
        for task, found in zip(tasks, certificates, strict=True)
    ]


def _with_replay(certificate: Certificate, here: str, elsewhere: str) -> Certificate:
    same_there = here == elsewhere
    check = CertificateCheck(
        name="replays", passed=same_there, detail="" if same_there else f"a fresh process got {elsewhere[:200]}"
    )
    grade = certificate.grade if same_there else "refused"
    return certificate.model_copy(update={"grade": grade, "checks": (*certificate.checks, check)})


def _is_telling(value: Json) -> bool:
    """Whether a value stands in a text only on purpose: no boolean, no small number."""
    if value is None or isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return abs(value) >= 10
    if isinstance(value, list):
        return bool(value) and all(map(_is_telling, value))
    return isinstance(value, str) and len(value) >= 3


def _records(state: State, name: str) -> JsonObject:
    records = state.get(name)
    return records if isinstance(records, dict) else {}


def _said(value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _plain(state: State) -> State:
    """Without empty collections: one that is absent is empty."""
    return {name: records for name, records in state.items() if records != {}}
