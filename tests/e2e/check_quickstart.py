"""Checks what a quickstart made with the real model: `python tests/e2e/check_quickstart.py RUN`.

Every promise is looked at in the run itself, and each that is broken gets a line; the exit code is 0 when none is.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson

from synthtools.exports.task_content import read_tasks
from synthtools.runs.run import Run, open_run
from synthtools.types import Task
from synthtools.types.canonical import same_json
from synthtools.world.naturalness import problems
from synthtools.world.replay import replay

KEYS = ["id", "field", "summary", "tools", "gt_tool_calls", "initial_state", "final_state"]


def broken_promises(folder: Path, model: str) -> Iterator[str]:
    """A line for every promise that a run does not keep."""
    with open_run(folder) as run:
        yield from _counts(run)
        yield from _models(run, model)
    content = folder / "task_content.jsonl"
    if not content.is_file():
        yield f"{content} is not there"
        return
    yield from _rows(content)
    for task in read_tasks(content):
        # A released request speaks to whoever has the task's own tools, and the rest of its world.
        tools = task.world.tools if task.world is not None else task.tools
        yield from (f"{task.id}: its request is not a person's: {found}" for found in problems(task.summary, tools))
    yield from _replays(content)


def _counts(run: Run) -> Iterator[str]:
    tools = sum(audit.kept and audit.answered_by_code for audited in run.audits() for audit in audited.audits)
    tasks = sum(_is_certified_change(task) for task in run.tasks())
    solved = sum(rollout.verdict is not None and rollout.verdict.passed for rollout in run.trajectories())
    for found, least, what in (
        (tools, 3, "audited tools answered by certified code"),
        (tasks, 2, "certified tasks that change the state"),
        (solved, 1, "rollouts verified as solved"),
    ):
        print(f"{found} {what}")
        if found < least:
            yield f"only {found} of at least {least} {what}"


def _is_certified_change(task: Task) -> bool:
    certified = task.certificate is not None and task.certificate.grade == "certified"
    return certified and not same_json(task.initial_state, task.final_state)


def _models(run: Run, model: str) -> Iterator[str]:
    used = {
        str(name): int(str(calls)) for name, calls in run.store.rows("SELECT model, count(*) FROM ledger GROUP BY 1")
    }
    print("; ".join(f"{calls} calls of {name}" for name, calls in used.items()) or "no calls in the ledger")
    if not any(name.startswith(model) for name in used):
        yield f"no call of a model {model}... is in the ledger"
    yield from (f"the ledger has calls of {name}" for name in used if not name.startswith(model))


def _rows(content: Path) -> Iterator[str]:
    lines = content.read_bytes().splitlines()
    print(f"{len(lines)} rows in {content}")
    for number, line in enumerate(lines, start=1):
        keys = list(orjson.loads(line))
        if keys != KEYS:
            yield f"{content}:{number}: its keys are {', '.join(keys)}"


def _replays(content: Path) -> Iterator[str]:
    """Replays every row in a process of its own, which knows nothing but the files."""
    command = [sys.executable, __file__, "--replay", str(content)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        yield f"the replaying process failed: {done.stderr.strip()[-400:]}"
    yield from done.stdout.splitlines()


def _replay_here(content: Path) -> None:
    for task in read_tasks(content):
        if not same_json(replay(task), task.final_state):
            print(f"{task.id}: its calls do not lead to its final state")


def main() -> int:
    """Prints what was found. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Checks what a quickstart made.")
    parser.add_argument("run", type=Path, help="the run's folder, or with --replay a task_content.jsonl")
    parser.add_argument("--replay", action="store_true", help="only replay the rows of a file")
    parser.add_argument("--model", default="embedded/", help="how the names of all models in the ledger begin")
    options = parser.parse_args()
    if options.replay:
        _replay_here(options.run)
        return 0
    broken = list(broken_promises(options.run, options.model))
    for line in broken:
        print(f"broken: {line}", file=sys.stderr)
    print("every promise is kept" if not broken else f"{len(broken)} promises are broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
