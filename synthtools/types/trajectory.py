"""Rollouts of an agent on a task."""

from typing import Literal

from synthtools.types.call import Response, ToolCall
from synthtools.types.record import Record
from synthtools.types.usage import Usage
from synthtools.types.verdict import SolutionVerdict, TrajectoryVerdict, Verdict

StopReason = Literal["answered", "turn_limit", "repeated_calls", "provider", "parse", "simulator", "budget"]


class Step(Record):
    """One turn of an agent: what it called and what came back, in message order."""

    thought: str = ""
    calls: tuple[ToolCall, ...] = ()
    responses: tuple[Response, ...] = ()


class Trajectory(Record):
    """A rollout, its verdict included once it is verified."""

    task_id: str
    sample: int = 0
    steps: tuple[Step, ...] = ()
    answer: str | None = None
    stop_reason: StopReason
    error: str = ""
    """What broke, where the agent did not end it."""
    usage: Usage = Usage()
    verdict: Verdict | None = None
    judgement: TrajectoryVerdict | None = None
    """The LLM judge's reading of the whole, where the task has no world or its policy asks for one."""
    solution: SolutionVerdict | None = None
    """The LLM judge's word on differences that the task's policy leaves to one."""

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """Every call in order."""
        return tuple(call for step in self.steps for call in step.calls)

    @property
    def id(self) -> str:
        """`{task_id}#{sample}`."""
        return f"{self.task_id}#{self.sample}"
