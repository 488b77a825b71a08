"""Wrong input is one clear line on stderr and exit code 2; an unreachable model is 3. Nothing is lost."""

import socket
import sqlite3
from pathlib import Path

import pytest

from synthtools.runs.reader import STORE_NAME
from synthtools.runs.schema import APPLICATION_ID, SCHEMA_VERSION
from synthtools.runs.store import Store
from tests.cli.shared import error_of, fake_run, invoke

SCRIPTED = ("--model", "scripted/schema", "--profile", "small")
MADE = (0, 1)
"""Exit codes of a command that ran: random data that fits every schema still fails some items."""
ROW = '{"id": "t1", "field": "Bikes", "summary": "Do it.", "tools": [], "gt_tool_calls": [], "initial_state": null}'


def test_no_such_run(tmp_path: Path) -> None:
    for verb in ("env-audit", "task-audit", "trajectory-generation", "status", "verify"):
        result = invoke(verb, "--run", tmp_path / "absent")
        assert result.exit_code == 2
        assert "no run at" in error_of(result)
    assert not (tmp_path / "absent").exists()


def test_no_field_and_no_word_in_a_field(tmp_path: Path) -> None:
    result = invoke("run", "--run", tmp_path / "run", *SCRIPTED)
    assert (result.exit_code, "no field given" in error_of(result)) == (2, True)
    result = invoke("run", "--run", tmp_path / "run", *SCRIPTED, "--field", "?!")
    assert (result.exit_code, "has no word in it" in error_of(result)) == (2, True)
    assert not (tmp_path / "run").exists()


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    for arguments in (("run", "--field", "Caf\udcff"), ("show", "caf\udcff"), ("run", "--set", "a.b=\udcff")):
        result = invoke(*arguments[:1], "--run", tmp_path / "run", *arguments[1:])
        assert result.exit_code == 2
        assert "is no UTF-8 text" in error_of(result)
    assert not (tmp_path / "run").exists()


def test_a_run_in_use(tmp_path: Path) -> None:
    with Store(fake_run(tmp_path / "run")):
        result = invoke("env-audit", "--run", tmp_path / "run", *SCRIPTED)
        assert (result.exit_code, "is in use by process" in error_of(result)) == (2, True)
        assert invoke("status", "--run", tmp_path / "run").exit_code == 0


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--set", "modle.name=x"), "unknown setting modle: did you mean model?"),
        (("--set", "profile.tools"), "write section.name=value"),
        (("--set", "models.solvr.name=openai/x"), "unknown setting models.solvr: did you mean models.solver?"),
        (("--set", "models.solver=openai/x"), "models.solver is a section"),
        (("--set", "models.judges.temperature=9"), "models.judges.temperature = 9"),
        (("--config", "absent.toml"), "no such settings file"),
        (("--temperature", "9"), "model.temperature = 9.0"),
        (("--profile", "tiny"), "there is no profile 'tiny'"),
        (("--program", "a.json=b", "--program", "env-audit=x"), "there is no stage a.json"),
        (("--program", "env-generation=absent.json"), "absent.json: No such file"),
        (("--model", "nonsense"), "is not a model"),
        (("--model", "nowhere/x"), "no backend nowhere/"),
    ],
)
def test_a_wrong_setting(tmp_path: Path, option: tuple[str, ...], said: str) -> None:
    result = invoke("env-generation", "--run", tmp_path / "run", "--field", "Bikes", *option)
    assert result.exit_code == 2
    assert said in error_of(result)


def test_a_target_that_exists(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("mine")
    result = invoke("run", "--run", tmp_path / "thesis", "--field", "Bikes", *SCRIPTED)
    assert (result.exit_code, "exists and is no run" in error_of(result)) == (2, True)

    (tmp_path / "tasks.jsonl").write_text(ROW + "\n")
    fake_run(tmp_path / "run")
    dataset = ("trajectory-generation", "--dataset", tmp_path / "tasks.jsonl", *SCRIPTED)
    result = invoke(*dataset, "--out", tmp_path / "run")
    assert (result.exit_code, "is a run of its own" in error_of(result)) == (2, True)
    assert sorted(path.name for path in (tmp_path / "thesis").iterdir()) == ["chapter.txt"]


def test_a_store_that_was_emptied_never_costs_the_files_beside_it(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / STORE_NAME).write_bytes(b"")
    (run / "task_content.jsonl").write_text(ROW + "\n")
    result = invoke("run", "--run", run, "--field", "Bikes", *SCRIPTED)
    assert (result.exit_code, "exists and is no run (it holds task_content.jsonl)" in error_of(result)) == (2, True)
    result = invoke("env-audit", "--run", run, *SCRIPTED)
    assert (result.exit_code, "run.sqlite is empty" in error_of(result)) == (2, True)
    assert (run / "task_content.jsonl").read_text() == ROW + "\n"


def test_a_newer_run(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with sqlite3.connect(tmp_path / "run" / STORE_NAME) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    for verb in ("status", "env-audit"):
        result = invoke(verb, "--run", tmp_path / "run")
        assert (result.exit_code, "newer SynthTools" in error_of(result)) == (2, True)


def test_a_malformed_row_is_named_by_file_and_line(tmp_path: Path) -> None:
    dataset = tmp_path / "tasks.jsonl"
    for row, said in (
        ("{not json", "line 2: not JSON"),
        (f'"{"é" * 80}"', "line 2: expected a JSON object"),
        ('{"id": "t2", "tools": 3}', "line 2"),
    ):
        dataset.write_text(f"{ROW}\n{row}\n")
        result = invoke("trajectory-generation", "--dataset", dataset, "--out", tmp_path / "out", *SCRIPTED)
        assert result.exit_code == 2
        assert f"{dataset} {said}" in error_of(result)
        result = invoke("import", "v2", dataset, "--run", tmp_path / "imported")
        assert (result.exit_code, f"{dataset} {said}" in error_of(result)) == (2, True)
    result = invoke("trajectory-generation", "--dataset", tmp_path / "no.jsonl", "--out", tmp_path / "x", *SCRIPTED)
    assert (result.exit_code, "no such file" in error_of(result)) == (2, True)
    assert not (tmp_path / "x").exists()


def test_a_task_that_is_not_there(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run")
    result = invoke("trajectory-generation", "--run", run, "--task-id", "nope", *SCRIPTED)
    assert (result.exit_code, "there is no task nope" in error_of(result)) == (2, True)
    result = invoke("trajectory-generation", "--run", run, "--dataset", "x.jsonl", "--out", "y")
    assert (result.exit_code, "give --run DIR, or --dataset FILE" in error_of(result)) == (2, True)


def test_an_unreachable_server_ends_with_3_and_leaves_a_run_to_resume(tmp_path: Path) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{reserved.getsockname()[1]}/v1"
        result = invoke(
            *("env-generation", "--run", tmp_path / "run", "--field", "Bikes", "--profile", "small"),
            *("--model", "openai/x", "--api-base", address),
        )
    assert result.exit_code == 3
    assert "nothing answers" in error_of(result)
    resumed = invoke("env-generation", "--run", tmp_path / "run", *SCRIPTED, "--accept-changes")
    assert resumed.exit_code in MADE


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = fake_run(tmp_path / "run")
    opened = Store.__init__

    def on_a_full_disk(self: Store, folder: Path, **more: bool) -> None:
        opened(self, folder, **more)
        self.write(lambda connection: connection.execute("PRAGMA max_page_count = 1"))

    monkeypatch.setattr(Store, "__init__", on_a_full_disk)
    result = invoke("env-generation", "--run", run, "--field", "A new field", *SCRIPTED)
    assert result.exit_code == 2
    assert "disk full" in error_of(result)
    monkeypatch.undo()
    assert invoke("status", "--run", run, "--check").exit_code == 0


def test_an_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = invoke("run", "--run", tmp_path / "file" / "run", "--field", "Bikes", *SCRIPTED)
    assert (result.exit_code, error_of(result).startswith("error: ")) == (2, True)
