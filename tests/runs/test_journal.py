import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest

from synthtools.config import Settings
from synthtools.errors import BudgetExceeded, ConfigError, RunError
from synthtools.runs.budget import Budget
from synthtools.runs.item import Item, Outcome
from synthtools.runs.journal import ItemJournal, RunLedger, total_usage, usage_by
from synthtools.runs.store import Store
from synthtools.runs.transitions import RecordedTransitions, RunTransitions
from synthtools.types import LedgerEntry, Response, Transition

ITEM = Item("env-audit", "x_spec_001")


def entry(model: str, prompt: int, completion: int) -> LedgerEntry:
    return LedgerEntry(
        stage="env-audit", item="x", role="R", model=model, prompt_tokens=prompt, completion_tokens=completion
    )


def test_an_answer_is_kept_until_its_item_commits_and_for_that_item_alone(tmp_path: Path) -> None:
    with Store(tmp_path / "run", create=True) as store:
        journal = ItemJournal(store, ITEM)
        assert journal.get("k") is None
        journal.put("k", {"text": "yes", "n": [1, 2.5, None]})
        assert journal.get("k") == {"text": "yes", "n": [1, 2.5, None]}
        assert ItemJournal(store, Item("env-audit", "other")).get("k") is None
    with Store(tmp_path / "run") as store:
        assert ItemJournal(store, ITEM).get("k") == {"text": "yes", "n": [1, 2.5, None]}
        store.put(Outcome(ITEM, "failed", reason="provider", keep_journal=True))
        assert ItemJournal(store, ITEM).get("k") is not None
        store.put(Outcome(ITEM, "done", b"{}", "h"))
        assert ItemJournal(store, ITEM).get("k") is None


async def test_an_answer_that_is_asked_for_while_it_is_written_is_waited_for(tmp_path: Path) -> None:
    with Store(tmp_path / "run", create=True) as store:
        journal, written = ItemJournal(store, ITEM), threading.Event()
        store.submit(lambda connection: written.wait())  # the file is busy
        try:
            writing = journal.put("k", {"text": "yes"})
            again = asyncio.create_task(journal.aget("k"))
            await asyncio.sleep(0)
            assert await journal.aget("other") is None
            assert not writing.done()
            assert not again.done()
        finally:
            written.set()
        assert await again == {"text": "yes"}


async def test_an_answer_that_cannot_be_written_ends_its_item(tmp_path: Path) -> None:
    def full(connection: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("disk full")

    with Store(tmp_path / "run", create=True) as store:
        journal = ItemJournal(store, ITEM)
        store.submit(full)
        writing = journal.put("k", {"text": "yes"})
        with pytest.raises(RunError, match="disk full"):
            await asyncio.wrap_future(writing)
        with pytest.raises(RunError, match="disk full"):
            await journal.aget("other")


def test_the_ledger_adds_up_over_processes(tmp_path: Path) -> None:
    for _ in range(2):
        with Store(tmp_path / "run", create=True) as store:
            ledger = RunLedger(store)
            ledger.write(entry("openai/a", 100, 10))
            ledger.write(entry("openai/b", 1, 1))
    with Store(tmp_path / "run") as store:
        usage = RunLedger(store).usage
        assert (usage.calls, usage.prompt_tokens, usage.completion_tokens) == (4, 202, 22)
        assert total_usage(store) == usage
        assert [(key, found.calls) for key, found in usage_by(store, "model")] == [
            (("openai/a",), 2),
            (("openai/b",), 2),
        ]


def test_budgets_end_paid_calls(tmp_path: Path) -> None:
    with Store(tmp_path / "run", create=True) as store:
        ledger = RunLedger(store)
        tokens = Budget(ledger, Settings.model_validate({"run": {"budget_tokens": 150}}))
        priced = {"model": {"name": "hosted_vllm/x"}, "prices": {"hosted_vllm/x": {"prompt": 10, "completion": 1000}}}
        money = Budget(ledger, Settings.model_validate({"run": {"budget_usd": 0.02}, **priced}))
        ledger.write(entry("hosted_vllm/x", 100, 10))
        tokens.check()
        money.check()
        ledger.write(entry("hosted_vllm/x", 100, 10))
        with pytest.raises(BudgetExceeded, match="150 tokens is spent"):
            tokens.check()
        with pytest.raises(BudgetExceeded, match=r"\$0.02 is spent \(\$0.0220 used\)"):
            money.check()


def test_money_cannot_be_counted_without_a_price(tmp_path: Path) -> None:
    with Store(tmp_path / "run", create=True) as store:
        settings = Settings.model_validate({"run": {"budget_usd": 1.0}, "model": {"name": "hosted_vllm/mine"}})
        with pytest.raises(ConfigError, match="the price of hosted_vllm/mine is not known"):
            Budget(RunLedger(store), settings)


def test_the_first_transition_under_a_key_stays(tmp_path: Path) -> None:
    def transition(data: str) -> Transition:
        return Transition(
            tool="T",
            tool_version="v",
            arguments={},
            reads_hash="r",
            now="2026-01-01",
            response=Response(status_code=200, data=data),
        )

    with Store(tmp_path / "run", create=True) as store:
        transitions = RunTransitions(store)
        assert transitions.get("k") is None
        assert transitions.put("k", transition("first")) == transition("first")
        assert transitions.put("k", transition("second")) == transition("first")
    with Store(tmp_path / "run") as store:
        assert RunTransitions(store).put("k", transition("third")) == transition("first")
        assert RecordedTransitions(store).get("k") == transition("first")
        assert RecordedTransitions(store).put("new", transition("x")) == transition("x")
        assert RecordedTransitions(store).get("new") is None
