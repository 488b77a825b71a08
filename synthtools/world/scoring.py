"""The score of a rollout from what was executed: state, calls and answer, each checked by code."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from synthtools.errors import FailureCause
from synthtools.types import (
    AnswerValue,
    Response,
    SolutionVerdict,
    Task,
    ToolCall,
    TrajectoryVerdict,
    Verdict,
    VerdictCheck,
)
from synthtools.types.record import JsonObject, State
from synthtools.world.attribution import OWN, refused_for_good, unanswered
from synthtools.world.comparison import Compared, Comparison
from synthtools.world.equivalent_read import GoldRead
from synthtools.world.explanation import explain, listed, listed_values, records_block
from synthtools.world.gate import tool_gate
from synthtools.world.gold_run import GoldRun
from synthtools.world.pairing import rename_within
from synthtools.world.patch import pointer_steps, same
from synthtools.world.spoken import SpokenText


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
    unfinished: str = ""
    """How it ended, where not by its agent's answer; such a rollout is not solved, whatever it did."""


class Judgements(NamedTuple):
    """What LLM judges said of a rollout before, and what is asked of them."""

    solution: SolutionVerdict | None = None
    """On differences that the policy leaves to a judge."""
    trajectory: TrajectoryVerdict | None = None
    """On the whole rollout."""
    trajectory_due: bool = False
    """Whether a reading of the whole rollout is part of its verdict."""


_NO_JUDGEMENTS = Judgements()


class _Part(NamedTuple):
    check: VerdictCheck
    score: float
    undecided: bool = False
    """Whether it has no score, for want of a judge's word."""


def score(
    task: Task,
    executed: Executed,
    expected_final: State | None,
    gold: GoldRun,
    *,
    infrastructure: FailureCause | None = None,
    judgements: Judgements = _NO_JUDGEMENTS,
    gold_problem: Callable[[], str] = str,
) -> Verdict:
    """The verdict on a rollout: passed when every part passes; the reward is that of its weakest part.

    Args:
        task: The task with its policy and expected answer.
        executed: What the rollout did.
        expected_final: The state after the gold solution; None: not known, the gold calls are required instead.
        gold: What the gold calls do; used only if the rollout does something else.
        infrastructure: What broke, where something other than the agent ended the rollout.
        judgements: What LLM judges said.
        gold_problem: Gives what is wrong with the gold solution itself, empty: nothing; called only if the rollout is
            not solved.
    """
    scorer = _Scorer(task, executed, expected_final, gold, judgements)
    parts = [part for part in scorer.parts() if part is not None]
    checks = tuple(part.check for part in parts)
    if all(check.passed for check in checks):
        return Verdict(reward=1.0, passed=True, explanation=explain(checks, True, None), checks=checks)
    decided = [part for part in parts if not part.undecided]
    cause, remark = infrastructure, ""
    if cause is None and (remark := unanswered(executed.calls)):
        cause = "simulator"
    if cause is None and (remark := gold_problem()):
        cause = "task"
    if cause is None and all(part.check.passed for part in decided):
        cause = "judge"
    if cause is None and (remark := refused_for_good(task, executed.calls)):
        cause = "parameter"
    cause = cause or "agent"
    return Verdict(
        reward=round(min(0.99, *(max(0.0, part.score) for part in decided), 0.99), 4) if cause in OWN else None,
        passed=False,
        explanation=explain(checks, False, cause, remark, [part.check.name for part in parts if part.undecided]),
        checks=checks,
        cause=cause,
        undecided=scorer.undecided if cause == "judge" else (),
    )


class _Scorer:
    def __init__(
        self, task: Task, executed: Executed, expected_final: State | None, gold: GoldRun, judgements: Judgements
    ) -> None:
        self._task = task
        self._executed = executed
        self._expected = expected_final
        self._gold = gold
        self._judgements = judgements
        self._initial: State = task.initial_state or {}
        self._tools = {tool.name: tool for tool in task.known_tools}
        codes = task.world.code.values() if task.world else ()
        clock_fields = [field for code in codes for field in code.clock_fields]
        self._comparison = Comparison(
            task.policy, task.collections, clock_fields=clock_fields, chosen_ids=lambda: gold.chosen_ids
        )
        self._changes = expected_final is not None and bool(
            self._comparison.differences(self._initial, self._initial, expected_final)
        )
        self.undecided: tuple[str, ...] = ()
        """Differences that wait for a judge's word; known once the parts were looked at."""

    def parts(self) -> Iterable[_Part | None]:
        yield self._ended()
        yield self._state()
        yield self._required()
        yield self._forbidden()
        yield self._at_most()
        yield self._before()
        yield self._answer()
        yield self._judge()

    def _ended(self) -> _Part | None:
        how = self._executed.unfinished
        return _Part(VerdictCheck(name="ended", passed=False, detail=how), 0.0) if how else None

    def _state(self) -> _Part | None:
        if self._expected is None or self._executed.final_state is None:
            return None
        found = self._compared.differences
        if not found:
            return _Part(VerdictCheck(name="state", passed=True, detail="as expected"), 1.0)
        if all(difference.judged for difference in found):
            asked = tuple(map(str, found))
            said = self._judgements.solution
            if said is None or said.differences != asked:
                self.undecided = asked
                detail = f"a judge's word is missing: {records_block(found)}"
                return _Part(VerdictCheck(name="state", passed=False, detail=detail), 0.0, undecided=True)
            if said.equivalent:
                return _Part(
                    VerdictCheck(name="state", passed=True, detail=f"as good, says a judge: {said.reason}"), 1.0
                )
            detail = f"not as good, says a judge: {said.reason}\n{records_block(found)}"
        else:
            detail = records_block(found)
        distance = len(self._comparison.differences(self._initial, self._expected, self._initial))
        return _Part(VerdictCheck(name="state", passed=False, detail=detail), 1.0 - len(found) / max(1, distance))

    def _required(self) -> _Part | None:
        required = self._required_calls()
        if not required:
            return None
        done = [
            (call.name, self._arguments(call, self._compared.renaming), response)
            for call, response in self._executed.calls
            if response.ok
        ]
        missing: list[int | ToolCall] = []
        for wanted in required:
            call = self._call(wanted)
            arguments = self._arguments(call, {})
            at = next(
                (i for i, (name, given, _) in enumerate(done) if name == call.name and same(given, arguments)), -1
            )
            if at < 0:
                missing.append(wanted)
            else:
                done.pop(at)
        # What was read in another way counts once the calls that are written like the gold ones are taken.
        left: list[ToolCall] = []
        for wanted in missing:
            at = next((i for i, made in enumerate(done) if self._reads_the_same(wanted, *made)), -1)
            if at < 0:
                left.append(self._call(wanted))
            else:
                done.pop(at)
        detail = f"missing: {listed(left)}" if left else "all made"
        return _Part(
            VerdictCheck(name="required_calls", passed=not left, detail=detail), 1.0 - len(left) / len(required)
        )

    def _required_calls(self) -> Sequence[int | ToolCall]:
        """The calls the policy names; else, if the state decides nothing, the gold calls that read, by their index.

        Of these, those that the expected answer comes from are enough. A gold call that should change the state and
        does not is never required: such a task is passed by doing nothing, and its certificate says so. Where the
        state after the rollout is not known, all gold calls are required.
        """
        if self._task.policy.required_calls:
            return self._task.policy.required_calls
        gold = self._task.gt_tool_calls
        if self._expected is None or self._executed.final_state is None:
            return range(len(gold))
        if self._changes:
            return ()
        sources = {value.call for value in self._expected_answer}
        return [index for index, call in enumerate(gold) if self._reads(call) and (not sources or index in sources)]

    def _call(self, required: int | ToolCall) -> ToolCall:
        return required if isinstance(required, ToolCall) else self._task.gt_tool_calls[required]

    def _reads_the_same(self, required: int | ToolCall, name: str, arguments: JsonObject, response: Response) -> bool:
        """Whether a call found what a gold call that reads finds; what the policy names must be made as it stands."""
        if isinstance(required, ToolCall):
            return False
        call = self._task.gt_tool_calls[required]
        if call.name != name or not self._reads(call):
            return False
        responses = self._gold.responses
        read = GoldRead(
            self._tools[name],
            self._arguments(call, {}),
            responses[required].data if required < len(responses) else None,
            [value for value in self._expected_answer if value.call == required],
            self._initial,
        )
        return read.is_as_good(arguments, response.data)

    def _reads(self, call: ToolCall) -> bool:
        tool = self._tools.get(call.name)
        return tool is not None and not tool.changes_state

    @property
    def _expected_answer(self) -> Sequence[AnswerValue]:
        return self._task.certificate.expected_answer if self._task.certificate else ()

    @cached_property
    def _compared(self) -> Compared:
        """The rollout's state beside the expected one; the same where one of them is not known."""
        if self._expected is None or self._executed.final_state is None:
            return Compared([], {})
        return self._comparison.compare(self._initial, self._expected, self._executed.final_state)

    def _arguments(self, call: ToolCall, renaming: Mapping[str, str]) -> JsonObject:
        tool = self._tools.get(call.name)
        arguments = tool_gate(tool).fill(call.arguments) if tool is not None else call.arguments
        return {name: rename_within(value, renaming) for name, value in arguments.items()}

    def _forbidden(self) -> _Part | None:
        forbidden = self._task.policy.forbidden_tools
        if not forbidden:
            return None
        used = [call for call in self._made() if call.name in forbidden]
        detail = f"must not be made: {listed(used)}" if used else "none used"
        return _Part(VerdictCheck(name="forbidden_tools", passed=not used, detail=detail), float(not used))

    def _at_most(self) -> _Part | None:
        limits = self._task.policy.at_most
        if not limits:
            return None
        made = {name: [call for call in self._made() if call.name == name] for name in limits}
        over = [
            f"{name} {len(calls)} times, at most {limits[name]}: {listed(calls)}"
            for name, calls in made.items()
            if len(calls) > limits[name]
        ]
        return _Part(VerdictCheck(name="at_most", passed=not over, detail="; ".join(over) or "kept"), float(not over))

    def _before(self) -> _Part | None:
        pairs = self._task.policy.before
        if not pairs:
            return None
        early = [f"{call} came before {first} had succeeded" for first, call in map(self._too_early, pairs) if call]
        return _Part(VerdictCheck(name="before", passed=not early, detail="; ".join(early) or "kept"), float(not early))

    def _too_early(self, pair: tuple[str, str]) -> tuple[str, ToolCall | None]:
        """The pair's first tool, and the call of the second that did not wait for it."""
        first, second = pair
        for call, response in self._executed.calls:
            if call.name == second:
                return first, call
            if call.name == first and response.ok:
                break
        return first, None

    def _made(self) -> Sequence[ToolCall]:
        return [call for call, response in self._executed.calls if response.ok]

    def _answer(self) -> _Part | None:
        expected = self._expected_answer
        if not expected:
            return None
        if not self._executed.answer_due and self._executed.answer is None:
            return _Part(VerdictCheck(name="answer", passed=True, detail="not judged: calls alone were given"), 1.0)
        text = SpokenText(self._executed.answer or "", self._task.world.now if self._task.world else None)
        renaming = {wanted: made for made, wanted in self._compared.renaming.items()}
        missing = [
            value.value
            for value in expected
            if not text.says(rename_within(value.value, renaming), value.tolerance, _last_key(value.pointer))
        ]
        detail = f"does not say: {listed_values(missing)}" if missing else "gives all values"
        return _Part(VerdictCheck(name="answer", passed=not missing, detail=detail), 1.0 - len(missing) / len(expected))

    def _judge(self) -> _Part | None:
        if not self._judgements.trajectory_due:
            return None
        reading = self._judgements.trajectory
        if reading is None:
            check = VerdictCheck(name="judge", passed=False, detail="a judge's word is missing")
            return _Part(check, 0.0, undecided=True)
        check = VerdictCheck(name="judge", passed=reading.goal_reached, detail=reading.reason)
        return _Part(check, float(reading.goal_reached))


def _last_key(path: str) -> str:
    """The last key of a JSON pointer, as the name of the value there; empty: it has no name."""
    return next((step for step in reversed(pointer_steps(path)) if not step.isdigit()), "") if path else ""
