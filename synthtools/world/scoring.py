"""The score of a rollout from what was executed: state, calls and answer, each checked by code."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from synthtools.errors import FailureCause
from synthtools.types import AnswerValue, Response, Task, ToolCall, Verdict, VerdictCheck
from synthtools.types.record import JsonObject, State
from synthtools.world.comparison import Comparison
from synthtools.world.gate import tool_gate
from synthtools.world.patch import same
from synthtools.world.spoken import SpokenText

_MOST_LINES = 8


class Executed(NamedTuple):
    """What a rollout did."""

    calls: Sequence[tuple[ToolCall, Response]]
    """Every call with its answer, in order."""
    final_state: State | None
    """The state afterwards; None: not known, because the rollout's changes are not recorded."""
    answer: str | None
    """The final answer; None: none was given."""
    answer_due: bool
    """Whether an answer belongs to the rollout: bare calls have none."""


class _Part(NamedTuple):
    check: VerdictCheck
    score: float


def score(
    task: Task, executed: Executed, expected_final: State | None, *, infrastructure: FailureCause | None = None
) -> Verdict:
    """The verdict on a rollout: passed when every part passes; the reward is that of its weakest part.

    Args:
        task: The task with its policy and expected answer.
        executed: What the rollout did.
        expected_final: The state after the gold solution; None: not known, the gold calls are required instead.
        infrastructure: What broke, where something other than the agent ended the rollout.
    """
    scorer = _Scorer(task, executed, expected_final)
    parts = [part for part in scorer.parts() if part is not None]
    passed = all(part.check.passed for part in parts)
    reward = 1.0 if passed else min(0.99, *(max(0.0, part.score) for part in parts), 0.99)
    cause: FailureCause | None = None
    if not passed:
        failed_world = any(response.answered_by == "simulator_failure" for _, response in executed.calls)
        cause = infrastructure or ("simulator" if failed_world else "agent")
    checks = tuple(part.check for part in parts)
    return Verdict(
        reward=round(reward, 4), passed=passed, explanation=_explain(checks, passed, cause), checks=checks, cause=cause
    )


class _Scorer:
    def __init__(self, task: Task, executed: Executed, expected_final: State | None) -> None:
        self._task = task
        self._executed = executed
        self._expected = expected_final
        self._initial: State = task.initial_state or {}
        self._tools = {tool.name: tool for tool in (task.world.tools if task.world else task.tools)}
        collections = task.world.collections if task.world else ()
        self._comparison = Comparison(task.policy, collections)
        self._changes = expected_final is not None and bool(
            self._comparison.differences(self._initial, self._initial, expected_final)
        )

    def parts(self) -> Iterable[_Part | None]:
        yield self._state()
        yield self._required()
        yield self._forbidden()
        yield self._at_most()
        yield self._answer()

    def _state(self) -> _Part | None:
        actual = self._executed.final_state
        if self._expected is None or actual is None:
            return None
        found = self._comparison.differences(self._initial, self._expected, actual)
        if not found:
            return _Part(VerdictCheck(name="state", passed=True, detail="as expected"), 1.0)
        detail = "; ".join(map(str, found[:_MOST_LINES]))
        if len(found) > _MOST_LINES:
            detail += f"; and {len(found) - _MOST_LINES} more"
        distance = len(self._comparison.differences(self._initial, self._expected, self._initial))
        return _Part(VerdictCheck(name="state", passed=False, detail=detail), 1.0 - len(found) / max(1, distance))

    def _required(self) -> _Part | None:
        required = self._required_calls()
        if not required:
            return None
        done = [
            (call.name, self._arguments(call, self._renaming()))
            for call, response in self._executed.calls
            if response.ok
        ]
        missing: list[ToolCall] = []
        for call in required:
            wanted = self._arguments(call, {})
            at = next(
                (i for i, (name, arguments) in enumerate(done) if name == call.name and same(arguments, wanted)), None
            )
            if at is None:
                missing.append(call)
            else:
                done.pop(at)
        detail = "all made" if not missing else "missing: " + ", ".join(map(str, missing[:_MOST_LINES]))
        return _Part(
            VerdictCheck(name="required_calls", passed=not missing, detail=detail), 1.0 - len(missing) / len(required)
        )

    def _required_calls(self) -> Sequence[ToolCall]:
        """The policy's; else, where the state decides nothing, the gold calls that read.

        Of these, those that the expected answer comes from are enough. A gold call that should change the state and
        does not is never required: such a task is passed by doing nothing, and its certificate says so. Where the
        state after the rollout is not known, all gold calls are required.
        """
        if self._task.policy.required_calls:
            return self._task.policy.required_calls
        gold = self._task.gt_tool_calls
        if self._expected is None or self._executed.final_state is None:
            return gold
        if self._changes:
            return ()
        sources = {value.call for value in self._expected_answer}
        return [call for index, call in enumerate(gold) if self._reads(call) and (not sources or index in sources)]

    def _reads(self, call: ToolCall) -> bool:
        tool = self._tools.get(call.name)
        return tool is not None and not tool.changes_state

    @property
    def _expected_answer(self) -> Sequence[AnswerValue]:
        return self._task.certificate.expected_answer if self._task.certificate else ()

    def _renaming(self) -> Mapping[str, str]:
        if self._expected is None or self._executed.final_state is None:
            return {}
        return self._comparison.renaming(self._initial, self._expected, self._executed.final_state)

    def _arguments(self, call: ToolCall, renaming: Mapping[str, str]) -> JsonObject:
        tool = self._tools.get(call.name)
        arguments = tool_gate(tool).fill(call.arguments) if tool is not None else call.arguments
        return {
            name: renaming.get(value, value) if isinstance(value, str) else value for name, value in arguments.items()
        }

    def _forbidden(self) -> _Part | None:
        forbidden = set(self._task.policy.forbidden_tools)
        if not forbidden:
            return None
        used = sorted({call.name for call, response in self._executed.calls if response.ok} & forbidden)
        detail = f"used: {', '.join(used)}" if used else "none used"
        return _Part(VerdictCheck(name="forbidden_tools", passed=not used, detail=detail), float(not used))

    def _at_most(self) -> _Part | None:
        limits = self._task.policy.at_most
        if not limits:
            return None
        names = [call.name for call, response in self._executed.calls if response.ok]
        over = {name: names.count(name) for name, most in limits.items() if names.count(name) > most}
        detail = ", ".join(f"{name} {count} times" for name, count in over.items()) or "kept"
        return _Part(VerdictCheck(name="at_most", passed=not over, detail=detail), float(not over))

    def _answer(self) -> _Part | None:
        expected = self._expected_answer
        if not expected:
            return None
        if not self._executed.answer_due and self._executed.answer is None:
            return _Part(VerdictCheck(name="answer", passed=True, detail="not judged: calls alone were given"), 1.0)
        text = SpokenText(self._executed.answer or "", self._task.world.now if self._task.world else None)
        renaming = {wanted: made for made, wanted in self._renaming().items()}
        missing = [
            value.value
            for value in expected
            if not text.says(
                renaming.get(value.value, value.value) if isinstance(value.value, str) else value.value,
                value.tolerance,
            )
        ]
        detail = "gives all values" if not missing else "does not say: " + ", ".join(map(repr, missing))
        return _Part(VerdictCheck(name="answer", passed=not missing, detail=detail), 1.0 - len(missing) / len(expected))


def _explain(checks: Sequence[VerdictCheck], passed: bool, cause: FailureCause | None) -> str:
    head = "solved" if passed else f"not solved ({cause})"
    return "\n".join(
        [head, *(f"{'ok' if check.passed else 'FAILED'} {check.name}: {check.detail}" for check in checks)]
    )
