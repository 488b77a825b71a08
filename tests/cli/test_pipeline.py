"""The verbs of the pipeline on fake programs: what they make, keep, print and return."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from synthtools.backends.scripted_server import serve
from synthtools.errors import Dropped, SynthToolsError
from synthtools.runs.models import Models
from synthtools.runs.run import open_run
from tests.cli.shared import invoke
from tests.runs.fake_programs import FakeModel, FakeProgram

SCRIPTED = ("--model", "scripted/schema", "--profile", "small", "--set", "profile.subfields=2")
VERBS = ("env-audit", "task-sequences", "task-generation", "task-audit", "trajectory-generation")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeModel:
    """The model that every program of every stage asks."""
    asked = FakeModel()
    monkeypatch.setattr(Models, "program", lambda self, stage: FakeProgram(stage.name, asked, 2))
    return asked


def hashes(folder: Path) -> dict[str, str]:
    with open_run(folder) as run:
        return {name: stage.ids_sha256 for name, stage in run.status().stages.items()}


def lines(path: Path) -> list[Any]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_the_verbs_one_after_another_make_the_same_run_as_run(tmp_path: Path, model: FakeModel) -> None:
    assert invoke("run", "--run", tmp_path / "all", "--field", "Bikes", *SCRIPTED).exit_code == 0
    assert invoke("env-generation", "--run", tmp_path / "each", "--field", "Bikes", *SCRIPTED).exit_code == 0
    for verb in VERBS:
        result = invoke(verb, "--run", tmp_path / "each")
        assert result.exit_code == 0, result.stderr
    assert hashes(tmp_path / "all") == hashes(tmp_path / "each")
    asked = len(model.asked)
    for verb in ("run", "env-generation", *VERBS):
        again = invoke(verb, "--run", tmp_path / "each")
        assert (again.exit_code, "nothing to do" in again.stderr) == (0, True)
    assert len(model.asked) == asked


def test_a_run_leaves_its_corpus_and_rollouts_as_files(tmp_path: Path, model: FakeModel) -> None:
    result = invoke("run", "--run", tmp_path / "run", "--field", "Bikes", *SCRIPTED)
    rows = lines(tmp_path / "run" / "task_content.jsonl")
    assert [*rows[0]] == ["id", "field", "summary", "tools", "gt_tool_calls", "initial_state", "final_state"]
    assert [row["id"] for row in rows] == [row["id"] for row in lines(tmp_path / "run" / "task_certificates.jsonl")]
    assert len(lines(tmp_path / "run" / "trajectories.jsonl")) == len(rows) == 4
    assert "task_content.jsonl" in result.stderr


def test_files_that_have_the_records_as_they_are_stay_as_they_are(
    tmp_path: Path, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    invoke("run", "--run", folder, "--field", "Bikes", *SCRIPTED)
    names = ("task_content.jsonl", "task_worlds.jsonl", "task_certificates.jsonl", "trajectories.jsonl")

    def written() -> set[str]:
        """The files that the last command replaced; every one has its own inode, kept here from being used again."""
        new = {name for name in names if not kept[name].exists() or not kept[name].samefile(folder / name)}
        for name in names:
            kept[name].unlink(missing_ok=True)
            kept[name].hardlink_to(folder / name)
        return new

    kept = {name: tmp_path / name for name in names}
    assert written() == {*names}
    content = [(folder / name).read_bytes() for name in names]
    assert invoke("run", "--run", folder).exit_code == 0
    assert written() == set()
    assert invoke("run", "--run", folder, "--samples", "2").exit_code == 0
    assert written() == {"trajectories.jsonl"}
    (folder / "task_worlds.jsonl").unlink()
    invoke("run", "--run", folder)
    assert written() == {*names[:3]}
    monkeypatch.setattr("synthtools.cli.corpus.__version__", "another")
    invoke("run", "--run", folder)
    assert written() == {*names}
    assert [(folder / name).read_bytes() for name in names[:3]] == content[:3]


def test_more_samples_make_more_rollouts_of_chosen_tasks(tmp_path: Path, model: FakeModel) -> None:
    run = tmp_path / "run"
    invoke("run", "--run", run, "--field", "Bikes", *SCRIPTED)
    chosen = ("--task-id", "bikes_spec_001_seq00", "--samples", "3")
    assert invoke("trajectory-generation", "--run", run, *chosen).exit_code == 0
    with open_run(run) as opened:
        ids = [rollout.id for rollout in opened.trajectories()]
    assert [id for id in ids if not id.endswith("#0")] == ["bikes_spec_001_seq00#1", "bikes_spec_001_seq00#2"]


def test_tasks_of_a_file_are_rolled_out_in_a_run_of_their_own(tmp_path: Path, model: FakeModel) -> None:
    invoke("run", "--run", tmp_path / "run", "--field", "Bikes", "--field", "Cars", *SCRIPTED)
    dataset = ("--dataset", tmp_path / "run" / "task_content.jsonl", "--out", tmp_path / "out")
    asked = len(model.asked)
    result = invoke("trajectory-generation", *dataset, "--field", "Cars", "--limit", "3", *SCRIPTED)
    assert result.exit_code == 0, result.stderr
    assert len(model.asked) == asked + 6
    invoke("trajectory-generation", *dataset, *SCRIPTED)
    with open_run(tmp_path / "out") as out:
        assert [r.id for r in out.trajectories()] == [
            f"{field}_spec_{env:03d}_seq0{seq}#0" for field in ("bikes", "cars") for env in (1, 2) for seq in (0, 1)
        ]
    assert len(model.asked) == asked + 16
    assert invoke("trajectory-generation", *dataset, *SCRIPTED).exit_code == 0
    assert len(model.asked) == asked + 16


def test_resummarizing_asks_again_for_every_task(tmp_path: Path, model: FakeModel) -> None:
    run = tmp_path / "run"
    invoke("run", "--run", run, "--field", "Bikes", *SCRIPTED)
    before, asked = hashes(run), len(model.asked)
    assert invoke("task-audit", "--run", run, "--resummarize").exit_code == 0
    assert sorted(model.asked[asked:])[0] == "task-audit:bikes_spec_001_seq00:question 0"
    assert len(model.asked) == asked + 8
    assert hashes(run) == before


def test_the_quickstart_ends_when_its_minimum_exists_and_shows_it(
    tmp_path: Path, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("quickstart", "--field", "tea shops", "--model", "scripted/schema")
    assert result.exit_code == 0, result.stderr
    for part in ("A task", "Lend me the book.", "An agent at work on it", "solved, reward 1.00", "Every try"):
        assert part in result.stdout
    assert re.search(r"^[3-9] audited tools answered by certified code, [2-9] certified", result.stdout, re.MULTILINE)
    assert (tmp_path / "runs" / "quickstart-tea_shops" / "task_content.jsonl").is_file()
    asked = len(model.asked)
    again = invoke("quickstart", "--field", "tea shops", "--model", "scripted/schema")
    assert (again.exit_code, "Lend me the book." in again.stdout, len(model.asked)) == (0, True, asked)


def test_the_quickstart_goes_on_with_further_scenarios_and_fails_honestly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(stage: str, item: str, what: str) -> SynthToolsError | None:
        return Dropped("too few tools") if stage == "env-generation" and item < "bikes_spec_004" else None

    model = FakeModel(fail)
    monkeypatch.setattr(Models, "program", lambda self, stage: FakeProgram(stage.name, model, 1))
    run = tmp_path / "run"
    result = invoke("quickstart", "--field", "bikes", "--run", run, "--model", "scripted/schema")
    assert result.exit_code == 0
    assert "subfields:bikes_r1:question 0" in model.asked
    with open_run(run) as opened:
        assert next(opened.environments()).id == "bikes_spec_004"

    hopeless = FakeModel(lambda stage, item, what: Dropped("too few tools") if stage == "env-generation" else None)
    monkeypatch.setattr(Models, "program", lambda self, stage: FakeProgram(stage.name, hopeless, 1))
    result = invoke("quickstart", "--field", "cars", "--run", tmp_path / "cars", "--model", "scripted/schema")
    assert result.exit_code == 1
    assert "not there yet: 0 of 3 audited tools" in result.stderr


def test_ctrl_c_finishes_what_is_in_flight_and_says_how_to_resume(tmp_path: Path) -> None:
    with serve(latency=0.2) as server:
        command = [
            *(sys.executable, "-c", "from synthtools.cli import app; app()"),
            *("env-generation", "--run", str(tmp_path / "run"), "--field", "Bikes", "--profile", "small"),
            *("--model", "openai/scripted", "--api-base", server.url),
        ]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert server.arrived.wait(60)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        assert process.returncode == 130
        assert "the same command resumes" in said
        assert len(server.requests) == 1
    with open_run(tmp_path / "run") as run:
        assert run.status().stages["subfields"].done == 1
        assert run.status().stages["scenarios"].left == 3
