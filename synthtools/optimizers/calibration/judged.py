"""The judges that people can calibrate, and the verdicts that they gave in a run."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from synthtools.errors import RunError, UsageError
from synthtools.programs.audit_verdict import verdict_by_code
from synthtools.runs.judges import JUDGES, judged_before
from synthtools.runs.run import Run
from synthtools.types.audit import AuditedCall, AuditedEnv
from synthtools.types.canonical import canonical_bytes
from synthtools.types.record import Json, JsonObject, State
from synthtools.types.task import Task
from synthtools.types.tool import Tool
from synthtools.types.trajectory import Trajectory
from synthtools.world.state import slice_of

_NOT_KEPT = {
    "turn-judge": "of its verdicts a run keeps only those that let a turn pass",
    "disagreement-judge": "a run keeps the behaviours that it chose, not its verdicts",
}
"""Judges whose verdicts are not all in the records, and so cannot be sampled."""

Shown = Mapping[str, Any]
"""What a verdict is about, for people: by title, a text, a list of texts or JSON."""


class Given(NamedTuple):
    """A verdict, as it is counted and sampled."""

    key: str
    """Unique, and the same as long as the record and what was judged are the same: `RECORD/PART:HASH`."""
    record: str
    """Id of the record that it stands in."""
    verdict: str
    field: str
    mode: str
    """What kind of case it is: the mode of a test call, how a rollout ended."""


@dataclass(frozen=True, slots=True)
class JudgedCase:
    """A verdict with what it is about."""

    given: Given
    choices: tuple[str, ...]
    """What the right verdict may be."""
    reason: str
    """The judge's own."""
    show: Callable[[Run], Shown]


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge whose verdicts are kept."""

    name: str
    positive: str
    """The verdict whose rate in the corpus is asked for."""
    asks: str
    """The question that a label answers."""
    cases: Callable[[Any, str, str], Iterator[JudgedCase]]
    """The verdicts in a record, given with its id and field."""

    @property
    def stage(self) -> str:
        """The stage whose records hold its verdicts."""
        return JUDGES[self.name].stage


def find_judge(name: str) -> Judge:
    """A judge by its name. Raises: UsageError listing the judges."""
    if name in KEPT:
        return KEPT[name]
    listed = f"the judges that can be calibrated are {', '.join(KEPT)}"
    if name in _NOT_KEPT:
        raise UsageError(f"{name} cannot be calibrated: {_NOT_KEPT[name]}; {listed}")
    raise UsageError(f"there is no judge {name}; {listed}")


def verdicts_given(run: Run, judge: Judge) -> Iterator[Given]:
    """Every verdict in a run that the judge gave in the version in force."""
    earlier = judged_before(run.store, judge.name)
    for item in run.store.each(judge.stage):
        if item.id not in earlier:
            for case in judge.cases(run.record(judge.stage, item.id), item.id, item.field):
                yield case.given


def case_of(run: Run, judge: Judge, given: Given) -> JudgedCase:
    """What a verdict is about. Raises: RunError where it is not in the run any more."""
    record = run.record(judge.stage, given.record)
    for case in judge.cases(record, given.record, given.field):
        if case.given.key == given.key:
            return case
    raise RunError(f"the run {run.path} has no verdict {given.key} any more: it was made again meanwhile")


def judges_in(stage: str, record: Any) -> list[str]:
    """The judges whose verdicts stand in a record."""
    of_stage = [judge for judge in KEPT.values() if judge.stage == stage]
    return [judge.name for judge in of_stage if next(judge.cases(record, "", ""), None) is not None]


def _audited_calls(record: AuditedEnv, id: str, field: str) -> Iterator[JudgedCase]:
    tools = {tool.name: tool for tool in record.env.tools}
    for audit in record.audits:
        for number, call in enumerate(audit.calls):
            if call.test.mode in ("rule", "happy") and verdict_by_code(record.env, call.test, call.response) is None:
                content: JsonObject = {"test": call.test.to_json(), "response": call.response.to_json()}
                key = _key(id, f"{audit.tool}/{number}", content)
                wrong = "should_error_got_success" if call.response.ok else "should_success_got_error"
                yield JudgedCase(
                    given=Given(key, id, call.verdict.verdict, field, call.test.mode),
                    choices=("correct", wrong, "inappropriate_response"),
                    reason=call.verdict.reason,
                    show=_show_call(record, tools[audit.tool], call),
                )


def _show_call(record: AuditedEnv, tool: Tool, audited: AuditedCall) -> Callable[[Run], Shown]:
    def show(run: Run) -> Shown:
        return {
            "tool": f"{tool.name}: {tool.description}",
            "documented errors": [f"{error.status_code} {error.title}: {error.advice}" for error in tool.errors],
            "usage": tool.usage,
            "records before the call": _named_first(
                slice_of(record.env.initial_state, (*tool.reads, *tool.writes)), str(audited.test.call)
            ),
            "call": str(audited.test.call),
            "its author expects": audited.test.expectation,
            "the tool answered": audited.response.shown(),
        }

    return show


def _named_first(records: State, call: str) -> State:
    """Records with those first whose id the call names."""
    return {
        name: dict(sorted(kept.items(), key=lambda row: repr(row[0]) not in call)) if isinstance(kept, dict) else kept
        for name, kept in records.items()
    }


def _rollouts(record: Trajectory, id: str, field: str) -> Iterator[JudgedCase]:
    if record.judgement is not None:
        yield JudgedCase(
            given=Given(
                _key(id, "rollout", _content(record)),
                id,
                "goal_reached" if record.judgement.goal_reached else "goal_not_reached",
                field,
                record.stop_reason,
            ),
            choices=("goal_reached", "goal_not_reached"),
            reason=record.judgement.reason,
            show=_show_rollout(record, {}),
        )


def _solutions(record: Trajectory, id: str, field: str) -> Iterator[JudgedCase]:
    if record.solution is not None:
        differences: list[Json] = list(record.solution.differences)
        yield JudgedCase(
            given=Given(
                _key(id, "solution", {**_content(record), "differences": differences}),
                id,
                "equivalent" if record.solution.equivalent else "not_equivalent",
                field,
                record.stop_reason,
            ),
            choices=("equivalent", "not_equivalent"),
            reason=record.solution.reason,
            show=_show_rollout(record, {"how the records differ afterwards": differences}),
        )


def _show_rollout(record: Trajectory, more: Shown) -> Callable[[Run], Shown]:
    def show(run: Run) -> Shown:
        task: Task = run.record("task-audit", record.task_id)
        exchanges = [
            f"{call} -> {response.shown()}"
            for step in record.steps
            for call, response in zip(step.calls, step.responses, strict=False)
        ]
        return {
            "request": task.summary,
            "expected calls": [str(call) for call in task.gt_tool_calls],
            "calls, and what the tools answered": exchanges,
            "final answer": record.answer or "(none)",
            **more,
        }

    return show


def _content(rollout: Trajectory) -> JsonObject:
    return {"steps": [step.to_json() for step in rollout.steps], "answer": rollout.answer}


def _key(record: str, part: str, content: JsonObject) -> str:
    return f"{record}/{part}:{sha256(canonical_bytes(content)).hexdigest()[:12]}"


_TABLE = (
    Judge(
        name="response-judge",
        positive="correct",
        asks="Did the tool answer the test call as its description and the records demand?",
        cases=_audited_calls,
    ),
    Judge(
        name="trajectory-judge",
        positive="goal_reached",
        asks="Did the assistant do what the person asked for, and nothing else, and say so truly?",
        cases=_rollouts,
    ),
    Judge(
        name="solution-judge",
        positive="equivalent",
        asks="Is the person served equally well, in spite of the differences?",
        cases=_solutions,
    ),
)

KEPT = {judge.name: judge for judge in _TABLE}
"""The judges whose verdicts a run keeps, by name; `runs.judges` says where they are asked."""
