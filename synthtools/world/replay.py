"""Replay of a task's gold solution, here or in a fresh process with another hash seed and order.

`python -m synthtools.world.replay` reads tasks on standard input, one JSON record a line, and writes one line for each:
`{"id", "fingerprint"}`, or `{"id", "error"}`.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from random import Random

import orjson

from synthtools.errors import ReplayError, SynthToolsError, WorldError
from synthtools.types import Task
from synthtools.types.canonical import content_hash
from synthtools.types.record import Json, JsonObject, State
from synthtools.world.beside import package_environment
from synthtools.world.transitions import MemoryTransitions, Transitions
from synthtools.world.world import Engine, World

SECONDS_A_TASK = 30
"""Most that the replay of one task may take."""

COMMAND = (sys.executable, "-P", "-m", "synthtools.world.replay")  # -P: the working directory gives no modules
"""Starts a process that replays."""


def open_world(task: Task, *, transitions: Transitions | None = None, engine: Engine = "auto") -> World:
    """A fresh world of a task in its initial state.

    Where a model answers some tool of the gold solution, its recorded transitions repeat; code answers anew.

    Raises:
        ReplayError: The task's world is not beside the file, or its initial state does not fit it.
    """
    if task.world is None:
        raise ReplayError(f"task {task.id}: its world is not beside the file")
    if transitions is None and task.gold and engine != "code" and not is_coded(task):
        transitions = MemoryTransitions(task.gold)
    try:
        return World(task.world, task.initial_state or {}, transitions=transitions, engine=engine)
    except WorldError as error:
        raise ReplayError(f"task {task.id}: {error}") from error


def is_coded(task: Task) -> bool:
    """Whether certified code answers every gold call of a task that has its world."""
    code = task.world.code if task.world is not None else {}
    return task.world is not None and all(
        call.name in code and code[call.name].certified for call in task.gt_tool_calls
    )


def run_gold(task: Task, *, transitions: Transitions | None = None, engine: Engine = "auto") -> World:
    """A world in which the task's gold calls were made.

    Raises:
        ReplayError: The world is missing, or a gold call does not succeed.
    """
    world = open_world(task, transitions=transitions, engine=engine)
    for call in task.gt_tool_calls:
        response = world.call(call)
        if not response.ok:
            raise ReplayError(f"task {task.id}: {call} gives {response.status_code} {response.error_message}")
    return world


def replay(task: Task) -> State:
    """The state after the task's gold calls, made in a fresh world.

    Raises:
        ReplayError: The world is missing, or a gold call does not succeed.
    """
    return run_gold(task).state


def fingerprint(task: Task) -> str:
    """A hash of the replayed gold solution: every response and the final state.

    Where code answers every gold call, code alone does, whatever was recorded; else the recorded transitions repeat.

    Raises:
        ReplayError: As `replay`.
    """
    world = run_gold(task, engine="code" if is_coded(task) else "auto")
    responses: list[Json] = [exchange.response.model_dump(mode="json") for exchange in world.transcript]
    return content_hash([world.state, responses])


def fingerprints_elsewhere(tasks: Sequence[Task]) -> list[str]:
    """The fingerprints that a fresh process gets, one for each task; `error: ...` where it fails.

    The process has another hash seed and replays the tasks in another order, which their content decides: neither may
    make a difference.

    Raises:
        ReplayError: The process itself failed.
    """
    if not tasks:
        return []
    lines = [task.model_dump_json(by_alias=True).encode() for task in tasks]
    order = list(range(len(lines)))
    Random(hashlib.sha256(b"\n".join(lines)).digest()).shuffle(order)
    if order == sorted(order):
        order.reverse()
    done = subprocess.run(
        COMMAND,
        input=b"\n".join(lines[index] for index in order),
        capture_output=True,
        env=replaying_environment(),
        timeout=60 + SECONDS_A_TASK * len(tasks),
        check=False,
    )
    if done.returncode != 0:
        raise ReplayError(f"the replaying process failed: {done.stderr.decode(errors='replace')[-400:]}")
    rows: list[JsonObject] = [orjson.loads(line) for line in done.stdout.splitlines()]
    found = {
        index: str(row.get("fingerprint") or f"error: {row.get('error')}")
        for index, row in zip(order, rows, strict=True)
    }
    return [found[index] for index in range(len(tasks))]


def replaying_environment() -> dict[str, str]:
    """The environment of a process that replays: this one's, with another hash seed."""
    return {**package_environment(), "PYTHONHASHSEED": "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"}


def _main() -> None:
    for line in sys.stdin.buffer:
        if line.strip():
            _answer(line)


def _answer(line: bytes) -> None:
    """Replays the task of a line, and writes the line for it."""
    task = Task.model_validate_json(line)
    row: JsonObject = {"id": task.id}
    try:
        row["fingerprint"] = fingerprint(task)
    except SynthToolsError as error:
        row["error"] = str(error)
    sys.stdout.buffer.write(orjson.dumps(row) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    _main()
