"""Verification of rollouts: their calls are made again in a fresh world, and the end is compared with the gold end."""

from collections.abc import Sequence

from synthtools.errors import FailureCause, ReplayError
from synthtools.types import Response, State, Task, ToolCall, Trajectory, Verdict
from synthtools.world.gate import Gate
from synthtools.world.replay import open_world, run_gold
from synthtools.world.scoring import Executed, score
from synthtools.world.transitions import Transitions
from synthtools.world.world import World

_INFRASTRUCTURE: dict[str, FailureCause] = {
    "provider": "provider",
    "parse": "parse",
    "simulator": "simulator",
    "budget": "budget",
}


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
    what is required.

    Args:
        task: The task, with its world where there is one.
        rollout: A trajectory, or calls (or one call) alone: these have no final answer unless one is given.
        answer: The final answer; None: the trajectory's.
        transitions: Recorded calls of LLM-served tools; None: those of the task's gold solution.

    Raises:
        ToolCallSyntaxError: A text among the calls is no tool call.
    """
    if isinstance(rollout, Trajectory):
        calls: Sequence[ToolCall] = rollout.calls
        responses = [response for step in rollout.steps for response in step.responses]
        answer = rollout.answer if answer is None else answer
        infrastructure = _INFRASTRUCTURE.get(rollout.stop_reason)
        answer_due = True
    else:
        given = [rollout] if isinstance(rollout, ToolCall | str) else rollout
        calls = [ToolCall.parse(call) if isinstance(call, str) else call for call in given]
        responses, infrastructure, answer_due = [], None, answer is not None
    try:
        executed, final_state = _execute(task, calls, responses, transitions)
        expected = expected_final(task, transitions)
    except ReplayError as error:
        return Verdict(reward=0.0, passed=False, explanation=f"not solved (task)\n{error}", cause="task")
    return score(task, Executed(executed, final_state, answer, answer_due), expected, infrastructure=infrastructure)


def verify_world(task: Task, world: World, answer: str | None = None) -> Verdict:
    """The verdict on the session that a world has seen, which must have started from the task's initial state.

    Raises:
        ReplayError: The task has no final state and its gold calls cannot be made again.
    """
    calls = [(exchange.call, exchange.response) for exchange in world.transcript]
    executed = Executed(calls, world.state, answer, answer_due=answer is not None)
    return score(task, executed, expected_final(task, None))


def expected_final(task: Task, transitions: Transitions | None = None) -> State | None:
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
