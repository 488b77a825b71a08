"""`verify` on tasks and rollouts with a real world."""

import subprocess
import sys
from pathlib import Path

import orjson

from synthtools.cli.outcomes import task_outcome
from synthtools.runs.item import Item, Outcome, content_hash
from synthtools.runs.stages import STAGES
from synthtools.runs.store import Store
from synthtools.types import SMALL, Response, SolutionVerdict, Step, Task, Trajectory, Verdict, VerifyPolicy
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


def test_verdicts_hold_again_without_a_model_or_a_backend(tmp_path: Path) -> None:
    """What a judge said is in the trajectory; what was never scored is still not scored."""
    booked = hotel.call("CreateBooking", room_id="RM-3", guest="Kim Novak", date="2026-05-02")
    judged = VerifyPolicy(fields={"bookings.guest": "judge"})
    task = hotel.task("Book room RM-3 for Kim Novak on 2 May 2026.", booked, policy=judged)
    task = task.model_copy(update={"certificate": certify(task)})
    other = hotel.call("CreateBooking", **{**booked.arguments, "guest": "Ms Kim Novak"})
    open_ = Trajectory(
        task_id=task.id,
        steps=(Step(calls=(other,), responses=(Response(status_code=200),)),),
        answer="Done.",
        stop_reason="answered",
    )
    undecided = verify(task, open_)
    word = SolutionVerdict(differences=undecided.undecided, equivalent=True, reason="The same person.")
    settled = open_.model_copy(update={"sample": 1, "solution": word})
    broken = Trajectory(task_id=task.id, sample=2, stop_reason="parse", error="no steps")
    before = Verdict(reward=0.0, passed=False, explanation="not solved (parse)", cause="parse")  # as it was once scored
    for rollout, verdict in (
        (open_, undecided),
        (settled, verify(task, settled)),
        (broken, before),
    ):
        rolled_out(tmp_path / "run", rollout.model_copy(update={"verdict": verdict}), task)
    assert (undecided.cause, verify(task, settled).passed) == ("judge", True)
    code = (
        "import sys\nfrom synthtools.cli import app\n"
        "try:\n    app(sys.argv[1:])\nexcept SystemExit as done:\n    assert not done.code, done.code\n"
        "heavy = {'dspy', 'litellm', 'openai', 'aiohttp', 'xllamacpp', 'synthtools.programs', 'synthtools.modules'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    arguments = [sys.executable, "-c", code, "verify", "--run", str(tmp_path / "run")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-3:] == ["tasks: 1 of 1 hold", "rollouts: 3 of 3 hold", "[]"]


def test_a_reward_that_changed_is_told_with_what_it_was(tmp_path: Path) -> None:
    task = hotel.task("Please cancel booking BK-1.", hotel.call("CancelBooking", booking_id="BK-1"))
    rollout = Trajectory(task_id=task.id, answer="Done.", stop_reason="answered")
    claimed = Verdict(reward=None, passed=False, explanation="", cause="simulator")
    rolled_out(tmp_path / "run", rollout.model_copy(update={"verdict": claimed}), task)
    result = invoke("verify", "--run", tmp_path / "run", "--rollouts")
    assert result.exit_code == 1
    told = " ".join(result.stdout.split())
    assert f"rollout {rollout.id}: reward 0.00 (not solved (agent) FAILED state" in told
    assert told.endswith("was not scored")


def test_stale_certificates_are_told_and_made_again(tmp_path: Path) -> None:
    task = hotel.task("Please cancel booking BK-1.", hotel.call("CancelBooking", booking_id="BK-1"))
    certificate = certify(task)
    older = {**certificate.made_with, "sandbox": "0.0.1"}
    with Store(tmp_path / "run", create=True) as store:
        for number, made_with in enumerate((certificate.made_with, older)):
            proof = certificate.model_copy(update={"made_with": made_with})
            store.put(task_outcome(task.model_copy(update={"id": f"t{number}", "certificate": proof}), SMALL))
    told = " ".join(invoke("verify", "--run", tmp_path / "run", "--tasks").stdout.split())
    assert "tasks: 2 of 2 hold 1 certificate is stale (the sandbox" in told
    assert "made with 0.0.1, now" in told
    assert told.endswith("certified again: 1 hold, 0 differ")
    report = orjson.loads(invoke("verify", "--run", tmp_path / "run", "--json").stdout)
    assert (report["tasks"]["stale"]["number"], report["tasks"]["stale"]["hold"]) == (1, 1)
