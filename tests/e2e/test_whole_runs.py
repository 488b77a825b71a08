"""Whole runs over a real socket, on a server that plays every role: what a user with a server of their own gets."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest

from synthtools.backends.scripted import script_named
from synthtools.backends.scripted_server import ScriptedServer, serve
from synthtools.cli.actions import pipeline
from synthtools.runs.run import open_run
from tests.cli.shared import invoke
from tests.e2e.shared import SMALL, VERBS, command, finished, hashes

CHECK = Path(__file__).with_name("check_quickstart.py")


class Whole(NamedTuple):
    """A finished run of all stages, the server it asked, and how often."""

    folder: Path
    server: ScriptedServer
    model: tuple[str, ...]
    requests: int


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with serve(script_named("library")) as server:
        folder = tmp_path_factory.mktemp("whole") / "run"
        model = ("--model", "openai/library", "--api-base", server.url)
        result = invoke("run", "--run", folder, "--field", "Bicycle rental", *model, *SMALL)
        assert result.exit_code == 0, result.stderr
        yield Whole(folder, server, model, len(server.requests))


def test_certified_tasks_and_solved_rollouts_come_out(whole: Whole) -> None:
    with open_run(whole.folder) as run:
        status = run.status()
        assert {stage.failed for stage in status.stages.values()} == {0}
        assert {stage.left for stage in status.stages.values()} == {0}
        assert status.stages["env-audit"].done == 2
        grades = [task.certificate.grade for task in run.tasks() if task.certificate]
        rollouts = list(run.trajectories())
    assert len(grades) >= 4
    assert set(grades) == {"certified"}
    assert len(rollouts) == len(grades)
    assert sum(rollout.verdict is not None and rollout.verdict.passed for rollout in rollouts) >= 3


def test_the_check_of_a_quickstart_accepts_what_it_should_and_says_what_is_wrong(whole: Whole, tmp_path: Path) -> None:
    def checked(folder: Path, *more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([sys.executable, CHECK, folder, *more], capture_output=True, text=True, check=False)

    good = checked(whole.folder, "--model", "openai/")
    assert (good.returncode, good.stderr) == (0, "")
    assert "every promise is kept" in good.stdout

    scripted = checked(whole.folder)
    assert scripted.returncode == 1
    assert "the ledger has calls of openai/library" in scripted.stderr

    spoilt = tmp_path / "spoilt"
    shutil.copytree(whole.folder, spoilt)
    content = spoilt / "task_content.jsonl"
    first, *rest = [orjson.loads(line) for line in content.read_bytes().splitlines()]
    first["summary"] += " Use MarkLoanReturned(loan_id=1)."
    first["final_state"] = {}
    first["more"] = 1
    content.write_bytes(b"\n".join(orjson.dumps(row) for row in (first, *rest)))
    found = checked(spoilt, "--model", "openai/")
    assert found.returncode == 1
    for said in ("not a person's", "do not lead to its final state", "its keys are"):
        assert said in found.stderr


def test_a_second_run_of_any_verb_asks_nothing(whole: Whole) -> None:
    before = hashes(whole.folder)
    asked = len(whole.server.requests)
    for verb in ("run", *VERBS):
        again = invoke(verb, "--run", whole.folder)
        assert (again.exit_code, "nothing to do" in again.stderr) == (0, True), again.stderr
    assert len(whole.server.requests) == asked
    assert hashes(whole.folder) == before


def test_the_verbs_one_after_another_make_the_same_run(whole: Whole, tmp_path: Path) -> None:
    asked = len(whole.server.requests)
    first = invoke("env-generation", "--run", tmp_path / "run", "--field", "Bicycle rental", *whole.model, *SMALL)
    assert first.exit_code == 0, first.stderr
    for verb in VERBS[1:]:
        result = invoke(verb, "--run", tmp_path / "run")
        assert result.exit_code == 0, result.stderr
    assert hashes(tmp_path / "run") == hashes(whole.folder)
    assert len(whole.server.requests) - asked == whole.requests


def test_files_that_a_killed_process_did_not_come_to_write_are_written_by_the_next(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    first = ("run", "--run", folder, "--field", "Bicycle rental", *whole.model, *SMALL)
    assert invoke(*first, "--limit", "1").exit_code == 0
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "write_files", interrupted)
        assert invoke("run", "--run", folder).exit_code == 130
    assert hashes(folder) == hashes(whole.folder)
    assert "nothing to do" in invoke("run", "--run", folder).stderr
    files = sorted(path.name for path in whole.folder.glob("*.jsonl"))
    assert len(files) == 4
    assert [(folder / name).read_bytes() for name in files] == [(whole.folder / name).read_bytes() for name in files]


def interrupted(*given: object) -> None:
    """Where a process ends before it has written anything."""
    raise KeyboardInterrupt


def test_every_rollout_and_task_verifies_again_without_a_model(whole: Whole) -> None:
    asked = len(whole.server.requests)
    result = invoke("verify", "--run", whole.folder)
    assert result.exit_code == 0, result.stderr
    assert len(whole.server.requests) == asked


def test_a_killed_run_goes_on_to_the_same_end_and_repeats_only_what_was_in_flight(whole: Whole, tmp_path: Path) -> None:
    concurrency = 4
    kill_now = threading.Event()
    # Killed while a request waits for its answer, in a stage in which much is done already.
    kill_at = whole.requests // 2
    with serve(
        script_named("library"), latency=0.002, faults=lambda number: kill_now.set() if number == kill_at else None
    ) as server:
        arguments = (
            *("run", "--run", tmp_path / "run", "--field", "Bicycle rental", "--concurrency", str(concurrency)),
            *("--model", "openai/library", "--api-base", server.url, *SMALL),
        )
        with subprocess.Popen(command(*arguments), stderr=subprocess.PIPE, text=True) as process:
            assert kill_now.wait(120)
            process.kill()
            process.communicate(timeout=60)
        assert process.returncode < 0
        assert server.idle.wait(60)
        with open_run(tmp_path / "run") as run:
            assert run.status().stages["trajectory-generation"].left > 0 or run.status().stages["task-audit"].left > 0
        resumed = finished("run", "--run", tmp_path / "run")
        assert resumed.returncode == 0, resumed.stderr
        asked = len(server.requests)
    assert hashes(tmp_path / "run") == hashes(whole.folder)
    assert whole.requests <= asked <= whole.requests + concurrency
