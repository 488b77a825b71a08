"""A model that takes the calls which another one cannot: by name only, one call at a time, and never without a word."""

import asyncio
from typing import Any

import dspy
import pytest

from synthtools.backends import build_lm, fallback, model, scope
from synthtools.backends.registry import fallback_line
from synthtools.backends.scope import role
from synthtools.backends.scripted_server import Fault, ScriptedServer, serve
from synthtools.errors import ConfigError, ContextTooSmall, ModelUnreachable, ProviderError, TruncatedAnswer
from synthtools.types import LedgerEntry
from tests.backends.contract import CONTEXT, CONTRACT
from tests.backends.shared import ECHO, NameTool

DEAD = "http://127.0.0.1:9/v1"
LONG = "many different words in a row " * CONTEXT
CLIENTS = pytest.mark.parametrize("client", ["direct", "hosted_vllm"])


class Entries:
    def __init__(self) -> None:
        self.of: list[LedgerEntry] = []

    def write(self, entry: LedgerEntry) -> None:
        self.of.append(entry)

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(entry.model, entry.outcome) for entry in self.of]


class Answers(dict[str, Any]):
    """A journal of one item."""

    async def aget(self, key: str) -> Any:
        return self.get(key)

    def put(self, key: str, answer: Any) -> None:
        self[key] = answer


async def ask(field: str = "libraries", feedback: str = "", **config: Any) -> str:
    return (await dspy.Predict(NameTool).acall(field=field, feedback=feedback, config=config)).name


def big(server: ScriptedServer, **settings: Any) -> dspy.LM:
    return build_lm("direct/big", api_base=server.url, **settings)


@CLIENTS
async def test_a_call_that_is_too_long_goes_to_the_fallback_and_the_next_one_does_not(client: str):
    ledger = Entries()
    with serve(CONTRACT) as small, serve(ECHO) as other:
        with (
            model(f"{client}/small", api_base=small.url, fallback=big(other), temperature=0.7, seed=4) as lm,
            scope(ledger=ledger),
        ):
            assert await ask("libraries", LONG) == "libraries 4"
            assert await ask("museums") == "museums 4"
        assert (len(small.requests), len(other.requests)) == (2, 1)
        (body,) = other.requests
        assert (body["model"], body["temperature"], body["seed"]) == ("big", 0.7, 4)
    assert ledger.told == [(f"{client}/small", "ContextTooSmall"), ("direct/big", "ok"), (f"{client}/small", "ok")]
    assert ledger.of[1].replica == other.url
    assert fallback_line(lm) == "direct/big took over calls: 1 too long for it"


@CLIENTS
def test_a_server_that_cannot_be_reached_is_not_asked_for_every_call(client: str):
    ledger = Entries()
    with (
        serve(ECHO) as other,
        model(f"{client}/dead", api_base=DEAD, fallback=big(other), retries=0) as lm,
        scope(ledger=ledger),
    ):
        for number in range(5):
            assert dspy.Predict(NameTool)(field=f"f{number}").name == f"f{number} 0"
    assert ledger.told == [(f"{client}/dead", "ModelUnreachable"), *[("direct/big", "ok")] * 5]
    assert fallback_line(lm) == "direct/big took over calls: 5 without an answer"


async def test_a_server_that_is_back_is_asked_again(monkeypatch: pytest.MonkeyPatch):
    now = 100.0
    monkeypatch.setattr(fallback.time, "monotonic", lambda: now)
    ledger = Entries()
    down = True
    with (
        serve(ECHO, faults=lambda number: Fault(status=500) if down else None) as first,
        serve(ECHO) as other,
        model("direct/first", api_base=first.url, fallback=big(other), retries=0),
        scope(ledger=ledger),
    ):
        await asyncio.gather(*(ask(f"f{number}") for number in range(8)))  # none of them knows of another
        assert (len(first.requests), len(other.requests)) == (8, 8)
        await ask()
        assert len(first.requests) == 8
        now += 1.5
        await asyncio.gather(*(ask(f"f{number}") for number in range(8)))  # one finds out, and fails
        assert len(first.requests) == 9
        now += 1.5
        await ask()
        assert len(first.requests) == 9  # it rests for longer
        now += 1.5
        down = False
        await ask()
        before = len(other.requests)
        await asyncio.gather(*(ask(f"f{number}") for number in range(8)))
        assert (len(first.requests), len(other.requests)) == (18, before)


async def test_now_and_then_a_failure_is_no_reason_to_rest():
    with (
        serve(ECHO, faults=lambda number: Fault(status=400) if number % 3 == 0 else None) as first,
        serve(ECHO) as other,
        model("direct/first", api_base=first.url, fallback=big(other)),
    ):
        for number in range(9):
            assert await ask(f"f{number}") == f"f{number} 0"
        assert (len(first.requests), len(other.requests)) == (9, 3)


async def test_an_answer_that_is_no_good_is_not_asked_for_elsewhere():
    with serve(ECHO) as first, serve(ECHO) as other:
        with model("direct/first", api_base=first.url, fallback=big(other)), pytest.raises(TruncatedAnswer):
            await ask(max_tokens=2)
        assert not other.requests


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(status=401, message="no such key"), ProviderError),
        (Fault(status=400, code="context_length_exceeded", message="only 9 tokens"), ContextTooSmall),
    ],
)
async def test_where_both_fail_both_are_told(fault: Fault, kind: type[ProviderError]):
    with (
        serve(ECHO, faults=lambda number: fault) as other,
        model("direct/first", api_base=DEAD, fallback=big(other), retries=0),
    ):
        for _ in range(2):  # the second time, the first model rests
            with pytest.raises(kind, match=f"{fault.message}; it was asked after nothing answers for direct/first"):
                await ask()


async def test_where_neither_can_be_reached_the_model_is_unreachable():
    spare = build_lm("direct/spare", api_base=DEAD, retries=0)
    with (
        model("direct/first", api_base=DEAD, retries=0, fallback=spare),
        pytest.raises(ModelUnreachable, match=r"direct/spare .* it was asked after .* direct/first"),
    ):
        await ask()


async def test_a_killed_run_repeats_no_call_that_the_fallback_answered():
    journal = Answers()
    with serve(CONTRACT) as small, serve(ECHO) as other:
        with model("direct/small", api_base=small.url, fallback=big(other)), scope(journal=journal):
            names = [await ask("libraries", LONG) for _ in range(2)]
        assert (len(small.requests), len(other.requests)) == (1, 1)
    assert names[0] == names[1]


async def test_a_cancelled_call_asks_nobody_else():
    with serve(ECHO, latency=30.0) as first, serve(ECHO) as other:
        with model("direct/first", api_base=first.url, fallback=big(other)):
            call = asyncio.create_task(ask())
            await asyncio.to_thread(first.arrived.wait)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        assert not other.requests


async def test_the_first_model_frees_its_place_before_the_fallback_is_asked():
    with (
        serve(CONTRACT) as small,
        serve(ECHO, latency=30.0) as slow,
        model("direct/small", api_base=small.url, concurrency=1, fallback=big(slow)),
    ):
        long = asyncio.create_task(ask("libraries", LONG))
        await asyncio.to_thread(slow.arrived.wait)
        assert await ask("museums") == "museums 0"
        long.cancel()
        await asyncio.gather(long, return_exceptions=True)


async def test_an_answer_that_is_thrown_away_leaves_the_failure_before_it_as_it_was():
    class Amending(Entries):
        def write(self, entry: LedgerEntry) -> Any:
            number = len(self.of)
            super().write(entry)

            def amend(outcome: str) -> None:
                self.of[number] = entry.model_copy(update={"outcome": outcome})

            return amend

    ledger = Amending()
    with (
        serve(ECHO) as other,
        model("direct/first", api_base=DEAD, fallback=big(other), retries=0),
        scope(ledger=ledger),
        role("NameTool") as asking,
    ):
        await ask()
        asking.discard("AnswerRefused")
    assert ledger.told == [("direct/first", "ModelUnreachable"), ("direct/big", "AnswerRefused")]


def test_a_saved_model_keeps_its_fallback():
    with serve(CONTRACT) as small, serve(ECHO) as other:
        with model("direct/small", api_base=small.url, fallback=big(other)) as lm:
            loaded = dspy.LM.load_state(lm.dump_state(), allow_custom_lm_class=True)
            assert loaded.dump_state() == lm.dump_state()
            with dspy.context(lm=loaded):
                assert dspy.Predict(NameTool)(field="libraries", feedback=LONG).name == "libraries 0"
        assert len(other.requests) == 1


def test_what_cannot_be_a_fallback_is_told():
    with pytest.raises(ConfigError, match="give a model made by build_lm"):
        build_lm("scripted/echo", fallback=dspy.LM("openai/x"))
    told = build_lm("direct/x", api_base=DEAD, structured=False)
    with pytest.raises(ConfigError, match="direct/x takes no JSON Schema, which scripted/echo is sent"):
        build_lm("scripted/echo", fallback=told)
    chained = build_lm("scripted/echo", fallback=build_lm("scripted/echo"))
    with pytest.raises(ConfigError, match="scripted/echo has a fallback itself"):
        build_lm("direct/x", api_base=DEAD, fallback=chained)
