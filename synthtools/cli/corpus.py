"""The files of a run: its tasks as a corpus, its rollouts as lines."""

from collections.abc import Sequence
from pathlib import Path

from synthtools.exports.lines import Whole
from synthtools.exports.task_content import CONTENT, write_corpus
from synthtools.runs.run import open_run
from synthtools.runs.scheduler import Summary
from synthtools.runs.stages import Stage

TRAJECTORIES = "trajectories.jsonl"


def write_files(folder: Path, stages: Sequence[Stage], summary: Summary) -> list[Path]:
    """Writes the corpus and the rollouts of a run where the stages made some, whole or not at all.

    Returns what was written. Raises: RunError where the folder cannot be written.
    """
    names = {stage.name for stage in stages}
    written: list[Path] = []
    with open_run(folder) as run:
        content = folder / f"{CONTENT}.jsonl"
        tasks = run.store.count("task-audit", ("done",))
        if "task-audit" in names and tasks and (summary.done or not content.exists()):
            files = write_corpus(run.tasks(), folder)
            written += [files.content, files.worlds, files.certificates]
        rollouts = folder / TRAJECTORIES
        count = run.store.count("trajectory-generation", ("done",))
        if "trajectory-generation" in names and count and (summary.done or not rollouts.exists()):
            with Whole(rollouts) as out:
                for trajectory in run.trajectories():
                    out.write(rollouts, {"id": trajectory.id, **trajectory.to_json()})
            written.append(rollouts)
    return written
