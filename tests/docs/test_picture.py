"""The picture of the README is drawn from a run, whatever its records hold."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from synthtools.cli.outcomes import task_outcome
from synthtools.runs.item import Item, Outcome, content_hash
from synthtools.runs.stages import STAGES
from synthtools.runs.store import Store
from synthtools.types import SMALL, Response, Step, Trajectory
from synthtools.world.certificate import certify
from synthtools.world.verify import verify
from tests.world import hotel

SCRIPT = Path(__file__).parents[2] / "docs" / "picture.py"


def finished_run(folder: Path) -> Path:
    """A run with one certified task and a solved rollout whose answer is hostile."""
    task = hotel.task("Please cancel booking BK-1.", hotel.call("CancelBooking", booking_id="BK-1"))
    task = task.model_copy(update={"certificate": certify(task)})
    steps = tuple(Step(calls=(call,), responses=(Response(status_code=200),)) for call in task.gt_tool_calls)
    rollout = Trajectory(
        task_id=task.id, steps=steps, answer="Done \x1b[31m<script>alert(1)</script>", stop_reason="answered"
    )
    rollout = rollout.model_copy(update={"verdict": verify(task, rollout)})
    stage = STAGES["trajectory-generation"]
    payload = stage.write(rollout)
    with Store(folder, create=True) as store:
        store.put(task_outcome(task, SMALL))
        item = Item(stage.name, rollout.id, task.id)
        store.put(Outcome(item, "done", payload, content_hash(payload, stage.unhashed)))
    return folder


def draw(run: Path, target: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), str(run), str(target)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_run_becomes_a_picture_that_runs_and_fetches_nothing(tmp_path: Path) -> None:
    target = tmp_path / "run.svg"
    result = draw(finished_run(tmp_path / "run"), target)
    assert result.returncode == 0, result.stderr
    svg = target.read_text(encoding="utf-8")
    root = ElementTree.fromstring(svg)
    text = "".join(root.itertext()).replace("\xa0", " ")
    for part in ("Please cancel booking BK-1.", "CancelBooking(booking_id='BK-1')", "solved, reward 1.00", "Funnel"):
        assert part in text
    assert "<script>alert(1)</script>" in text  # as words: the tree has no such element
    assert not [element for element in root.iter() if element.tag.endswith("script")]
    assert "\x1b" not in svg
    assert "url(http" not in svg and "@font-face" not in svg


def test_a_run_without_a_task_is_one_line(tmp_path: Path) -> None:
    with Store(tmp_path / "empty", create=True):
        pass
    result = draw(tmp_path / "empty", tmp_path / "run.svg")
    assert result.returncode == 2
    assert result.stderr.startswith("error: ") and "no certified task" in result.stderr
    assert not (tmp_path / "run.svg").exists()
