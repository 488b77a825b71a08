"""Stage 5: an agent rolls a task out against its world, and the rollout is verified."""

from synthtools.backends.ledger import usage_meter
from synthtools.errors import AnswerRefused, ParseError
from synthtools.modules.judges import SolutionJudge, TrajectoryJudge
from synthtools.modules.role import Blocking
from synthtools.modules.simulator import LLMSimulator
from synthtools.modules.solver import AgentSolver, AgentStep
from synthtools.types.call import ToolCall
from synthtools.types.profile import STANDARD, Profile
from synthtools.types.task import Task
from synthtools.types.trajectory import Step, StopReason, Trajectory
from synthtools.types.verdict import Verdict
from synthtools.world.policy import check_policy
from synthtools.world.threads import in_thread
from synthtools.world.transitions import MemoryTransitions, Transitions
from synthtools.world.verify import is_read_by_judge, verify
from synthtools.world.world import World


class TrajectoryGeneration(Blocking):
    """Task -> verified trajectory.

    Certified code answers where the task's world has it, the simulator elsewhere. The verdict is code's; a judge is
    asked only where all that code can check holds and the rest is left to one: differences in fields that the policy
    leaves to a judge, and the whole rollout where the task's world is not beside the file or the policy says so. What
    a judge said is kept in the trajectory, so that `verify` gives the same verdict again without one.
    """

    transitions: Transitions | None = None
    """Recorded calls of LLM-served tools, where a run keeps them."""

    def __init__(self, profile: Profile = STANDARD) -> None:
        super().__init__()
        self.profile = profile
        self.agent = AgentSolver()
        self.judge = TrajectoryJudge()
        self.solution_judge = SolutionJudge()
        self.simulator = LLMSimulator()

    async def aforward(self, *, task: Task, sample: int = 0) -> Trajectory:
        """Rolls a task out once. `sample` numbers the rollouts of a task: each has its own seeds.

        Raises:
            ProviderError: the model could not be reached; nothing is recorded against the agent.
            BudgetExceeded: the budget is spent.
            DataError: the task's policy names what the task does not have.
        """
        check_policy(task)
        transitions = self.transitions if self.transitions is not None else MemoryTransitions(task.gold)
        with usage_meter() as meter:
            rollout = await self._roll_out(task, sample, transitions)
            rollout = rollout.model_copy(update={"usage": meter.usage})
            rollout, verdict = await self._verified(task, rollout, transitions)
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

    async def _verified(self, task: Task, rollout: Trajectory, transitions: Transitions) -> tuple[Trajectory, Verdict]:
        """The rollout with what judges said of it, where they had to be asked, and the verdict."""

        def verified() -> Verdict:
            return verify(task, rollout, transitions=transitions)

        verdict = await in_thread(verified)
        try:
            if verdict.undecided:
                word = await self.solution_judge.acall(
                    request=task.summary,
                    expected=task.gt_tool_calls,
                    actual=_succeeded(rollout),
                    differences=verdict.undecided,
                )
                rollout = rollout.model_copy(update={"solution": word})
                verdict = await in_thread(verified)
            if verdict.cause == "judge" and is_read_by_judge(task):
                reading = await self.judge.acall(request=task.summary, expected=task.gt_tool_calls, trajectory=rollout)
                rollout = rollout.model_copy(update={"judgement": reading})
                verdict = await in_thread(verified)
        except (AnswerRefused, ParseError) as error:
            explanation = f"{verdict.explanation}\nthe judge gave no answer: {error}"
            verdict = verdict.model_copy(update={"explanation": explanation})
        return rollout, verdict


def _succeeded(rollout: Trajectory) -> list[ToolCall]:
    return [
        call
        for step in rollout.steps
        for call, response in zip(step.calls, step.responses, strict=False)
        if response.ok
    ]
