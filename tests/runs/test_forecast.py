"""What a command is likely to make and use, and what a run keeps of that."""

from pathlib import Path

import pytest

from synthtools.runs.forecast import BUILT_IN, note_forecast, plan, read_forecast
from synthtools.runs.item import Item, Outcome
from synthtools.runs.journal import RunLedger
from synthtools.runs.stages import STAGES, VERBS, first_items
from synthtools.runs.store import Store
from synthtools.types import PROFILES, SMALL, LedgerEntry

ALL = tuple(STAGES.values())


def test_every_profile_has_rates_of_every_stage() -> None:
    assert {name: list(rates) for name, rates in BUILT_IN.items()} == {key: list(STAGES) for key in PROFILES}


def test_a_new_run_is_forecast_by_counts_and_built_in_rates() -> None:
    plans = plan(None, ALL, SMALL, None, fields=2)
    assert [plans[name].new.at_most for name in ("subfields", "scenarios", "task-generation")] == [2, 6, 36]
    environments = plans["env-generation"].new
    assert environments.calls == pytest.approx(6 * BUILT_IN["small"]["env-generation"].calls)
    kept = BUILT_IN["small"]["env-generation"].kept
    assert plans["env-audit"].new.items == pytest.approx(6 * kept)  # some environments are lost on the way
    assert not environments.own_rates
    larger = plan(None, ALL, SMALL.model_copy(update={"tools": 8}), None, fields=2)
    assert larger["env-generation"].new.tokens == pytest.approx(2 * environments.tokens)
    limited = plan(None, ALL, SMALL, 1, fields=2)
    assert [limited[name].new.at_most for name in ("scenarios", "env-generation", "env-audit")] == [6, 1, 1]


def test_a_run_s_own_rates_replace_the_built_in_ones_and_calls_in_flight_do_not_count(tmp_path: Path) -> None:
    with Store(tmp_path / "run", create=True) as store:
        store.plan(Item("env-audit", f"x{number}") for number in range(5))
        used(store, "env-audit", {"x0": 30, "x1": 50, "x2": 7777})  # x2 has not ended
        store.put(Outcome(Item("env-audit", "x0"), "done", b"{}", "h"))
        store.put(Outcome(Item("env-audit", "x1"), "dropped", reason="none reliable"))
        plans = plan(store, ALL, SMALL, None)
    audit = plans["env-audit"]
    assert (audit.exist, audit.planned, audit.new.own_rates) == (2, 3, True)
    assert audit.new.completion_tokens == pytest.approx(3 * 40)
    assert plans["task-sequences"].new.items == pytest.approx(3 * 0.5)
    assert not plans["task-sequences"].new.own_rates


def test_a_forecast_is_kept_as_it_was_told_and_grows_only_with_more_work(tmp_path: Path) -> None:
    stages = VERBS["env-generation"][:1]
    with Store(tmp_path / "run", create=True) as store:
        store.plan(first_items({"a": "A", "b": "B"}))
        note_forecast(store, plan(store, stages, SMALL, None))
        told = read_forecast(store)
        assert told["subfields"].items == 2
        used(store, "subfields", {"a": 1000, "b": 1000})
        store.put(Outcome(Item("subfields", "a"), "done", b"[]", "h"))
        note_forecast(store, plan(store, stages, SMALL, None))  # the same command, resumed
        assert read_forecast(store) == told
        store.plan(first_items({"c": "C"}))
        note_forecast(store, plan(store, stages, SMALL, None))
        grown = read_forecast(store)["subfields"]
        assert (grown.items, grown.at_most) == (3, 3)
        assert grown.completion_tokens == pytest.approx(told["subfields"].completion_tokens + 1000)


def used(store: Store, stage: str, tokens: dict[str, int]) -> None:
    """Books one call an item."""
    for item, number in tokens.items():
        RunLedger(store).write(LedgerEntry(stage=stage, item=item, role="R", model="m", completion_tokens=number))
    store.set_meta("all", "written")
