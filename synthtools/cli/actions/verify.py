"""What `verify` does: certificates and verdicts once more, from what the run holds, without a model."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import typer

from synthtools.cli.output import out, print_json, say
from synthtools.reports.text import one_line, shown
from synthtools.runs.run import Run, open_run
from synthtools.runs.transitions import RecordedTransitions
from synthtools.types.record import Json, JsonObject
from synthtools.types.task import Certificate, Task
from synthtools.types.verdict import Verdict
from synthtools.world.attribution import OWN
from synthtools.world.certificate import certify_many, staleness
from synthtools.world.verify import verify

_TOGETHER = 50
"""Tasks that one fresh process replays."""
_MOST_REASONS = 3


class _Checked(NamedTuple):
    """One result that was made again."""

    difference: str = ""
    """What differs from what the run says; empty where it holds."""
    stale: Sequence[str] = ()
    """What a task's certificate was made with that is no longer so."""


def verify_run(folder: Path, *, tasks: bool, rollouts: bool, as_json: bool) -> None:
    """Prints how many results hold, and each one that does not. Ends with 1 where one does not."""
    report: dict[str, Json] = {"run": str(folder)}
    differing: list[str] = []
    with open_run(folder) as run:
        for name, wanted, check in (("tasks", tasks, _tasks), ("rollouts", rollouts, _rollouts)):
            if not wanted:
                continue
            checked, differ, stale = 0, list[str](), _Stale()
            for result in check(run):
                checked += 1
                stale.see(result)
                if result.difference:
                    differ.append(result.difference)
            part: dict[str, Json] = {"checked": checked, "hold": checked - len(differ), "differ": list[Json](differ)}
            report[name] = {**part, "stale": stale.to_json()} if name == "tasks" else part
            differing += differ
            if not as_json:
                out.print(shown(f"{name}: {checked - len(differ)} of {checked} hold"))
                if stale.number:
                    out.print(shown(stale.line()))
    if as_json:
        print_json(report)
    else:
        for difference in differing:
            out.print(shown(difference))
    if differing:
        say(f"{len(differing)} results differ from what the run says")
        raise typer.Exit(1)


class _Stale:
    """The certificates that were made with other versions than there are now, and what came of making them again."""

    def __init__(self) -> None:
        self.number = 0
        self._hold = 0
        self._why = Counter[str]()

    def see(self, result: _Checked) -> None:
        """Counts a result."""
        if result.stale:
            self.number += 1
            self._hold += not result.difference
            self._why.update(result.stale)

    def line(self) -> str:
        """All of it, in a line."""
        why = "; ".join(reason for reason, _ in self._why.most_common(_MOST_REASONS))
        more = len(self._why) - _MOST_REASONS
        why += f"; and {more} more" if more > 0 else ""
        are = "certificate is" if self.number == 1 else "certificates are"
        outcome = f"{self._hold} hold, {self.number - self._hold} differ"
        return f"{self.number} {are} stale ({why}): certified again: {outcome}"

    def to_json(self) -> JsonObject:
        """As `--json` writes it."""
        return {"number": self.number, "hold": self._hold, "why": dict[str, Json](self._why.most_common())}


def _tasks(run: Run) -> Iterator[_Checked]:
    """Each task's certificate, made again."""
    tasks = run.tasks()
    while together := list(islice(tasks, _TOGETHER)):
        for task, again in zip(together, certify_many(together), strict=True):
            yield _Checked(_difference(task, again), staleness(task) if task.certificate is not None else ())


def _difference(task: Task, again: Certificate) -> str:
    grade = task.certificate.grade if task.certificate is not None else None
    if grade is None or again.grade == grade:
        return ""
    broken = next((check for check in again.checks if not check.passed), None)
    why = f" ({broken.name}: {one_line(broken.detail, 200)})" if broken is not None else ""
    return f"task {task.id}: is {again.grade}{why}, was {grade}"


def _rollouts(run: Run) -> Iterator[_Checked]:
    """Each rollout's verdict, made again."""
    transitions = RecordedTransitions(run.store)
    for trajectory in run.trajectories():
        if trajectory.verdict is None:
            continue
        task: Task = run.record("task-audit", trajectory.task_id)
        again, before = verify(task, trajectory, transitions=transitions), trajectory.verdict
        if (again.passed, again.reward) == (before.passed, _worth(before)):
            yield _Checked()
        else:
            now, was = _reward(again.reward), _reward(_worth(before))
            yield _Checked(f"rollout {trajectory.id}: {now} ({one_line(again.explanation, 200)}), was {was}")


def _worth(verdict: Verdict) -> float | None:
    """What a verdict was worth, also of an older version: what is not the agent's own is not scored."""
    return verdict.reward if verdict.cause is None or verdict.cause in OWN else None


def _reward(reward: float | None) -> str:
    return "not scored" if reward is None else f"reward {reward:.2f}"
