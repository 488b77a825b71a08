"""What `verify` does: certificates and verdicts once more, from what the run holds, without a model."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import orjson
import typer

from synthtools.cli.work import out, say
from synthtools.reports.text import one_line, shown
from synthtools.runs.run import Run, open_run
from synthtools.runs.transitions import RecordedTransitions
from synthtools.types.record import Json
from synthtools.types.task import Certificate, Task
from synthtools.world.certificate import certify_many
from synthtools.world.verify import verify

_TOGETHER = 50
"""Tasks that one fresh process replays."""


def verify_run(folder: Path, *, tasks: bool, rollouts: bool, as_json: bool) -> None:
    """Prints how many results hold, and each one that does not. Ends with 1 where one does not."""
    report: dict[str, Json] = {"run": str(folder)}
    differing: list[str] = []
    with open_run(folder) as run:
        for name, wanted, check in (("tasks", tasks, _tasks), ("rollouts", rollouts, _rollouts)):
            if not wanted:
                continue
            checked, differ = 0, list[str]()
            for difference in check(run):
                checked += 1
                if difference:
                    differ.append(difference)
            report[name] = {"checked": checked, "hold": checked - len(differ), "differ": list[Json](differ)}
            differing += differ
            if not as_json:
                out.print(shown(f"{name}: {checked - len(differ)} of {checked} hold"))
    if as_json:
        print(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
    else:
        for difference in differing:
            out.print(shown(difference))
    if differing:
        say(f"{len(differing)} results differ from what the run says")
        raise typer.Exit(1)


def _tasks(run: Run) -> Iterator[str]:
    """For each task: empty where its certificate holds, else what differs."""
    tasks = run.tasks()
    while together := list(islice(tasks, _TOGETHER)):
        for task, again in zip(together, certify_many(together), strict=True):
            yield _difference(task, again)


def _difference(task: Task, again: Certificate) -> str:
    grade = task.certificate.grade if task.certificate is not None else None
    if grade is None or again.grade == grade:
        return ""
    broken = next((check for check in again.checks if not check.passed), None)
    why = f" ({broken.name}: {one_line(broken.detail, 200)})" if broken is not None else ""
    return f"task {task.id}: is {again.grade}{why}, was {grade}"


def _rollouts(run: Run) -> Iterator[str]:
    """For each rollout: empty where its verdict holds, else what differs."""
    transitions = RecordedTransitions(run.store)
    for trajectory in run.trajectories():
        if trajectory.verdict is None:
            continue
        task: Task = run.record("task-audit", trajectory.task_id)
        again = verify(task, trajectory, transitions=transitions)
        before = trajectory.verdict
        if (again.passed, again.reward) == (before.passed, before.reward):
            yield ""
        else:
            yield (
                f"rollout {trajectory.id}: reward {again.reward:.2f} ({one_line(again.explanation, 200)}), "
                f"was {before.reward:.2f}"
            )
