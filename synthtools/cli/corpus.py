"""The files of a run: its tasks as a corpus, its rollouts as lines."""

from collections.abc import Sequence
from pathlib import Path

from synthtools.exports.lines import Whole
from synthtools.exports.task_content import CONTENT, write_corpus
from synthtools.runs.run import Run, open_run
from synthtools.runs.scheduler import Summary
from synthtools.runs.stages import Stage
from synthtools.runs.store import Store

TRAJECTORIES = "trajectories.jsonl"
_FILES_OF = "files of "
"""Before a stage, the key under which a run keeps what its files were written from."""


def write_files(folder: Path, stages: Sequence[Stage], summary: Summary) -> list[Path]:
    """Writes the corpus and the rollouts of a run where the stages made some, whole or not at all.

    Files that a process did not come to write, for it was killed after its last record, are written by the next one.
    Returns what was written. Raises: RunError where the folder cannot be written.
    """
    names = {stage.name for stage in stages}
    written: list[Path] = []
    states: dict[str, str] = {}
    with open_run(folder) as run:
        content = folder / f"{CONTENT}.jsonl"
        tasks = run.store.count("task-audit", ("done",))
        if "task-audit" in names and tasks and (summary.done or not _is_written(run, "task-audit", content)):
            states["task-audit"] = run.store.ids_sha256("task-audit")
            files = write_corpus(run.tasks(), folder)
            written += [files.content, files.worlds, files.certificates]
        rollouts = folder / TRAJECTORIES
        stage = "trajectory-generation"
        count = run.store.count(stage, ("done",))
        if stage in names and count and (summary.done or not _is_written(run, stage, rollouts)):
            states[stage] = run.store.ids_sha256(stage)
            with Whole(rollouts) as out:
                for trajectory in run.trajectories():
                    out.write(rollouts, {"id": trajectory.id, **trajectory.to_json()})
            written.append(rollouts)
    if states:
        with Store(folder) as store:
            for stage, state in states.items():
                store.set_meta(_FILES_OF + stage, state)
    return written


def _is_written(run: Run, stage: str, file: Path) -> bool:
    """Whether a file has the records of a stage as they are now."""
    return file.exists() and run.store.meta(_FILES_OF + stage) == run.store.ids_sha256(stage)
