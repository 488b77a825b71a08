"""Stage 5: an agent rolls a task out against its world, and the rollout is verified."""

import asyncio

from synthtools.backends.ledger import usage_meter
from synthtools.errors import AnswerRefused, ParseError
from synthtools.modules.judges import TrajectoryJudge
from synthtools.modules.role import Blocking
from synthtools.modules.simulator import LLMSimulator
from synthtools.modules.solver import AgentSolver, AgentStep
from synthtools.types.profile import STANDARD, Profile
from synthtools.types.task import Task
from synthtools.types.trajectory import Step, StopReason, Trajectory
from synthtools.types.verdict import Verdict, VerdictCheck
from synthtools.world.transitions import MemoryTransitions, Transitions
from synthtools.world.verify import verify
from synthtools.world.world import World


class TrajectoryGeneration(Blocking):
    """Task -> verified trajectory.

    Certified code answers where the task's world has it, the simulator elsewhere. The verdict is code's; a judge takes
    part only where code cannot know the end: a task whose world is not beside the file, or whose policy asks for one.
    """

    transitions: Transitions | None = None
    """Recorded calls of LLM-served tools, where a run keeps them."""

    def __init__(self, profile: Profile = STANDARD) -> None:
        super().__init__()
        self.profile = profile
        self.agent = AgentSolver()
        self.judge = TrajectoryJudge()
        self.simulator = LLMSimulator()

    async def aforward(self, *, task: Task, sample: int = 0) -> Trajectory:
        """Rolls a task out once. `sample` numbers the rollouts of a task: each has its own seeds.

        Raises:
            ProviderError: the model could not be reached; nothing is recorded against the agent.
            BudgetExceeded: the budget is spent.
        """
        transitions = self.transitions if self.transitions is not None else MemoryTransitions(task.gold)
        with usage_meter() as meter:
            rollout = await self._roll_out(task, sample, transitions)
            rollout = rollout.model_copy(update={"usage": meter.usage})
            verdict = await asyncio.to_thread(verify, task, rollout, transitions=transitions)
            if rollout.stop_reason == "answered" and (task.world is None or task.policy.judged):
                rollout, verdict = await self._judged(task, rollout, verdict)
            return rollout.model_copy(update={"usage": meter.usage, "verdict": verdict})

    async def _roll_out(self, task: Task, sample: int, transitions: Transitions) -> Trajectory:
        world = World(
            task.world or task.tools, task.initial_state or {}, simulator=self.simulator, transitions=transitions
        )
        most = self.profile.max_turns or max(12, 2 * len(task.gt_tool_calls) + 2)
        steps: list[Step] = []

        def ended(stop_reason: StopReason, answer: str | None = None, error: str = "") -> Trajectory:
            return Trajectory(
                task_id=task.id,
                sample=sample,
                steps=tuple(steps),
                answer=answer,
                stop_reason=stop_reason,
                error=error,
            )

        for turn in range(most):
            try:
                step: AgentStep = await self.agent.acall(
                    tools=task.tools,
                    request=task.summary,
                    steps=steps,
                    parallel=self.profile.parallel_calls,
                    first_attempt=1000 * sample + 10 * turn,
                )
            except ParseError as error:
                return ended("parse", error=str(error))
            except AnswerRefused as error:
                return ended("repeated_calls", error=str(error))
            if step.answer is not None:
                return ended("answered", answer=step.answer)
            responses = [await world.acall(call) for call in step.calls]
            steps.append(Step(thought=step.thought, calls=step.calls, responses=tuple(responses)))
            failed = next((response for response in responses if response.answered_by == "simulator_failure"), None)
            if failed is not None:
                return ended("simulator", error=failed.error_message or "")
        return ended("turn_limit")

    async def _judged(self, task: Task, rollout: Trajectory, verdict: Verdict) -> tuple[Trajectory, Verdict]:
        """The verdict with the judge's part in it; both must pass."""
        try:
            reading = await self.judge.acall(request=task.summary, expected=task.gt_tool_calls, trajectory=rollout)
        except (AnswerRefused, ParseError) as error:
            check = VerdictCheck(name="judge", passed=False, detail=str(error)[:300])
            explanation = f"{verdict.explanation}\nnot judged: {error}"
            return rollout, verdict.model_copy(
                update={
                    "passed": False,
                    "cause": "judge",
                    "explanation": explanation,
                    "checks": (*verdict.checks, check),
                }
            )
        check = VerdictCheck(name="judge", passed=reading.goal_reached, detail=reading.reason)
        passed = verdict.passed and reading.goal_reached
        return rollout.model_copy(update={"judgement": reading}), verdict.model_copy(
            update={
                "passed": passed,
                "reward": verdict.reward if reading.goal_reached else 0.0,
                "cause": None if passed else verdict.cause or "agent",
                "explanation": f"{verdict.explanation}\njudge: {reading.reason}",
                "checks": (*verdict.checks, check),
            }
        )
