import hashlib
from pathlib import Path

import orjson

from synthtools.errors import Dropped, ParseError, SynthToolsError
from synthtools.runs.item import Item, Outcome, content_hash
from synthtools.runs.journal import RunLedger
from synthtools.runs.reader import STORE_NAME
from synthtools.runs.run import open_run
from synthtools.runs.stages import STAGES
from synthtools.runs.store import Store
from synthtools.types import LedgerEntry, Trajectory, Verdict
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
    assert status["tallies"]["task-audit"]["grade.certified"] == 4
    assert status["tallies"]["trajectory-generation"] == {"records": 4, "scored": 4, "solved": 4}
    assert status["models"] == {"other": ["fake"]}
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
    named, advice = damaged.stderr.splitlines()
    assert named == "the task-audit record bikes_spec_003_seq00 does not match its content hash"
    assert f"restore {run / STORE_NAME} from a copy" in advice


def test_status_says_how_good_what_was_made_is(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", losing)
    lines = quality_of(run)
    assert lines["tools certified"] == "0 of 3 designed (0%)"
    assert lines["tasks by grade"] == "4 certified"
    assert lines["broken solutions found out"] == "none tried"
    assert lines["rollouts solved"] == "4 of 4 scored (100%), 95 % interval 51% to 100%"
    causes = iter(["agent", "simulator"])
    with Store(run) as store:
        for item in list(store.each("trajectory-generation"))[:2]:
            cause = next(causes)
            verdict = Verdict(reward=0.0 if cause == "agent" else None, passed=False, explanation="", cause=cause)
            store.put(rollout_outcome(item, verdict))
        store.write(lambda connection: connection.execute("DELETE FROM tallies WHERE stage = 'env-generation'"))
    lines = quality_of(run)
    assert lines["rollouts solved"] == "2 of 3 scored (67%), 95 % interval 21% to 94%"
    assert lines["rollouts unsolved, by cause"] == "1 agent, 1 simulator"
    assert lines["tools certified"] == "not counted: made by an older version"


def test_status_says_who_did_what_and_warns_of_a_judge_of_its_own_work(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run")
    assert "models: fake (every role)" in invoke("status", "--run", run).stdout
    with Store(run) as store:
        for role in ("FirstTurn", "SolveTurn"):
            RunLedger(store).write(LedgerEntry(role=role, model="hosted_vllm/q"))
    told = " ".join(invoke("status", "--run", run).stdout.split())
    assert "solver and evolver are the same model (hosted_vllm/q): it solves what it wrote itself" in told
    with Store(run) as store:
        RunLedger(store).write(LedgerEntry(role="JudgeTurn", model="hosted_vllm/q"))
    told = invoke("status", "--run", run).stdout
    assert "hosted_vllm/q (evolver, solver, judges); fake (other)" in told
    assert "are the same model (hosted_vllm/q): the judge's word is not independent" in " ".join(told.split())


def quality_of(run: Path) -> dict[str, str]:
    """The rows of the table, those that were folded put together again."""
    rows: dict[str, str] = {}
    table = invoke("status", "--run", run).stdout.partition("Quality")[2]
    for line in table.splitlines():
        if line.startswith("│"):
            what, how_much = (cell.strip() for cell in line.split("│")[1:3])
            what = what or list(rows)[-1]
            rows[what] = f"{rows.get(what, '')} {how_much}".strip()
    return rows


def rollout_outcome(item: Item, verdict: Verdict) -> Outcome:
    stage = STAGES["trajectory-generation"]
    rollout = Trajectory(task_id=item.parent, stop_reason="answered", answer="Done.", verdict=verdict)
    payload = stage.write(rollout)
    hash = content_hash(payload, stage.unhashed)
    return Outcome(item, "done", payload, hash, tallies=stage.tallies(rollout))


def test_a_rollout_that_is_not_scored_is_shown_with_what_is_wrong_line_by_line(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run")
    explanation = 'not solved (simulator)\nFAILED state: 1 record\n  loans/LOA-1\n    - status: "lent"'
    verdict = Verdict(reward=None, passed=False, explanation=explanation, cause="simulator")
    with Store(run) as store:
        item = next(store.each("trajectory-generation"))
        store.put(rollout_outcome(item, verdict))
    told = invoke("show", item.id, "--run", run).stdout
    assert "not solved (simulator), not scored\n" in told
    assert '\n  loans/LOA-1\n    - status: "lent"\n' in told


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
