"""Certificates of tasks: what code proves about a task before anyone is scored on it."""

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

import pydantic_monty

from synthtools.errors import DataError, ReplayError
from synthtools.types import AnswerValue, Certificate, CertificateCheck, KillCount, Task, ToolCall, Verdict
from synthtools.types.canonical import CANONICAL_VERSION, content_hash
from synthtools.types.record import Json
from synthtools.world import sandbox
from synthtools.world.gate import Gate
from synthtools.world.grounding import ground, scalars, ungrounded
from synthtools.world.kills import BrokenSolutions
from synthtools.world.naturalness import problems as naturalness_problems
from synthtools.world.patch import same
from synthtools.world.policy import check_policy
from synthtools.world.replay import fingerprint, fingerprints_elsewhere, is_coded, open_world
from synthtools.world.replayer import REPLAYER
from synthtools.world.spoken import SpokenText
from synthtools.world.targets import ambiguous_targets
from synthtools.world.transitions import Transitions
from synthtools.world.trials import Solution, Trials, plain
from synthtools.world.verify import verify

CERTIFIER_VERSION = "3"
"""Raised whenever a check of a certificate is added or changed: certificates made before then are stale."""

_MOST_DETAIL = 300

Paraphrased = Collection[tuple[int, str]]
"""Arguments, as (index of the gold call, parameter), that a judge found said in other words in the request."""


def certify(
    task: Task,
    *,
    expected_answer: Sequence[AnswerValue] | None = None,
    second_solution: Sequence[ToolCall] | None = None,
    paraphrased: Paraphrased = (),
    transitions: Transitions | None = None,
) -> Certificate:
    """Certifies a task; the process that replays it serves the later ones too.

    Args:
        task: The task with its world; without one, only what its gold calls and its request show is checked.
        expected_answer: What a final answer must say; None: that of the task's certificate, if it has one.
        second_solution: Calls of an independent solver, which must pass too.
        paraphrased: Arguments that a judge found in the request in other words.
        transitions: Recorded calls of LLM-served tools; None: those of the task's gold solution.
    """
    found = _Certifier(task, expected_answer, paraphrased, transitions).certify(second_solution)
    if found.grade == "refused" or task.world is None:
        return found
    return _with_replay(found, fingerprint(task), REPLAYER.fingerprint(task))


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
        self._task = task
        self._request = SpokenText(task.summary, task.world.now if task.world else None)
        self._paraphrased = paraphrased
        self._transitions = transitions
        self._checks: list[CertificateCheck] = []
        self._kills: dict[str, KillCount] = {}

    @sandbox.remembering()  # broken solutions have most of their calls in common
    def certify(self, second_solution: Sequence[ToolCall] | None) -> Certificate:
        coded = is_coded(self._task)
        try:
            check_policy(self._task)
            if self._task.world is None:
                return self._certify_without_world()
            # Where code answers, nothing that was recorded may.
            recorded = None if coded else self._transitions
            base = open_world(self._task, transitions=recorded, engine="code" if coded else "auto")
        except (DataError, ReplayError) as error:
            self._add("gold_passes", str(error))
            return self._finish("refused")
        trials = Trials(self._task, self._expected, base)
        self._add("gold_passes", self._gold_problem(trials))
        if not self._checks[0].passed:
            return self._finish("refused")
        doing_nothing = trials.score(Solution([], base.state), ())
        self._add("no_op_fails", _pass_of(doing_nothing))
        self._check_arguments(trials)
        self._add("no_leak", self._leak(trials))
        unnatural = naturalness_problems(self._task.summary, base.tools, self._task.gt_tool_calls)
        self._add("natural", "; ".join(unnatural))
        if coded:
            broken = BrokenSolutions(trials)
            for name, problem in broken.checks():
                self._add(name, problem)
            self._kills = broken.kills
        if second_solution is not None:
            self._add("second_solution_passes", self._second_problem(trials, second_solution))
        return self._finish("certified" if coded else "recorded")

    def _certify_without_world(self) -> Certificate:
        gate = Gate(self._task.tools)
        refused = [
            f"{call}: {decision.error_message}"
            for call in self._task.gt_tool_calls
            if not (decision := gate.check(call)).passed
        ]
        self._add("gold_passes", "; ".join(refused), "by the gate; the world is not beside the file")
        self._add("no_op_fails", _pass_of(verify(self._task, [])))
        return self._finish("recorded")

    def _gold_problem(self, trials: Trials) -> str:
        gold = trials.gold
        for index, (call, response) in enumerate(gold.calls):
            if not response.ok:
                return f"call {index}, {call}, gives {response.status_code} {response.error_message}"
        if not gold.calls:
            return "there are no gold calls"
        everything = range(len(gold.calls))
        for value in self._expected:
            if not same(trials.value_at(gold.calls, everything, value), value.value):
                return f"{value.value!r} is not at {value.pointer} of call {value.call}"
        expected = self._task.final_state
        if expected is not None and not same(plain(expected), plain(gold.state)):
            return "the gold calls do not lead to final_state"
        verdict = trials.score(gold, everything)
        return "" if verdict.passed else verdict.explanation

    def _check_arguments(self, trials: Trials) -> None:
        """Every value comes from somewhere, and every record that is described is the only one that fits."""
        responses = [response for _, response in trials.gold.calls]
        tools = {tool.name: tool for tool in trials.base.tools}
        missing: list[str] = []
        for index, call in enumerate(self._task.gt_tool_calls):
            earlier = responses[:index]
            citations = ground(tools[call.name], call, self._task.summary, earlier, trials.base.now)
            missing += [
                f"{call.name}.{name} = {call.arguments[name]!r}"
                for name in ungrounded(citations)
                if (index, name) not in self._paraphrased
            ]
        self._add("grounded", "found nowhere: " + "; ".join(missing) if missing else "")
        self._add("unambiguous", "; ".join(ambiguous_targets(self._task, self._request, responses, self._paraphrased)))

    def _leak(self, trials: Trials) -> str:
        """The ids that the solution creates and the values that the answer must find, if the request gives them away.

        Ids that the caller chooses are said on purpose, and a bare number is no id where it was said as something else.
        """
        chosen = trials.gold_run.chosen_ids
        created = [
            record_id
            for name, record_id, arguments in trials.gold_run.created_by()
            if record_id not in chosen.get(name, ())
            and (any(map(str.isalpha, record_id)) or record_id not in arguments)
        ]
        answers = [scalar for value in self._expected for scalar in scalars(value.value) if _is_telling(scalar)]
        leaked = [value for value in (*created, *answers) if self._request.mention(value) is not None]
        return f"the request says {', '.join(map(repr, leaked))}" if leaked else ""

    def _second_problem(self, trials: Trials, calls: Sequence[ToolCall]) -> str:
        """Why an independent solution does not pass; where it does something else, the request is at fault."""
        verdict = verify(trials.task, calls, transitions=self._transitions)
        if verdict.passed:
            return ""
        ran = trials.run(calls)
        initial = self._task.initial_state or {}
        differences = trials.comparison.differences(initial, trials.gold.state, ran.state)
        done = [f"{found.path}/" for found in trials.comparison.differences(initial, initial, ran.state)]
        # What it left as it was is merely missing, whatever the request says.
        elsewhere = [str(found) for found in differences if f"{found.path}/".startswith(tuple(done))]
        if elsewhere and all(response.ok for _, response in ran.calls):
            return f"ambiguous: another reading of the request leads elsewhere: {'; '.join(elsewhere)}"
        return verdict.explanation

    def _add(self, name: str, problem: str, remark: str = "") -> None:
        """Adds a check, which is passed if `problem` is empty."""
        detail = (problem or remark)[:_MOST_DETAIL]
        self._checks.append(CertificateCheck(name=name, passed=not problem, detail=detail))

    def _finish(self, grade: Literal["certified", "recorded", "refused"]) -> Certificate:
        return Certificate(
            grade=grade if all(check.passed for check in self._checks) else "refused",
            checks=tuple(self._checks),
            expected_answer=self._expected,
            variants=sum(count.tried for count in self._kills.values()),
            killed=sum(count.killed for count in self._kills.values()),
            equivalent=sum(count.equivalent for count in self._kills.values()),
            kills=self._kills,
            made_with=_made_with(self._task),
        )


def staleness(task: Task) -> list[str]:
    """What has changed since a task's certificate was made, one line each; empty: it is fresh.

    A fresh certificate proves what it says; a stale one should be made again (`certify`).
    """
    if task.certificate is None:
        return ["there is no certificate"]
    made = task.certificate.made_with
    if not made:
        return ["made before versions were recorded"]
    now = _made_with(task)
    return [
        f"{_PARTS.get(part, part)}: made with {_brief(made.get(part))}, now {_brief(now.get(part))}"
        for part in dict.fromkeys((*now, *made))
        if made.get(part) != now.get(part)
    ]


_PARTS = {
    "certifier": "the checks",
    "canonical": "the canonical form of JSON",
    "sandbox": "the sandbox (pydantic-monty)",
    "task": "the task",
    "world": "the world (tools, code, schemas, clock)",
}


def _made_with(task: Task) -> dict[str, str]:
    """Versions and hashes of what a certificate of a task rests on."""
    states = [task.initial_state, task.final_state]
    calls = [str(call) for call in task.gt_tool_calls]
    made = {
        "certifier": CERTIFIER_VERSION,
        "canonical": CANONICAL_VERSION,
        "sandbox": pydantic_monty.__version__,
        "task": content_hash([task.summary, calls, states, task.policy.to_json()]),
    }
    return made if task.world is None else {**made, "world": task.world.hash}


def _brief(version: str | None) -> str:
    return "none" if version is None else version[:12]


def _with_replays(tasks: Sequence[Task], certificates: Sequence[Certificate]) -> list[Certificate]:
    """The certificates with the check `replays`, where one process replays all tasks."""
    passed = [
        index
        for index, (task, found) in enumerate(zip(tasks, certificates, strict=True))
        if found.grade != "refused" and task.world
    ]
    elsewhere = fingerprints_elsewhere([tasks[index] for index in passed])
    done = list(certificates)
    for index, there in zip(passed, elsewhere, strict=True):
        done[index] = _with_replay(done[index], fingerprint(tasks[index]), there)
    return done


def _with_replay(certificate: Certificate, here: str, elsewhere: str) -> Certificate:
    """The certificate with the check `replays`: a process with another hash seed gets the same, bit by bit."""
    same_there = here == elsewhere
    check = CertificateCheck(
        name="replays", passed=same_there, detail="" if same_there else f"another process got {elsewhere[:200]}"
    )
    grade = certificate.grade if same_there else "refused"
    return certificate.model_copy(update={"grade": grade, "checks": (*certificate.checks, check)})


def _is_telling(value: Json) -> bool:
    """Whether a value hardly stands in a text by chance: no boolean, no small number, no very short text."""
    if value is None or isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        return abs(value) >= 10
    if isinstance(value, list):
        return bool(value) and all(map(_is_telling, value))
    return isinstance(value, str) and len(value) >= 3


def _pass_of(verdict: Verdict) -> str:
    """The problem if an empty rollout is not clearly unsolved; else empty."""
    if verdict.passed:
        return "doing nothing passes"
    return "only a judge could tell that doing nothing fails" if verdict.cause == "judge" else ""
