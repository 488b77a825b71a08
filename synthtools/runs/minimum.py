"""What the quickstart promises, counted as records come in."""

from typing import Any

from synthtools.runs.item import Item, Outcome
from synthtools.runs.run import Run
from synthtools.types.audit import AuditedEnv
from synthtools.types.task import Task
from synthtools.types.trajectory import Trajectory


class Minimum:
    """At least 3 audited tools answered by certified code, 2 certified tasks that change the state, 1 solved rollout.

    A watcher of the scheduler, and with `is_met` its goal.
    """

    TOOLS, TASKS, ROLLOUTS = 3, 2, 1

    def __init__(self, run: Run) -> None:
        """Counts what a run has already; small runs only, since it reads them whole."""
        self._tools: dict[str, int] = {}
        self._tasks: dict[str, int] = {}
        self._solved: dict[str, str] = {}
        for audited in run.audits():
            self._see(audited)
        for task in run.tasks():
            self._see(task)
        for trajectory in run.trajectories():
            self._see(trajectory)

    @property
    def is_met(self) -> bool:
        """Whether all of it exists."""
        return not self.lacking

    @property
    def lacking(self) -> list[str]:
        """What does not exist yet, a phrase each."""
        pairs = (
            (self.tools, self.TOOLS, "audited tools answered by certified code"),
            (self.tasks, self.TASKS, "certified tasks that change the state"),
            (self.rollouts, self.ROLLOUTS, "rollouts verified as solved"),
        )
        return [f"{found} of {least} {what}" for found, least, what in pairs if found < least]

    @property
    def tools(self) -> int:
        """Audited tools that were kept and are answered by certified code."""
        return sum(self._tools.values())

    @property
    def tasks(self) -> int:
        """Certified tasks that change the state."""
        return len(self._tasks)

    @property
    def rollouts(self) -> int:
        """Rollouts verified as solved."""
        return len(self._solved)

    @property
    def best(self) -> tuple[str, str | None] | None:
        """A task to show, with a solved rollout of it where there is one: the longest that changes the state."""
        if self._solved:
            rollout, task = max(self._solved.items(), key=lambda solved: self._tasks.get(solved[1], 0))
            return task, rollout
        return (max(self._tasks, key=lambda task: self._tasks[task]), None) if self._tasks else None

    def started(self, item: Item) -> None:
        """Nothing to count yet."""

    def finished(self, outcome: Outcome, record: Any) -> None:
        """Counts a record."""
        if record is not None:
            self._see(record)

    def _see(self, record: Any) -> None:
        if isinstance(record, AuditedEnv):
            self._tools[record.env.id] = sum(audit.kept and audit.answered_by_code for audit in record.audits)
        elif isinstance(record, Task):
            grade = record.certificate.grade if record.certificate is not None else ""
            if grade == "certified" and record.initial_state != record.final_state:
                self._tasks[record.id] = len(record.gt_tool_calls)
        elif isinstance(record, Trajectory) and record.verdict is not None and record.verdict.passed:
            self._solved[record.id] = record.task_id
