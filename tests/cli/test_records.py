import hashlib
from pathlib import Path

import orjson

from synthtools.errors import Dropped, ParseError, SynthToolsError
from synthtools.runs.run import open_run
from synthtools.runs.store import Store
from tests.cli.shared import fake_run, invoke


def losing(stage: str, item: str, what: str) -> SynthToolsError | None:
    if (stage, item) == ("env-generation", "bikes_spec_001"):
        return Dropped("too few tools")
    if (stage, item) == ("env-audit", "bikes_spec_002"):
        return ParseError("no \x1b[31mJSON")
    return None


def test_status_has_the_shape_that_scripts_rely_on(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", losing)
    status = orjson.loads(invoke("status", "--run", run, "--json").stdout)
    assert status["run"] == str(run)
    with open_run(run) as opened:
        lines = "".join(f"{i.id}\t{opened.store.hash_of(i.stage, i.id)}\n" for i in opened.store.each("task-audit"))
    assert status["stages"]["task-audit"] == {
        "done": 4,
        "dropped": 0,
        "failed": 0,
        "left": 0,
        "ids_sha256": hashlib.sha256(lines.encode()).hexdigest(),
    }
    assert status["drops"] == {"too few tools": 1}
    assert status["failures"] == {"parse": 1}
    assert status["usage"]["calls"] == 46
    calls = orjson.loads(invoke("status", "--run", run, "--json", "--cost").stdout)["calls"]
    assert sum(row["calls"] for row in calls) == 46


def test_status_is_readable_and_check_finds_damage(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", losing)
    shown = invoke("status", "--run", run, "--cost", "--check")
    assert shown.exit_code == 0
    assert "1 dropped:" in shown.stdout
    assert "every record matches its hash" in shown.stdout
    with Store(run) as store:
        store.write(
            lambda connection: connection.execute(
                "UPDATE payloads SET body = x'00' WHERE seq = (SELECT seq FROM items WHERE stage = 'task-audit')"
            )
        )
    damaged = invoke("status", "--run", run, "--check")
    assert damaged.exit_code == 2
    assert "the task-audit record bikes_spec_003_seq00 does not match" in damaged.stderr


def test_every_record_and_every_loss_can_be_shown(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", losing)
    rollout = invoke("show", "bikes_spec_003_seq01#0", "--run", run)
    assert "solved, reward 1.00" in rollout.stdout
    task = invoke("show", "bikes_spec_003_seq01", "--run", run)
    assert "Lend me the book." in task.stdout and "AddLoan(book='BOK-1')" in task.stdout
    for id in ("bikes", "bikes_sub000", "bikes_spec_003"):
        assert invoke("show", id, "--run", run).exit_code == 0
    assert "Audit" in invoke("show", "bikes_spec_003", "--run", run).stdout
    sequences = invoke("show", "bikes_spec_003", "--stage", "task-sequences", "--run", run)
    assert "bikes_spec_003_seq00: AddLoan" in sequences.stdout
    assert "dropped: too few tools" in invoke("show", "bikes_spec_001", "--run", run).stdout
    failed = invoke("show", "bikes_spec_002", "--stage", "env-audit", "--run", run).stdout
    assert "failed (parse): ParseError: no" in failed
    assert "\x1b" not in failed
    row = orjson.loads(invoke("show", "bikes_spec_003_seq01", "--run", run, "--json").stdout)
    assert row["summary"] == "Lend me the book."


def test_an_unknown_id_is_one_line_with_what_there_is(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run")
    result = invoke("show", "bikes_spec_009", "--run", run)
    assert result.exit_code == 2
    assert "has no record bikes_spec_009; there are" in result.stderr


def test_records_are_read_as_iterators_while_the_run_is_in_use(tmp_path: Path) -> None:
    with Store(fake_run(tmp_path / "run")), open_run(tmp_path / "run") as run:
        assert [env.id for env in run.environments()] == [f"bikes_spec_{n:03d}" for n in (1, 2, 3, 4)]
        assert sum(1 for _ in run.audits()) == 4
        task = next(run.tasks())
        assert (task.id, task.field) == ("bikes_spec_001_seq00", "Bikes")
        assert all(rollout.verdict is not None for rollout in run.trajectories())
        assert run.status().stages["trajectory-generation"].done == 8


def test_fields_and_models_are_listed() -> None:
    fields = orjson.loads(invoke("fields", "--json").stdout)
    assert len(fields) >= 100
    assert invoke("fields").stdout.splitlines()[0] == fields[0]["name"]
    models = orjson.loads(invoke("models", "list", "--json").stdout)
    assert models[0]["name"] == "embedded/qwen2.5-coder-1.5b"
    assert invoke("models", "list").exit_code == 0
    assert invoke("models", "pull", "nonsense").exit_code == 2
