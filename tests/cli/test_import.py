import re
from pathlib import Path

import orjson

from synthtools.runs.run import open_run
from tests.cli.shared import invoke
from tests.sample_data import sample

SCRIPTED = ("--model", "scripted/schema", "--profile", "small")


def test_old_tools_become_environments_that_the_audit_goes_on_from(tmp_path: Path) -> None:
    path = sample("v1_tools_sample.jsonl.gz")
    result = invoke("import", "v1", path, "--run", tmp_path / "run")
    assert result.exit_code == 0
    assert "imported 2264 tools" in result.stderr
    with open_run(tmp_path / "run") as run:
        assert sum(len(env.tools) for env in run.environments()) == 2264
        status = run.status()
    assert status.stages["env-audit"].left == status.stages["env-generation"].done > 0
    changes = [orjson.loads(line) for line in (tmp_path / "run" / "import_changes.jsonl").open()]
    assert {"id", "tool", "part", "kind"} <= changes[0].keys()


def test_the_import_says_how_many_constraints_in_prose_became_fields(tmp_path: Path) -> None:
    parameters = {
        "days": {"type": "integer", "required": True, "description": "Days ahead (7-365)"},
        "level": {"type": "string", "required": True, "description": "Level (low, medium, high)"},
        "carrier": {"type": "string", "required": True, "description": "Carrier (UPS, DHL, etc.)"},
        "email": {"type": "string", "required": True, "description": "Email (required if there is no phone)"},
    }
    path = tmp_path / "v1.jsonl"
    path.write_bytes(orjson.dumps({"id": "a__X", "tool": {"tool_name": "X", "parameters": parameters}}))
    result = invoke("import", "v1", path, "--run", tmp_path / "run")
    assert result.exit_code == 0
    rows = [re.findall(r"\w+", line) for line in result.stdout.splitlines()]
    for row in (["range", "1", "0", "0"], ["choices", "1", "1", "0"], ["relation", "0", "0", "1"]):
        assert row in rows
    changes = [orjson.loads(line) for line in (tmp_path / "run" / "import_changes.jsonl").open()]
    told = {change["part"]: (change["kind"], change["constraint"]) for change in changes}
    assert told["parameters.carrier"] == ("constraint doubtful", "choices")


def test_old_tasks_are_ready_for_rollouts_and_importing_twice_changes_nothing(tmp_path: Path) -> None:
    path = sample("v2_tasks_sample.jsonl")
    for _ in range(2):
        assert invoke("import", "v2", path, "--run", tmp_path / "run").exit_code == 0
    with open_run(tmp_path / "run") as run:
        assert len(list(run.tasks())) == 3
        assert run.status().stages["trajectory-generation"].left == 3


def test_another_record_under_a_known_id_is_refused(tmp_path: Path) -> None:
    dataset = tmp_path / "tasks.jsonl"
    row = {"id": "t", "field": "Bikes", "summary": "One.", "tools": [], "gt_tool_calls": []}
    for summary in ("One.", "Two."):
        dataset.write_bytes(orjson.dumps({**row, "summary": summary, "initial_state": None, "final_state": None}))
        result = invoke("import", "v2", dataset, "--run", tmp_path / "run")
    assert result.exit_code == 2
    assert "has another task-audit record t" in result.stderr
