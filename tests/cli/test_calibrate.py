"""`calibrate` on a run whose tools a model serves: labels typed or in a table, and what is said of the judge."""

import csv
import io
import os
import pty
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from synthtools.cli import app
from synthtools.cli.actions.calibrate_labels import label_cases
from synthtools.cli.outcomes import task_outcome
from synthtools.optimizers.calibration.judged import Given, JudgedCase
from synthtools.programs.env_audit import EnvAudit
from synthtools.runs.item import Item, Outcome, content_hash
from synthtools.runs.journal import RunLedger
from synthtools.runs.run import open_run
from synthtools.runs.stages import STAGES
from synthtools.runs.store import Store
from synthtools.types import SMALL, LedgerEntry, Step, Trajectory, TrajectoryVerdict
from tests.cli.shared import error_of, invoke
from tests.e2e.shared import command
from tests.library import playing, served, task

AUDIT = ("env-audit", "--model", "scripted/calibrated", "--profile", "small", "--set", "profile.happy_calls=4")


def whimsical(inputs: dict[str, Any], schema: dict[str, Any], seed: int) -> dict[str, Any]:
    """A judge whose verdict hangs on the length of the arguments."""
    verdicts = schema["properties"]["verdict"]["enum"]
    return {"reason": "Because [red]\x1b[31m", "verdict": verdicts[len(str(inputs["arguments"])) % len(verdicts)]}


def plan_environments(folder: Path, *numbers: int) -> None:
    """Environments without code, in fields of their own, so that none repeats another."""
    stage = STAGES["env-generation"]
    with Store(folder, create=True) as store:
        for number in numbers:
            env = served().env.model_copy(update={"id": f"field{number}_spec_001"})
            payload = stage.write(env)
            item = Item(stage.name, env.id, f"field{number}_sub000", field=f"field{number}")
            store.put(Outcome(item, "done", payload, content_hash(payload)))


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in which the judge was asked."""
    folder = tmp_path_factory.mktemp("audited") / "run"
    playing("calibrated", {"JudgeResponse": whimsical})
    plan_environments(folder, 0, 1)
    assert invoke(*AUDIT, "--run", folder).exit_code == 0
    return folder


@pytest.fixture
def run(audited: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(audited, tmp_path / "run"))


def typed(run: Path, lines: str, *options: str) -> Result:
    arguments = ["calibrate", "response-judge", "--run", str(run), *options]
    return CliRunner().invoke(app, arguments, input=lines)


def labelled(run: Path, path: Path, label: Callable[[dict[str, str]], str]) -> Result:
    """The judge's verdicts written to a table, labelled there, and read back."""
    assert invoke("calibrate", "response-judge", "--run", run, "--size", "500", "--csv", path).exit_code == 0
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows([{**row, "label": label(row)} for row in rows])
    return invoke("calibrate", "response-judge", "--run", run, "--labels", path)


def all_correct(row: dict[str, str]) -> str:
    """The library's simulator is always right."""
    return "correct"


def report(run: Path) -> dict[str, Any]:
    return orjson.loads(invoke("calibrate", "response-judge", "--run", run, "--report", "--json").stdout)


def standing(run: Path) -> dict[str, Any]:
    return orjson.loads(invoke("status", "--run", run, "--json").stdout)["judges"]["response-judge"]


def test_labels_of_a_table_make_a_calibration_that_is_shown_everywhere(run: Path, tmp_path: Path) -> None:
    assert standing(run) == {"standing": "not calibrated"}
    assert "judges: response-judge not calibrated" in invoke("status", "--run", run).stdout
    result = labelled(run, tmp_path / "table.csv", all_correct)
    assert result.exit_code == 0, result.stderr
    assert "threshold: none is fitted: the verdicts have no scores" in result.stdout
    found = report(run)["calibration"]
    with open_run(run) as opened:
        judged = [
            call.verdict.verdict
            for record in opened.audits()
            for audit in record.audits
            for call in audit.calls
            if call.test.mode in ("happy", "rule") and call.response.answered_by == "model"
        ]
    assert found["corpus"] == dict(Counter(judged)), "what code judged or answered is no verdict of the judge"
    assert found["labelled"] == len(judged) > 15
    assert found["true_rate"]["value"] == 1.0
    assert found["judged_rate"] == pytest.approx(judged.count("correct") / len(judged))
    assert found["judged_by"]["model"] == "scripted/calibrated"
    assert len(found["judged_by"]["prompt"]) == 64
    assert standing(run)["standing"] == "calibrated"
    line = "calibrated: kappa 0.00"
    assert line in invoke("status", "--run", run).stdout
    assert line in invoke("show", "field0_spec_001", "--run", run).stdout
    assert (run / "calibration" / "response-judge.json").is_file()


def test_labels_are_typed_one_at_a_time_and_kept_at_once(run: Path) -> None:
    first = typed(run, "r\nhm\ns\nw\n2\nq\n", "--size", "10", "--seed", "3")
    assert first.exit_code == 0 and report_fails(run), "a calibration needs a label of each verdict"
    assert "2 labels are kept; not calibrated yet: no label yet of a verdict" in first.stderr
    assert first.stderr.strip().endswith("the same command goes on")
    assert "1 of 10" in first.stdout and "3 of 10" in first.stdout
    assert "Type one of the letters, then Enter" in first.stdout
    assert "\x1b" not in first.stdout and "[red]" in first.stdout, "what a model wrote is no markup"
    kept = orjson.loads((run / "calibration" / "response-judge.labels.json").read_bytes())
    assert (kept["size"], kept["seed"], len(kept["labels"])) == (10, 3, 2)
    rest = typed(run, "r\n" * 8)
    assert rest.exit_code == 0, rest.stderr
    assert "3 of 10" in rest.stdout and "1 of 10" not in rest.stdout
    assert report(run)["calibration"]["labelled"] == 10
    again = typed(run, "")
    assert (again.exit_code, " of 10" in again.stdout) == (0, False), "nothing is asked twice"


def test_an_id_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch, audited: Path) -> None:
    case = JudgedCase(Given("key", "[red]id[/red]", "yes", "f", "m"), ("yes", "no"), "", lambda run: {})
    shown = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO("q\n"))
    with open_run(audited) as opened:
        assert list(label_cases(Console(file=shown), "Right?", [case], opened, 0, 1)) == []
    assert "[red]id[/red]" in shown.getvalue()


def test_the_end_of_the_input_means_to_quit(run: Path) -> None:
    assert typed(run, "r\n").exit_code == 0
    assert len(orjson.loads((run / "calibration" / "response-judge.labels.json").read_bytes())["labels"]) == 1


def test_labels_are_typed_at_a_real_terminal_while_the_run_is_in_use(run: Path) -> None:
    ours, theirs = pty.openpty()
    with Store(run):
        asked = subprocess.Popen(
            command("calibrate", "response-judge", "--run", run, "--size", "4"),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "dumb", "COLUMNS": "100"},
        )
        os.close(theirs)
        seen = b""
        for key in (b"r\n", b"q\n"):
            before = seen.count(b"q quit > ")
            while seen.count(b"q quit > ") == before:
                seen += os.read(ours, 4096)
            os.write(ours, key)
        assert asked.wait(timeout=60) == 0
    os.close(ours)
    assert b"Did the tool answer the test call" in seen
    labels = orjson.loads((run / "calibration" / "response-judge.labels.json").read_bytes())["labels"]
    assert len(labels) == 1


def test_another_prompt_or_model_makes_a_calibration_stale(run: Path, tmp_path: Path) -> None:
    labelled(run, tmp_path / "table.csv", all_correct)
    other = EnvAudit(SMALL)
    predict = other.judge.predict
    predict.signature = predict.signature.with_instructions("Judge whether the tool answered rightly.")
    other.save(str(tmp_path / "other.json"))
    plan_environments(run, 2)
    again = (*AUDIT, "--run", run, "--accept-changes", "--program", tmp_path / "other.json")
    assert invoke(*again).exit_code == 0
    assert standing(run)["standing"] == "stale"
    for arguments in (("status",), ("show", "field2_spec_001")):
        assert "stale: its prompt changed since" in invoke(*arguments, "--run", run).stdout
    stale = report(run)
    assert (stale["standing"], stale["changed"]) == ("stale", "prompt")
    assert labelled(run, tmp_path / "new.csv", all_correct).exit_code == 0
    renewed = report(run)
    assert renewed["standing"] == "calibrated"
    with open_run(run) as opened:
        records = {item.id for item in opened.store.each("env-audit")}
    assert len(records) == 3
    assert sum(renewed["calibration"]["corpus"].values()) < sum(stale["calibration"]["corpus"].values())
    plan_environments(run, 3)
    playing("second", {"JudgeResponse": whimsical})
    assert invoke(*again, "--judge-model", "scripted/second").exit_code == 0
    assert "stale: its model changed since" in invoke("status", "--run", run).stdout


def test_rollouts_that_a_judge_read_are_labelled_as_well(tmp_path: Path) -> None:
    stage = STAGES["trajectory-generation"]
    subject = task()
    with Store(tmp_path / "run", create=True) as store:
        store.put(task_outcome(subject, SMALL))
        RunLedger(store).write(LedgerEntry(stage=stage.name, role="JudgeTrajectory", model="m"))
        for sample in range(8):
            rollout = Trajectory(
                task_id=subject.id,
                sample=sample,
                steps=(Step(),),
                answer="Done.",
                stop_reason="answered",
                judgement=TrajectoryVerdict(goal_reached=sample % 2 == 0) if sample < 6 else None,
            )
            payload = stage.write(rollout)
            item = Item(stage.name, rollout.id, subject.id, sample)
            store.put(Outcome(item, "done", payload, content_hash(payload, stage.unhashed)))
    arguments = ["calibrate", "trajectory-judge", "--run", str(tmp_path / "run"), "--json"]
    result = CliRunner().invoke(app, arguments, input="r\nw\nr\nr\nr\nr\n")
    assert result.exit_code == 0, result.stderr
    assert subject.summary.split()[0] in result.stderr
    found = orjson.loads(result.stdout)["calibration"]
    assert (found["positive"], found["labelled"]) == ("goal_reached", 6)
    assert found["judged_by"] == {"prompt": "", "model": "m"}
    shown = invoke("show", f"{subject.id}#0", "--run", tmp_path / "run").stdout
    assert "trajectory-judge calibrated: kappa" in shown
    assert "trajectory-judge" not in invoke("show", f"{subject.id}#7", "--run", tmp_path / "run").stdout


def test_bad_input_is_one_line(run: Path, tmp_path: Path) -> None:
    for arguments, said in (
        (("turn-judge",), "turn-judge cannot be calibrated"),
        (("referee",), "there is no judge referee; the judges that can be calibrated are response-judge"),
        (("solution-judge",), "has no verdict of the solution-judge as it is now"),
        (("response-judge", "--report"), "is not calibrated: no label yet"),
        (("response-judge", "--report", "--csv", "x.csv"), "give one of them"),
        (("response-judge", "--report", "--size", "9"), "--size and --seed choose what is to be labelled"),
        (("response-judge", "--csv", "x.csv", "--json"), "--json prints a calibration"),
        (("response-judge", "--labels", tmp_path / "none.csv"), "none.csv cannot be read"),
    ):
        result = invoke("calibrate", *arguments, "--run", run)
        assert result.exit_code == 2
        assert said in error_of(result)
    assert invoke("calibrate", "response-judge", "--run", tmp_path / "nowhere").exit_code == 2


def test_a_wrong_label_names_file_line_and_column_and_keeps_nothing(run: Path, tmp_path: Path) -> None:
    result = labelled(run, tmp_path / "table.csv", lambda row: "right" if row["verdict"] == "correct" else "perhaps")
    assert result.exit_code == 2
    assert "table.csv, line " in error_of(result) and "column label: 'perhaps': write right" in error_of(result)
    assert report_fails(run)


def report_fails(run: Path) -> bool:
    return invoke("calibrate", "response-judge", "--run", run, "--report").exit_code == 2
