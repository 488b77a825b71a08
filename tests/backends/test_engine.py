"""Journal, ledger, meters, budget and limits: what surrounds every call, whatever the backend."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import dspy
import pytest
from dspy.utils.callback import BaseCallback

from synthtools.backends import model, role, scope, usage_meter
from synthtools.backends.scripted_server import Fault, ScriptedServer, serve
from synthtools.backends.slots import Slots
from synthtools.errors import BudgetExceeded, DataError, ParseError, ProviderError, RunError, TruncatedAnswer
from synthtools.types.record import JsonObject
from synthtools.types.usage import LedgerEntry
from tests.backends.shared import ECHO, NameTool


class Ledger:
    def __init__(self) -> None:
        self.entries: list[LedgerEntry] = []

    def write(self, entry: LedgerEntry) -> None:
        self.entries.append(entry)


class Journal:
    def __init__(self) -> None:
        self.answers: dict[str, JsonObject] = {}

    def get(self, key: str) -> JsonObject | None:
        return self.answers.get(key)

    async def aget(self, key: str) -> JsonObject | None:
        return self.get(key)

    def put(self, key: str, answer: JsonObject) -> Future[None] | None:
        self.answers[key] = answer


async def test_a_call_is_booked_with_what_it_belongs_to(server: ScriptedServer):
    ledger = Ledger()
    with (
        model("openai/qwen", api_base=server.url),
        scope(stage="env-generation", item="a_spec_001", ledger=ledger),
        role("NameTool", attempt=2),
    ):
        await dspy.Predict(NameTool).acall(field="libraries")
    (entry,) = ledger.entries
    assert (entry.stage, entry.item, entry.role, entry.attempt) == ("env-generation", "a_spec_001", "NameTool", 2)
    assert (entry.model, entry.replica, entry.outcome) == ("openai/qwen", server.url, "ok")
    assert entry.prompt_tokens > 0
    assert entry.completion_tokens > 0
    assert entry.seconds > 0


async def test_outside_of_a_role_the_signature_names_it():
    ledger = Ledger()
    with model("scripted/echo"), scope(ledger=ledger):
        await dspy.Predict(NameTool).acall(field="libraries")
    assert ledger.entries[0].role == "NameTool"


async def test_a_journalled_answer_costs_no_call(server: ScriptedServer):
    journal, ledger = Journal(), Ledger()
    with model("openai/qwen", api_base=server.url), scope(journal=journal, ledger=ledger):
        predict = dspy.Predict(NameTool)
        with usage_meter() as first:
            one = await predict.acall(field="libraries")
        with usage_meter() as second:
            two = await predict.acall(field="libraries")
    assert one.toDict() == two.toDict()
    assert len(server.requests) == len(ledger.entries) == 1
    assert first.usage == second.usage  # a record that holds its usage comes out the same on a replay


async def test_another_seed_attempt_role_or_input_is_another_answer(server: ScriptedServer):
    journal = Journal()
    with model("openai/qwen", api_base=server.url), scope(journal=journal):
        predict = dspy.Predict(NameTool)
        await predict.acall(field="libraries")
        await predict.acall(field="libraries", config={"seed": 1})
        await predict.acall(field="museums")
        with role("NameTool", attempt=1):
            await predict.acall(field="libraries")
        with role("other"):
            await predict.acall(field="libraries")
    assert len(server.requests) == len(journal.answers) == 5


async def test_a_cut_answer_is_journalled_and_cut_again_on_replay(server: ScriptedServer):
    journal, ledger = Journal(), Ledger()
    with model("openai/qwen", api_base=server.url, max_tokens=2), scope(journal=journal, ledger=ledger):
        for _ in range(2):
            with pytest.raises(TruncatedAnswer):
                await dspy.Predict(NameTool).acall(field="libraries")
    assert len(server.requests) == 1
    assert [entry.outcome for entry in ledger.entries] == ["TruncatedAnswer"]


async def test_a_malformed_answer_is_journalled_as_it_came():
    journal = Journal()
    faults: Callable[[int], Fault | None] = lambda number: Fault(text="no JSON")  # noqa: E731
    with serve(ECHO, faults=faults) as server, model("openai/qwen", api_base=server.url), scope(journal=journal):
        for _ in range(2):
            with pytest.raises(ParseError):
                await dspy.Predict(NameTool).acall(field="libraries")
    assert len(server.requests) == 1


async def test_a_provider_failure_is_booked_and_never_journalled():
    journal, ledger = Journal(), Ledger()
    faults: Callable[[int], Fault | None] = lambda number: Fault(status=401) if number == 0 else None  # noqa: E731
    with (
        serve(ECHO, faults=faults) as server,
        model("openai/qwen", api_base=server.url),
        scope(journal=journal, ledger=ledger),
    ):
        with pytest.raises(ProviderError):
            await dspy.Predict(NameTool).acall(field="libraries")
        assert not journal.answers
        await dspy.Predict(NameTool).acall(field="libraries")
    assert [entry.outcome for entry in ledger.entries] == ["ProviderError", "ok"]


async def test_a_spent_budget_stops_the_call_before_it_is_made(server: ScriptedServer):
    def refuse() -> None:
        raise BudgetExceeded("10 calls were made")

    ledger = Ledger()
    with model("openai/qwen", api_base=server.url), scope(before_call=refuse, ledger=ledger):
        with pytest.raises(BudgetExceeded, match="10 calls"):
            await dspy.Predict(NameTool).acall(field="libraries")
        with pytest.raises(BudgetExceeded):
            dspy.Predict(NameTool)(field="libraries")
    assert not server.requests
    assert not ledger.entries


async def test_scopes_of_concurrent_tasks_do_not_mix():
    ledger = Ledger()

    async def work(item: str) -> None:
        with scope(item=item), role(item):
            await asyncio.gather(*(dspy.Predict(NameTool).acall(field=f"{item} {i}") for i in range(3)))

    with model("scripted/echo"), scope(stage="s", ledger=ledger):
        await asyncio.gather(*(work(f"item {i}") for i in range(8)))
    assert len(ledger.entries) == 24
    assert all(entry.item == entry.role for entry in ledger.entries)


async def test_nested_meters_each_count():
    with model("scripted/echo"), usage_meter() as outer:
        await dspy.Predict(NameTool).acall(field="a")
        with usage_meter() as inner:
            await dspy.Predict(NameTool).acall(field="b")
    assert (outer.usage.calls, inner.usage.calls) == (2, 1)


async def test_concurrency_limits_calls_in_flight():
    with serve(ECHO, latency=0.02) as server, model("openai/qwen", api_base=server.url, concurrency=3):
        await asyncio.gather(*(dspy.Predict(NameTool).acall(field=f"{i}") for i in range(12)))
    assert server.most_in_flight == 3


def test_the_limit_holds_across_threads_and_event_loops():
    slots = Slots(2)
    inside, most, lock = 0, 0, threading.Lock()

    def count(change: int) -> None:
        nonlocal inside, most
        with lock:
            inside += change
            most = max(most, inside)

    async def on_a_loop() -> None:
        async def once() -> None:
            async with slots.aheld():
                count(1)
                await asyncio.sleep(0)
                count(-1)

        await asyncio.gather(*(once() for _ in range(50)))

    def in_a_thread() -> None:
        for _ in range(50):
            with slots.held():
                count(1)
                count(-1)

    threads = [threading.Thread(target=lambda: asyncio.run(on_a_loop())) for _ in range(2)]
    threads += [threading.Thread(target=in_a_thread) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert not any(thread.is_alive() for thread in threads)
    assert most == 2


async def test_a_cancelled_wait_gives_its_place_to_the_next():
    slots = Slots(1)
    async with slots.aheld():
        waiting = [asyncio.create_task(_enter(slots)) for _ in range(2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
    assert await asyncio.wait_for(waiting[1], 5)
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    assert await asyncio.wait_for(_enter(slots), 5)


class Slow(Journal):
    """Is told when to write, and whether that works."""

    def __init__(self) -> None:
        super().__init__()
        self.writing: list[Future[None]] = []

    def put(self, key: str, answer: JsonObject) -> Future[None]:
        super().put(key, answer)
        self.writing.append(Future())
        return self.writing[-1]


@pytest.mark.parametrize("error", [None, RunError("disk full")])
async def test_a_slot_is_held_until_the_answer_is_in_the_file(server: ScriptedServer, error: RunError | None):
    journal = Slow()
    with model("direct/qwen", api_base=server.url, concurrency=1), scope(journal=journal):
        await dspy.Predict(NameTool).acall(field="libraries")
        other = asyncio.create_task(dspy.Predict(NameTool).acall(field="bicycles"))
        await asyncio.wait([other], timeout=0.2)
        assert len(server.requests) == 1
        if error is None:
            journal.writing[0].set_result(None)
        else:
            journal.writing[0].set_exception(error)
        await other
    assert len(server.requests) == 2


async def _enter(slots: Slots) -> bool:
    async with slots.aheld():
        return True


class Seen(BaseCallback):
    def __init__(self) -> None:
        self.calls: list[str] = []

    def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        self.calls.append(instance.model)


async def test_what_watches_a_model_sees_every_call(server: ScriptedServer):
    seen = Seen()
    predict = dspy.Predict(NameTool)
    with model("direct/qwen", api_base=server.url) as lm:
        with dspy.context(callbacks=[seen]):
            await predict.acall(field="libraries")
        assert seen.calls == ["direct/qwen"]
        with dspy.context(disable_history=False):
            await predict.acall(field="clinics")
        assert len(lm.history) == 1
        with dspy.context(track_usage=True):
            named = await predict.acall(field="bikes")
        assert named.get_lm_usage()["direct/qwen"]["completion_tokens"] > 0
        await predict.acall(field="nobody watches")
    assert len(server.requests) == 4
    assert seen.calls == ["direct/qwen"] and len(lm.history) == 1


async def test_half_a_character_is_told_before_anything_is_sent(server: ScriptedServer):
    with (
        model("direct/qwen", api_base=server.url),
        pytest.raises(DataError, match=r"NameTool: an input has half a character \(a lone surrogate\)"),
    ):
        await dspy.Predict(NameTool).acall(field="libraries \ud800")
    assert not server.requests
