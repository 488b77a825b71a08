"""The files of a run: its tasks as a corpus, its rollouts as lines."""

from collections.abc import Sequence
from pathlib import Path

from synthtools import __version__
from synthtools.cli.counting import Count
from synthtools.exports.lines import Whole
from synthtools.exports.task_content import CERTIFICATES, CONTENT, WORLDS, write_corpus
from synthtools.runs.run import Run, open_run
from synthtools.runs.stages import Stage
from synthtools.runs.store import Store

TRAJECTORIES = "trajectories.jsonl"
_FILES_OF = "files of "
"""Before a stage, the key under which a run keeps what its files were written from."""


def write_files(folder: Path, stages: Sequence[Stage]) -> list[Path]:
    """Writes the corpus and the rollouts of a run where one of the stages makes them, whole or not at all.

    Files that have the records as they are now, written by this version, stay as they are: what they were written from
    is noted in the run once they are there. So those that a process did not come to write, for it was killed before,
    are written by the next one. Returns what was written. Raises: RunError where the folder cannot be written.
    """
    files = {
        "task-audit": ([folder / f"{name}.jsonl" for name in (CONTENT, WORLDS, CERTIFICATES)], _write_tasks),
        "trajectory-generation": ([folder / TRAJECTORIES], _write_rollouts),
    }
    written: list[Path] = []
    states: dict[str, str] = {}
    with open_run(folder) as run:
        for stage, (targets, write) in files.items():
            total = run.store.count(stage, ("done",))
            if not total or stage not in {chosen.name for chosen in stages}:
                continue
            state = f"{__version__} {run.store.makings_sha256(stage)}"
            if run.store.meta(_FILES_OF + stage) == state and all(target.exists() for target in targets):
                continue
            with Count(f"writing {targets[0].name}", total) as count:
                write(run, count)
            written += targets
            states[stage] = state
    if states:
        with Store(folder) as store:
            for stage, state in states.items():
                store.set_meta(_FILES_OF + stage, state)
    return written


def _write_tasks(run: Run, count: Count) -> None:
    write_corpus(count.over(run.tasks()), run.path)


def _write_rollouts(run: Run, count: Count) -> None:
    target = run.path / TRAJECTORIES
    with Whole(target) as out:
        for trajectory in count.over(run.trajectories()):
            out.write(target, {"id": trajectory.id, **trajectory.to_json()})
