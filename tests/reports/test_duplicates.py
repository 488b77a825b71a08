"""The report of repetitions: within fields and across them, of what later stages may use."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from synthtools.reports.duplicates import Repeated, find_repetitions
from synthtools.runs.item import Item, Outcome, content_hash
from synthtools.runs.stages import STAGES
from synthtools.runs.store import Store
from synthtools.types import AuditedEnv, EnvSpec, Parameter, Scenario, Tool, ToolAudit

CANCEL = Tool(name="CancelBooking", description="Cancels a booking.", parameters={"booking_id": Parameter("string")})
ORDER = Tool(name="FindOrders", description="Finds orders by day.", parameters={"day": Parameter("string")})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "run", create=True) as opened:
        yield opened


def put(store: Store, stage: str, id: str, record: EnvSpec | AuditedEnv) -> None:
    payload = STAGES[stage].write(record)
    store.put(Outcome(Item(stage, id, field=id.partition("_")[0]), "done", payload, content_hash(payload)))


def env(id: str, title: str, *tools: Tool) -> EnvSpec:
    return EnvSpec(id=id, scenario=Scenario(field="F", subfield="S", title=title), tools=tools)


def test_repetitions_are_counted_by_field_and_the_closest_named(store: Store) -> None:
    put(store, "env-generation", "bikes_spec_001", env("bikes_spec_001", "Town hire", CANCEL, ORDER))
    put(store, "env-generation", "bikes_spec_002", env("bikes_spec_002", "Harbour ferry", CANCEL))
    put(store, "env-generation", "cars_spec_001", env("cars_spec_001", "Town hire", CANCEL))
    tools, scenarios = find_repetitions(store, 0.65)
    assert (tools.seen, tools.within.count, tools.across.count) == (4, 1, 1)
    assert tools.within.closest == [(1.0, "CancelBooking of bikes_spec_002", "CancelBooking of bikes_spec_001")]
    assert tools.across.closest == [(1.0, "CancelBooking of cars_spec_001", "CancelBooking of bikes_spec_001")]
    assert (scenarios.seen, scenarios.within.count, scenarios.across.count) == (3, 0, 1)
    assert [*scenarios.lines()] == [
        "near-duplicates among 3 scenarios: 0 within their field, 1 across fields",
        "  across fields: Town hire of cars_spec_001 and Town hire of bikes_spec_001 (1.00)",
    ]


def test_tools_that_an_audit_left_out_do_not_count(store: Store) -> None:
    for id, kept in (("bikes_spec_001", True), ("bikes_spec_002", False)):
        put(store, "env-generation", id, env(id, f"Scenario {id}", CANCEL, ORDER))
        audits = (ToolAudit(tool="CancelBooking", kept=kept), ToolAudit(tool="FindOrders", kept=not kept))
        put(store, "env-audit", id, AuditedEnv(env=env(id, f"Scenario {id}", CANCEL, ORDER), audits=audits))
    tools, _ = find_repetitions(store, 0.65)
    assert (tools.seen, tools.within.count) == (2, 0)


def test_only_the_closest_pairs_are_kept_however_many_there_are() -> None:
    found = Repeated("tools", 0.3)
    found.add("bikes", "first", "cancel booking booking id\ncancels a booking of a guest at the desk")
    for number in range(40):
        words = " ".join(["at", "desk", "today", "please"][: number % 5])
        found.add("bikes", str(number), f"cancel booking booking id\ncancels a booking of a guest {words}")
    assert found.within.count == 40
    assert [pair.similarity for pair in found.within.closest] == [1.0, 1.0, 1.0]
    assert found.to_json()["seen"] == 41
