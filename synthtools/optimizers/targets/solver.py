"""Targets of the solver: what counts is what its calls do, not how they are written."""

from synthtools.modules.solver import AgentSolver, AgentStep, OneShotSolver, TurnSolver
from synthtools.optimizers.draws.tasks import plans, steps
from synthtools.optimizers.draws.turns import turns_to_solve
from synthtools.optimizers.inputs import AgentInputs, OneShotInputs, RightCall, TurnSolverInputs
from synthtools.optimizers.metrics import Found, Part, composite, share, told
from synthtools.optimizers.target import Target
from synthtools.types.call import Response, ToolCall
from synthtools.types.canonical import same_json
from synthtools.types.record import JsonObject
from synthtools.types.task import Task
from synthtools.types.tool import Tool
from synthtools.types.verdict import Verdict
from synthtools.world.gate import check, fill
from synthtools.world.grounding import scalars
from synthtools.world.patch import Patch
from synthtools.world.replay import open_world
from synthtools.world.verify import verify
from synthtools.world.world import World


def _effect(asked: TurnSolverInputs, expected: JsonObject, answer: ToolCall) -> Found:
    """Whether the call does what the right one does, in a fork of the world."""
    right = RightCall.from_json(expected)
    world = World(right.world, right.before)
    wanted, came = _made(world, right.call), _made(world, answer)
    if not came[0].ok:
        return Found(0.0, f"{answer} gives {came[0].status_code} {came[0].error_message}.")
    same_answer = wanted[1] or same_json(wanted[0].data, came[0].data)
    if same_answer and wanted[1] == came[1]:
        return Found(1.0)
    return Found(0.0, f"{answer} does not do what was asked for, {right.call} does.")


def _made(world: World, call: ToolCall) -> tuple[Response, Patch]:
    fork = world.fork()
    return fork.call(call), fork.transcript[-1].patch


def _tool(asked: TurnSolverInputs, expected: JsonObject, answer: ToolCall) -> Found:
    right = RightCall.from_json(expected).call
    if right.name == answer.name or _effect(asked, expected, answer).value == 1:
        return Found(1.0)
    return Found(0.0, f"The tool for this is {right.name}, not {answer.name}.")


def _arguments(asked: TurnSolverInputs, expected: JsonObject, answer: ToolCall) -> Found | None:
    right = RightCall.from_json(expected).call
    if right.name != answer.name or not right.arguments:
        return None
    if _effect(asked, expected, answer).value == 1:
        return Found(1.0)
    wrong = [
        f"{name} should be {right.arguments.get(name)!r}, not {answer.arguments.get(name)!r}"
        for name in dict.fromkeys((*right.arguments, *answer.arguments))
        if not same_json(right.arguments.get(name), answer.arguments.get(name))
    ]
    return told(wrong, len({*right.arguments, *answer.arguments}))


TURN_SOLVER = Target(
    name="turn-solver",
    build=lambda profile: TurnSolver(),
    inputs=TurnSolverInputs,
    metric=composite([Part("tool", 0.2, _tool), Part("arguments", 0.2, _arguments), Part("effect", 0.6, _effect)]),
    cases=turns_to_solve,
    expects=RightCall,
)


def _solved(asked: OneShotInputs, expected: JsonObject, answer: tuple[ToolCall, ...]) -> Found:
    """Whether the plan, carried out, comes to the gold end; its answer is whatever its own calls find."""
    task = Task.from_json(expected)
    world = open_world(task)
    found = [str(value) for call in answer for value in scalars(world.call(call).data)]
    return _of_verdict(verify(task, answer, "; ".join(found)))


def _clean(asked: OneShotInputs, expected: JsonObject, answer: tuple[ToolCall, ...]) -> Found:
    """Whether each call works when the plan is carried out."""
    world = open_world(Task.from_json(expected))
    made = [(call, world.call(call)) for call in answer]
    failed = [
        f"{call} gives {response.status_code} {response.error_message}" for call, response in made if not response.ok
    ]
    return told(failed, len(made))


def _of_verdict(verdict: Verdict) -> Found:
    """A reward as it is; a rollout that is not scored is worth nothing to who learns from it."""
    return Found(verdict.reward or 0.0, "" if verdict.passed else " ".join(verdict.explanation.split()) + ".")


ONE_SHOT_SOLVER = Target(
    name="one-shot-solver",
    build=lambda profile: OneShotSolver(),
    inputs=OneShotInputs,
    metric=composite([Part("solved", 0.8, _solved), Part("every call works", 0.2, _clean)]),
    cases=plans,
    expects=Task,
)


def _step(asked: AgentInputs, expected: JsonObject, answer: AgentStep) -> Found:
    """Whether the step brings the task on: a call that is still to be made, or the answer once all are."""
    task = Task.from_json(expected)
    named = {tool.name: tool for tool in asked.tools}
    done = [call for step in asked.steps for call in step.calls]
    left = _left(task, done, named)
    if answer.answer is not None:
        if left:
            return Found(0.0, f"It answers while this is still to be done: {', '.join(map(str, left))}.")
        return _of_verdict(verify(task, done, answer.answer))
    if not left:
        return Found(0.0, f"Everything is done: it should answer, and calls {', '.join(map(str, answer.calls))}.")
    world = open_world(task)
    for call in done:
        world.call(call)
    found = [_call(world, call, left, named) for call in answer.calls]
    worth = sum(one.value for one in found) / len(found) if found else 0.0
    return Found(worth, " ".join(one.reason for one in found if one.reason) or ("" if found else "It does nothing."))


def _call(world: World, call: ToolCall, left: list[ToolCall], named: dict[str, Tool]) -> Found:
    response, patch = _made(world, call)
    if not response.ok:
        return Found(0.0, f"{call} gives {response.status_code} {response.error_message}.")
    if any(_same_call(call, other, named) for other in left):
        return Found(1.0)
    if patch:
        return Found(
            0.0, f"{call} changes what nobody asked for; this is still to be done: {', '.join(map(str, left))}."
        )
    return Found(0.5, f"{call} looks up what is not needed; this is still to be done: {', '.join(map(str, left))}.")


def _left(task: Task, done: list[ToolCall], named: dict[str, Tool]) -> list[ToolCall]:
    """The gold calls that were not made yet."""
    made = list(done)
    left: list[ToolCall] = []
    for call in task.gt_tool_calls:
        same = next((other for other in made if _same_call(call, other, named)), None)
        if same is None:
            left.append(call)
        else:
            made.remove(same)
    return left


def _same_call(one: ToolCall, other: ToolCall, named: dict[str, Tool]) -> bool:
    """Whether two calls are one, defaults filled."""
    tool = named.get(one.name)
    if tool is None or one.name != other.name or not (check(tool, one).passed and check(tool, other).passed):
        return False
    return same_json(fill(tool, one), fill(tool, other))


def _is_stepwise(asked: AgentInputs, expected: JsonObject, answer: AgentStep) -> Found:
    """Whether there are no more calls in the step than it may have."""
    if len(answer.calls) <= asked.parallel:
        return Found(1.0)
    return Found(share(asked.parallel, len(answer.calls)), f"A step has at most {asked.parallel} calls.")


AGENT_SOLVER = Target(
    name="agent-solver",
    build=lambda profile: AgentSolver(),
    inputs=AgentInputs,
    metric=composite([Part("step", 0.95, _step), Part("one at a time", 0.05, _is_stepwise)]),
    cases=steps,
    expects=Task,
)

TARGETS = (TURN_SOLVER, ONE_SHOT_SOLVER, AGENT_SOLVER)
