"""Near-duplicates as a user meets them: the setting, the losses, and what `status --check` reports."""

from pathlib import Path

import orjson

from synthtools.runs.run import open_run
from tests.cli.shared import error_of, fake_run, invoke

LIBRARY = ("--model", "scripted/library", "--profile", "small", "--set", "profile.subfields=1")


def test_status_reports_near_duplicates_where_records_are_checked(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run")
    said = " ".join(invoke("status", "--run", run, "--check").stdout.split())
    assert "near-duplicates among 4 tools: 3 within their field, 0 across fields" in said
    assert "AddLoan of bikes_spec_002 and AddLoan of bikes_spec_001 (1.00)" in said
    assert "near-duplicates" not in invoke("status", "--run", run).stdout
    report = orjson.loads(invoke("status", "--run", run, "--check", "--json").stdout)
    assert report["near_duplicates"]["tools"]["within_fields"]["count"] == 3
    assert report["near_duplicates"]["scenarios"]["seen"] == 4


def test_tools_that_repeat_an_earlier_environment_are_losses_with_their_reason(tmp_path: Path) -> None:
    for_two = ("--set", "profile.scenarios=2")
    made = invoke("env-generation", "--run", tmp_path / "run", "--field", "Tea shops", *LIBRARY, *for_two)
    assert made.exit_code == 0, made.stderr
    loose = ("--set", "profile.duplicate_threshold=0.05", "--accept-changes")
    assert invoke("env-audit", "--run", tmp_path / "run", *loose).exit_code == 0
    with open_run(tmp_path / "run") as run:
        first, second = run.audits()
        losses = run.status().losses
    assert {audit.reason for audit in first.audits} == {""}
    repeated = [audit for audit in second.audits if audit.reason == "near-duplicate"]
    assert repeated
    assert all("of tea_shops_spec_001 (similarity" in audit.detail for audit in repeated)
    assert losses == {"near-duplicate": len(repeated)}


def test_a_threshold_out_of_bounds_is_refused(tmp_path: Path) -> None:
    wrong = ("--set", "profile.duplicate_threshold=0")
    result = invoke("env-generation", "--run", tmp_path / "run", "--field", "Tea shops", *LIBRARY, *wrong)
    assert result.exit_code == 2
    assert "profile.duplicate_threshold" in error_of(result)
