"""What a run's calls have cost, how fast they were, and how long the rest may take."""

import sqlite3
from pathlib import Path

import pytest

from synthtools.backends.listed_prices import listed_price
from synthtools.config import Settings
from synthtools.runs.budget import known_price
from synthtools.runs.costs import RunCosts, TimeLeft, read_costs
from synthtools.runs.item import Item, Outcome
from synthtools.runs.journal import RunLedger
from synthtools.runs.reader import STORE_NAME, StoreReader
from synthtools.runs.status import read_status
from synthtools.runs.store import Store
from synthtools.types import LedgerEntry
from synthtools.types.usage import Price, Usage

STAGE = "env-audit"


def call(role: str = "A", **more: object) -> LedgerEntry:
    usual = {"stage": STAGE, "role": role, "model": "m", "prompt_tokens": 100, "completion_tokens": 10, "seconds": 1.0}
    return LedgerEntry.model_validate({**usual, **more})


def booked(folder: Path, *entries: LedgerEntry, ended: tuple[float, ...] = ()) -> RunCosts:
    """The costs of a run with these calls, the first of which ended at these times."""
    with Store(folder, create=True) as store:
        ledger = RunLedger(store)
        for entry in entries:
            ledger.write(entry)
        for seq, at in enumerate(ended, start=1):
            store.write(lambda connection, seq=seq, at=at: connection.execute(
                "UPDATE ledger SET ended = ? WHERE seq = ?", (at, seq)))  # fmt: skip
        store.set_meta("all", "written")
        return read_costs(store)


def test_calls_add_up_by_every_column_and_waste_is_counted(tmp_path: Path) -> None:
    found = booked(
        tmp_path / "run",
        call(replica="one", cached_tokens=50, outcome="AnswerRefused"),
        call(replica="two", cached_tokens=70, retry=True),
        call("B", model="other", outcome="ModelUnreachable", prompt_tokens=0, completion_tokens=0),
        call("B", model="other", stage="task-audit", outcome="TruncatedAnswer"),
    )
    assert found.total.usage == Usage(calls=4, prompt_tokens=300, cached_tokens=120, completion_tokens=30)
    assert found.total.cached_share == pytest.approx(0.4)
    assert (found.total.retries, found.total.discarded, found.total.wasted_tokens, found.total.failed) == (1, 2, 220, 1)
    assert {key: spent.usage.calls for key, spent in found.by("replica").items()} == {
        ("",): 2,
        ("one",): 1,
        ("two",): 1,
    }
    assert list(found.by("stage", "model")) == [(STAGE, "m"), (STAGE, "other"), ("task-audit", "other")]


def test_latencies_are_those_of_calls_that_were_answered(tmp_path: Path) -> None:
    answered = [call(seconds=float(seconds)) for seconds in range(1, 101)]
    found = booked(tmp_path / "run", *answered, call(seconds=900.0, outcome="ProviderError"), call("B", seconds=7.0))
    assert found.latencies == {"A": (50.0, 95.0), "B": (7.0, 7.0)}


def test_speed_is_over_the_time_with_calls_in_flight_so_pauses_do_not_count(tmp_path: Path) -> None:
    calls = [call(seconds=seconds) for seconds in (10.0, 4.0, 2.0, 5.0)]
    # 0 to 10, within it 3 to 7, on from there 9 to 11; then a pause of a day, and 5 seconds more.
    found = booked(tmp_path / "run", *calls, ended=(1010.0, 1007.0, 1011.0, 87405.0))
    assert found.seconds == pytest.approx(11 + 5)
    assert found.calls_per_second == pytest.approx(4 / 16)
    assert found.tokens_per_second == pytest.approx(40 / 16)


def test_the_rest_is_estimated_at_the_run_s_own_rate_where_there_is_one(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with Store(folder, create=True) as store:
        store.plan(Item(STAGE, f"x{number}") for number in range(7))
        for number in range(2):
            store.put(Outcome(Item(STAGE, f"x{number}"), "done", b"{}", "h"))
        store.plan([Item("task-audit", "t")])
    found = booked(folder, call(seconds=3600.0), call(seconds=3600.0), ended=(10_000.0, 13_600.0))
    with Store(folder) as store:
        # Two items took two hours; of the other stage nothing has ended.
        assert found.time_left(read_status(store)) == [TimeLeft(STAGE, 5, pytest.approx(5.0))]


def test_a_run_of_an_older_version_is_read_for_what_it_knows_and_brought_up_to_date(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    booked(folder, call(retry=True))
    with sqlite3.connect(folder / STORE_NAME) as connection:  # as the second version left its files
        connection.executescript(
            "DROP TABLE in_flight; DROP TABLE compiles; DROP TABLE candidates; DROP TABLE evaluations; "
            "ALTER TABLE ledger DROP COLUMN ended; ALTER TABLE ledger DROP COLUMN retry; PRAGMA user_version = 2;"
        )
    reader = StoreReader(folder)
    old = read_costs(reader)
    reader.close()
    assert (old.total.usage.calls, old.total.retries, old.seconds, old.tokens_per_second) == (1, 0, 0.0, 0.0)
    new = booked(folder, call(retry=True))
    assert (new.total.usage.calls, new.total.retries, new.timed.calls) == (2, 1, 1)


def test_money_is_by_price_of_each_model_and_cached_tokens_have_their_own(tmp_path: Path) -> None:
    found = booked(tmp_path / "run", call(cached_tokens=60), call(model="other"))
    prices = {"m": Price(prompt=10.0, cached=1.0, completion=100.0)}
    assert found.dollars(prices) == {"m": pytest.approx((40 * 10 + 60 * 1 + 10 * 100) / 1e6), "other": None}
    assert Price(prompt=10.0, completion=0.0).of(Usage(prompt_tokens=100, cached_tokens=60)) == pytest.approx(1e-3)


def test_prices_come_from_the_settings_then_from_the_list_of_hosted_models() -> None:
    settings = Settings.model_validate({"prices": {"openai/gpt-4o-mini": {"prompt": 1.0, "completion": 2.0}}})
    assert known_price("openai/gpt-4o-mini", settings) == Price(prompt=1.0, completion=2.0)
    listed = known_price("openai/gpt-4o-mini", Settings())
    assert listed is not None and listed.cached is not None
    assert 0 < listed.cached < listed.prompt < listed.completion < 100
    assert listed_price("hosted_vllm/gpt-4o-mini") is None  # a server of one's own, whatever the model is called
    assert known_price("direct/mine", Settings()) is None
    assert known_price("embedded/qwen2.5-coder-1.5b", Settings()) == Price(prompt=0.0, completion=0.0)
