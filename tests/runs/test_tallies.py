"""What a run counts of its records, without reading them again."""

import sqlite3
from pathlib import Path

import pytest

from synthtools.runs.item import Item, Outcome, content_hash
from synthtools.runs.reader import STORE_NAME, StoreReader
from synthtools.runs.stages import STAGES
from synthtools.runs.status import read_status
from synthtools.runs.store import Store
from synthtools.types import (
    AuditedEnv,
    Certificate,
    EnvSpec,
    ModeScore,
    Scenario,
    Task,
    ToolAudit,
    ToolCode,
    Trajectory,
    Verdict,
)
from synthtools.types.environment import Drop
from synthtools.types.task import KillCount
from tests.runs.fake_programs import CALL, TOOL


def done(item: Item, tallies: dict[str, int], payload: bytes = b"{}") -> Outcome:
    return Outcome(item, "done", payload, content_hash(payload), tallies=tallies)


def test_counts_add_up_over_items_and_are_replaced_when_one_is_done_again(tmp_path: Path) -> None:
    with Store(tmp_path / "run", create=True) as store:
        first, second = Item("task-audit", "a"), Item("task-audit", "b")
        store.put(done(first, {"records": 1, "killed": 3, "variants": 4}))
        store.put(done(second, {"records": 1, "killed": 5, "variants": 5, "nothing": 0}))
        assert store.tallies() == {"task-audit": {"records": 2, "killed": 8, "variants": 9}}
        store.put(done(first, {"records": 1, "killed": 1}))
        assert StoreReader(tmp_path / "run").tallies() == {"task-audit": {"records": 2, "killed": 6, "variants": 5}}


def test_a_record_that_waits_to_be_made_again_does_not_count_and_keeps_its_counts(tmp_path: Path) -> None:
    with Store(tmp_path / "run", create=True) as store:
        item = Item("task-audit", "a")
        store.put(done(item, {"records": 1, "killed": 3}))
        store.redo("task-audit")
        assert store.tallies() == {}
        store.put(Outcome(item, "dropped", reason="leaks"))
        assert store.tallies() == {"task-audit": {"records": 1, "killed": 3}}


def test_a_run_of_an_older_version_is_read_brought_up_to_date_and_told_apart(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with Store(folder, create=True) as store:
        store.put(done(Item("task-audit", "a"), {"records": 1, "killed": 3}))
    with sqlite3.connect(folder / STORE_NAME) as connection:  # as the first version left its files
        connection.executescript(
            "DROP TABLE in_flight; DROP TABLE compiles; DROP TABLE candidates; DROP TABLE evaluations; "
            "DROP TABLE tallies; ALTER TABLE ledger DROP COLUMN ended; ALTER TABLE ledger DROP COLUMN retry; "
            "PRAGMA user_version = 1;"
        )
    status = read_status(StoreReader(folder))
    assert (status.tallies, status.uncounted("task-audit")) == ({}, 1)
    assert status.to_json()["tallies"] == {"task-audit": {"not_counted": 1}}
    with Store(folder) as store:
        assert store.payload("task-audit", "a") == b"{}"
        store.put(done(Item("task-audit", "b"), {"records": 1, "killed": 4}))
        assert read_status(store).to_json()["tallies"] == {"task-audit": {"records": 1, "killed": 4, "not_counted": 1}}


ENV = EnvSpec(
    id="bikes_spec_001",
    scenario=Scenario(field="Bikes", subfield="Rental", title="A shop"),
    tools=(TOOL, TOOL.model_copy(update={"name": "ShowLoan", "writes": ()})),
    code={"AddLoan": ToolCode(source="x", certified=True), "ShowLoan": ToolCode(source="x", guard_certified=True)},
    drops=(Drop(part="tool:CancelLoan", reason="not certified"), Drop(part="collection:x", reason="empty")),
)
AUDITED = AuditedEnv(
    env=ENV,
    audits=(
        ToolAudit(tool="AddLoan", kept=True, scores={"rule": ModeScore(correct=2, judged=3)}),
        ToolAudit(tool="ShowLoan", scores={"rule": ModeScore(correct=1, judged=1)}),
    ),
)
CERTIFIED = Certificate(grade="certified", variants=9, killed=8, kills={"dropped": KillCount(tried=4, killed=3)})


def task(certificate: Certificate | None) -> Task:
    return Task(
        id="bikes_spec_001_seq01",
        field="bikes",
        summary="Lend it.",
        tools=(TOOL,),
        gt_tool_calls=(CALL,),
        initial_state={},
        final_state={"loans": {}},
        certificate=certificate,
    )


def rollout(**verdict: object) -> Trajectory:
    return Trajectory(task_id="t", stop_reason="answered", verdict=Verdict(explanation="", **verdict))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stage", "record", "counts"),
    [
        (
            "env-generation",
            ENV,
            {"tools": 2, "tools_tried": 3, "tools_certified": 1, "guards_certified": 1, "tools_changing": 1},
        ),
        ("env-audit", AUDITED, {"tools_audited": 2, "tools_kept": 1, "judged.rule": 4, "correct.rule": 3}),
        (
            "task-audit",
            task(CERTIFIED),
            {
                "tasks_changing": 1,
                "grade.certified": 1,
                "variants": 9,
                "killed": 8,
                "variants.dropped": 4,
                "killed.dropped": 3,
            },
        ),
        ("task-audit", task(None), {"tasks_changing": 1, "grade.none": 1}),
        ("trajectory-generation", rollout(reward=1.0, passed=True), {"scored": 1, "solved": 1}),
        (
            "trajectory-generation",
            rollout(reward=0.5, passed=False, cause="parameter"),
            {"scored": 1, "solved": 0, "unsolved.parameter": 1},
        ),
        (
            "trajectory-generation",
            rollout(reward=None, passed=False, cause="simulator"),
            {"scored": 0, "solved": 0, "unsolved.simulator": 1},
        ),
        ("scenarios", (), {}),
    ],
)
def test_each_stage_counts_what_its_records_are_worth(stage: str, record: object, counts: dict[str, int]) -> None:
    assert STAGES[stage].tallies(record) == {"records": 1, **counts}
