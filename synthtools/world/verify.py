"""Verification of rollouts: their calls are made again in a fresh world, and the end is compared with the gold end."""

from collections.abc import Sequence

from synthtools.errors import FailureCause, ReplayError
from synthtools.types import Response, State, Task, ToolCall, Trajectory, Verdict
from synthtools.world.explanation import explain
from synthtools.world.gate import Gate
from synthtools.world.gold_run import GoldRun
from synthtools.world.policy import check_policy
from synthtools.world.replay import open_world, run_gold
from synthtools.world.scoring import Executed, Judgements, score
from synthtools.world.transitions import Transitions
from synthtools.world.world import World

_INFRASTRUCTURE: dict[str, FailureCause] = {
    "provider": "provider",
    "parse": "parse",
    "simulator": "simulator",
    "budget": "budget",
}
_STOPPED = {
    "turn_limit": "stopped at the turn limit, without an answer",
    "repeated_calls": "stopped because it repeated itself, without an answer",
    "budget": "stopped because the budget was spent",
    "parse": "stopped because the model's answers were no steps",
}
_MOST_ERROR = 300


def verify(
    task: Task,
    rollout: Trajectory | Sequence[ToolCall | str] | ToolCall | str,
    answer: str | None = None,
    *,
    transitions: Transitions | None = None,
) -> Verdict:
    """The verdict on a rollout, without a model call.

    The calls are made again in a fresh world of the task. Where a tool is answered by a model, its recorded transitions
    answer; where there are none, the rollout's own responses count, the state stays unknown, and the gold calls are
    what is required. What a judge must weigh is taken from the trajectory; where its word is missing, the rollout is
    not scored (cause `judge`).

    Args:
        task: The task; without its world, less can be checked.
        rollout: A trajectory, or calls (or one call) alone: these have no final answer unless one is given.
        answer: The final answer; None: the trajectory's.
        transitions: Recorded calls of LLM-served tools; None: those of the task's gold solution.

    Raises:
        ToolCallSyntaxError: A text among the calls is no tool call.
        DataError: The task's policy names what the task does not have.
    """
    check_policy(task)
    if isinstance(rollout, Trajectory):
        calls: Sequence[ToolCall] = rollout.calls
        responses = [response for step in rollout.steps for response in step.responses]
        answer = rollout.answer if answer is None else answer
        infrastructure, unfinished = _INFRASTRUCTURE.get(rollout.stop_reason), _unfinished(rollout)
        judgements = Judgements(rollout.solution, rollout.judgement, not unfinished and is_read_by_judge(task))
        answer_due = True
    else:
        given = [rollout] if isinstance(rollout, ToolCall | str) else rollout
        calls = [ToolCall.parse(call) if isinstance(call, str) else call for call in given]
        responses, infrastructure, unfinished, answer_due = [], None, "", answer is not None
        judgements = Judgements()
    try:
        executed, final_state = _execute(task, calls, responses, transitions)
        expected = expected_final(task, transitions)
    except ReplayError as error:
        cause: FailureCause = infrastructure or "task"
        return Verdict(reward=None, passed=False, explanation=explain((), False, cause, str(error)), cause=cause)
    return score(
        task,
        Executed(executed, final_state, answer, answer_due, unfinished),
        expected,
        GoldRun.of(task, transitions),
        infrastructure=infrastructure,
        judgements=judgements,
        gold_problem=lambda: gold_problem(task, expected, transitions),
    )


def verify_world(task: Task, world: World, answer: str | None = None) -> Verdict:
    """The verdict on the session that a world has seen, which must have started from the task's initial state.

    Raises:
        ReplayError: The task has no final state and its gold calls cannot be made again.
        DataError: The task's policy names what the task does not have.
    """
    check_policy(task)
    calls = [(exchange.call, exchange.response) for exchange in world.transcript]
    executed = Executed(calls, world.state, answer, answer_due=answer is not None)
    expected = expected_final(task, None)
    gold = GoldRun.of(task)
    return score(task, executed, expected, gold, gold_problem=lambda: gold_problem(task, expected, None))


def is_read_by_judge(task: Task) -> bool:
    """Whether an LLM judge reads whole rollouts of a task: if code cannot know the end state or the policy says so."""
    return task.world is None or task.policy.judged


def gold_problem(task: Task, expected: State | None, transitions: Transitions | None) -> str:
    """Why the gold solution itself cannot be replayed or is not scored as solved; empty where it is.

    A gold call that only a model could answer and that was not recorded is no problem of the task.
    """
    if task.world is None:
        gate = Gate(task.tools)
        refused = next((call for call in task.gt_tool_calls if not gate.check(call).passed), None)
        return f"the gold call {refused} is refused: {gate.check(refused).error_message}" if refused else ""
    try:
        world = open_world(task, transitions=None if task.gold else transitions)
    except ReplayError as error:
        return str(error)
    for call in task.gt_tool_calls:
        response = world.call(call)
        if response.answered_by == "simulator_failure" and not world.answered_by_code(call.name):
            return ""
        if not response.ok:
            return f"the gold call {call} gives {response.status_code} {response.error_message}"
    calls = [(exchange.call, exchange.response) for exchange in world.transcript]
    executed = Executed(calls, world.state, None, answer_due=False)
    verdict = score(task, executed, expected, GoldRun.of(task, transitions))
    return "" if verdict.passed or verdict.cause == "judge" else f"the gold solution itself is {verdict.explanation}"


def _unfinished(rollout: Trajectory) -> str:
    """How a rollout ended, if not by its agent's answer; else empty."""
    if rollout.stop_reason == "answered":
        return ""
    how = _STOPPED.get(rollout.stop_reason, f"stopped by a failure of the {rollout.stop_reason}")
    return f"{how}: {rollout.error[:_MOST_ERROR]}" if rollout.error else how


def expected_final(task: Task, transitions: Transitions | None) -> State | None:
    """The state after the gold solution; None where neither the task nor a replay has it.

    Raises:
        ReplayError: The task has a world and no final state, and a gold call does not succeed.
    """
    if task.final_state is not None or task.world is None:
        return task.final_state
    return run_gold(task, transitions=transitions).state


def _execute(
    task: Task, calls: Sequence[ToolCall], responses: Sequence[Response], transitions: Transitions | None
) -> tuple[list[tuple[ToolCall, Response]], State | None]:
    """The calls with their responses and the state they lead to, if a fresh world can tell."""
    if task.world is not None:
        world = open_world(task, transitions=transitions)
        executed = [(call, world.call(call)) for call in calls]
        replayed = all(
            response.answered_by != "simulator_failure" or world.answered_by_code(call.name)
            for call, response in executed
        )
        if replayed or not responses:
            return executed, world.state
    if responses:
        return list(zip(calls, responses, strict=False)), None
    gate = Gate(task.tools)
    return [(call, _assumed(gate, call)) for call in calls], None


def _assumed(gate: Gate, call: ToolCall) -> Response:
    """Without a world and without responses, a call that passes the gate counts as a success."""
    decision = gate.check(call)
    return Response(status_code=decision.status_code, error_message=decision.error_message, answered_by="gate")
