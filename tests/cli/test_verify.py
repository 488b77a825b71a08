"""`verify` on tasks and rollouts with a real world."""

from pathlib import Path

import orjson

from synthtools.cli.rollouts import task_outcome
from synthtools.runs.item import Item, Outcome, content_hash
from synthtools.runs.stages import STAGES
from synthtools.runs.store import Store
from synthtools.types import SMALL, Response, Step, Task, Trajectory
from synthtools.world.certificate import certify
from synthtools.world.verify import verify
from tests.cli.shared import invoke
from tests.world import hotel


def solved(task: Task) -> Trajectory:
    steps = tuple(Step(calls=(call,), responses=(Response(status_code=200),)) for call in task.gt_tool_calls)
    rollout = Trajectory(task_id=task.id, steps=steps, answer="Done.", stop_reason="answered")
    return rollout.model_copy(update={"verdict": verify(task, rollout)})


def rolled_out(folder: Path, rollout: Trajectory, task: Task) -> None:
    stage = STAGES["trajectory-generation"]
    payload = stage.write(rollout)
    with Store(folder, create=True) as store:
        store.put(task_outcome(task, SMALL))
        store.put(
            Outcome(Item(stage.name, rollout.id, task.id), "done", payload, content_hash(payload, stage.unhashed))
        )


def test_what_the_run_says_holds_or_is_told(tmp_path: Path) -> None:
    task = hotel.task("Please cancel booking BK-1.", hotel.call("CancelBooking", booking_id="BK-1"))
    task = task.model_copy(update={"certificate": certify(task)})
    rollout = solved(task)
    assert rollout.verdict is not None and rollout.verdict.passed
    rolled_out(tmp_path / "honest", rollout, task)
    result = invoke("verify", "--run", tmp_path / "honest", "--json")
    report = orjson.loads(result.stdout)
    assert (result.exit_code, report["tasks"]["hold"], report["rollouts"]["hold"]) == (0, 1, 1)

    boasting = rollout.model_copy(update={"steps": ()})
    rolled_out(tmp_path / "boasting", boasting, task)
    result = invoke("verify", "--run", tmp_path / "boasting", "--rollouts")
    assert result.exit_code == 1
    assert "rollouts: 0 of 1 hold" in result.stdout
    assert "1 results differ from what the run says" in result.stderr
    assert invoke("verify", "--run", tmp_path / "boasting", "--tasks").exit_code == 0
