"""Several servers of one model: which takes a call, which rests, and how much each is given at once."""

import asyncio
import socket
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import dspy
import pytest

from synthtools.backends import model, registry, replicas, retries
from synthtools.backends.replicas import Lease, Replicas, ReplicaState
from synthtools.backends.retries import Transient, Tries
from synthtools.backends.routed import Routed, prefix_key
from synthtools.backends.scripted_server import Fault, ScriptedServer, serve
from synthtools.backends.spec import ModelSpec
from synthtools.errors import ModelUnreachable, ProviderError
from tests.backends.shared import ECHO, NameTool

ADDRESSES = ["http://a/v1", "http://b/v1", "http://c/v1"]
UNREACHABLE = Transient(ModelUnreachable("nothing answers"), "unreachable")
BROKEN = Transient(ProviderError("broken"), "busy")


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(replicas, "time", clock)
    return clock


@pytest.fixture(params=["direct", "hosted_vllm"])
def prefix(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rests and waits that a test need not sit through."""
    monkeypatch.setattr(replicas, "_FIRST_REST", 0.02)
    monkeypatch.setattr(retries, "_FIRST_WAIT", 0.05)


@contextmanager
def servers(count: int, **settings: Any) -> Iterator[list[ScriptedServer]]:
    with ExitStack() as stack:
        yield [stack.enter_context(serve(ECHO, **settings)) for _ in range(count)]


def states_of(lm: dspy.LM) -> tuple[ReplicaState, ...]:
    servers = registry.servers_state(lm)
    assert servers is not None
    return servers.replicas


def call(pool: Replicas, key: bytes = b"k", failure: BaseException | None = None) -> str:
    """One call from beginning to end; the address it went to."""
    address = ""
    with suppress(Transient, ProviderError, asyncio.CancelledError), pool.held(key, Counter()) as lease:
        address = lease.address
        if failure is not None:
            raise failure
        lease.answered({"usage": {"completion_tokens": 5}})
    return address


def body(system: str, *messages: str) -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": system}, *({"role": "user", "content": m} for m in messages)]}


def test_equal_keys_go_to_one_server_and_many_keys_to_all():
    pool = Replicas(ADDRESSES, None)
    assert len({call(pool, b"environment 1") for _ in range(20)}) == 1
    taken = Counter(call(pool, str(key).encode()) for key in range(300))
    assert all(60 < taken[address] < 140 for address in ADDRESSES)


def test_a_server_that_goes_away_moves_only_its_own_keys(clock: Clock):
    pool = Replicas(ADDRESSES, None)
    before = {key: call(pool, str(key).encode()) for key in range(60)}
    gone = call(pool, b"0", UNREACHABLE)
    after = {key: call(pool, str(key).encode()) for key in range(60)}
    assert gone not in after.values()
    assert all(after[key] == before[key] for key in after if before[key] != gone)


def test_the_key_is_the_shared_front_of_the_prompt():
    first = body("roles", "[[ ## tool ## ]]\nFindPet\n\n[[ ## arguments ## ]]\n1")
    assert prefix_key(first) == prefix_key(body("roles", "[[ ## tool ## ]]\nFindPet\n\n[[ ## arguments ## ]]\n2"))
    assert prefix_key(first) != prefix_key(body("roles", "[[ ## tool ## ]]\nSellPet\n\n[[ ## arguments ## ]]\n1"))
    assert prefix_key(first) != prefix_key(body("other", "[[ ## tool ## ]]\nFindPet\n\n[[ ## arguments ## ]]\n1"))


def test_one_hot_prefix_overflows_to_the_others_at_half_as_much_again_as_a_share():
    pool = Replicas(ADDRESSES, 30)
    with ExitStack() as stack:
        held = [stack.enter_context(pool.held(b"hot", Counter())) for _ in range(30)]
        assert held[0].address == held[1].address
        taken = Counter(lease.address for lease in held)
        assert taken[held[0].address] == max(taken.values()) == 15
        assert min(taken.values()) > 5
        assert {state.address: state.in_flight for state in pool.snapshot()} == taken
    assert [state.in_flight for state in pool.snapshot()] == [0, 0, 0]


def turnover(pool: Replicas, keys: list[bytes], in_flight: int) -> dict[bytes, Counter[str]]:
    """Servers by key, where as many calls as may be are in flight all the time, and the oldest ends first."""
    servers: dict[bytes, Counter[str]] = {key: Counter() for key in keys}
    running: deque[Any] = deque()
    for key in keys * 20:
        if len(running) == in_flight:
            running.popleft().__exit__(None, None, None)
        held = pool.held(key, Counter())
        servers[key][held.__enter__().address] += 1
        running.append(held)
    while running:
        running.popleft().__exit__(None, None, None)
    return servers


def test_prefixes_stay_at_home_in_a_run_that_uses_all_its_calls():
    keys = [f"environment {number}".encode() for number in range(12)]
    servers = turnover(Replicas(ADDRESSES, 24), keys, 24)
    at_home = sum(max(count.values()) for count in servers.values())
    assert at_home >= 0.9 * 20 * len(keys)
    assert all(sum(count[address] for count in servers.values()) > 40 for address in ADDRESSES)


def test_without_affinity_the_least_busy_server_takes_each_call():
    pool = Replicas(ADDRESSES, 24, affinity=False)
    with ExitStack() as stack:
        held = [stack.enter_context(pool.held(b"hot", Counter())) for _ in range(24)]
        assert Counter(lease.address for lease in held) == dict.fromkeys(ADDRESSES, 8)
    assert Counter(call(pool, b"hot") for _ in range(30)) == dict.fromkeys(ADDRESSES, 10)


def test_after_its_rest_one_call_tries_a_dead_server_while_the_others_keep_away(clock: Clock):
    pool = Replicas(ADDRESSES[:2], None)
    dead = call(pool, b"k", UNREACHABLE)
    assert call(pool) != dead
    clock.now += 1.0
    with suppress(asyncio.CancelledError), pool.held(b"k", Counter()) as trying:
        assert trying.address == dead
        assert {call(pool) for _ in range(4)} == set(ADDRESSES[:2]) - {dead}
        raise asyncio.CancelledError
    assert call(pool, b"k", UNREACHABLE) == dead  # nothing was learned, so the next call tries
    assert call(pool) != dead


def test_rests_are_bounded(clock: Clock):
    pool = Replicas(ADDRESSES[:2], None)
    dead = call(pool, b"k", UNREACHABLE)
    rests: list[float] = []
    for _ in range(12):
        (state,) = (state for state in pool.snapshot() if state.address == dead)
        rests.append(state.resting)
        clock.now += state.resting + 0.001
        assert call(pool, b"k", UNREACHABLE) == dead
    assert rests[0] <= 1.0 < 4.0 < rests[4]
    assert max(rests) <= 60.0
    clock.now += 61
    assert call(pool) == dead
    assert all(state.resting == 0 and state.failures == 0 for state in pool.snapshot())


def test_broken_answers_rest_a_server_only_in_a_row(clock: Clock):
    pool = Replicas(ADDRESSES[:2], None)
    address = call(pool, b"k", BROKEN)
    assert call(pool, b"k", BROKEN) == call(pool) == address
    for _ in range(3):
        assert call(pool, b"k", BROKEN) == address
    assert call(pool) != address


def test_a_server_that_asks_for_time_gets_it(clock: Clock):
    pool = Replicas(ADDRESSES[:2], None)
    busy = call(pool, b"k", Transient(ProviderError("too many"), "limited", 7.0))
    clock.now += 6.9
    assert call(pool) != busy
    clock.now += 0.2
    with ExitStack() as stack:  # it works, so that no call need find out first
        assert [stack.enter_context(pool.held(b"k", Counter())).address for _ in range(2)] == [busy, busy]


def test_a_call_is_not_charged_with_what_happened_to_others(clock: Clock):
    pool = Replicas(ADDRESSES[:2], None)
    for _ in range(3 * len(ADDRESSES)):
        call(pool, b"k", Transient(ProviderError("no answer in time"), "slow"))
    with pytest.raises(Transient) as raised, pool.held(b"k", Counter()):
        pass
    assert raised.value.kind == "limited"


def test_a_single_server_never_rests(clock: Clock):
    pool = Replicas(ADDRESSES[:1], None)
    for _ in range(5):
        call(pool, b"k", UNREACHABLE)
    assert call(pool) == ADDRESSES[0]


def test_where_all_rest_the_call_learns_when_to_come_back(clock: Clock):
    pool = Replicas(ADDRESSES[:2], None)
    call(pool, b"k", UNREACHABLE)
    call(pool, b"k", UNREACHABLE)
    with pytest.raises(Transient) as raised, pool.held(b"k", Counter()):
        pass
    assert isinstance(raised.value.error, ModelUnreachable)
    assert raised.value.kind == "unreachable"
    assert raised.value.retry_after == min(state.resting for state in pool.snapshot())


def test_a_refused_request_is_an_answer(clock: Clock):
    pool = Replicas(ADDRESSES[:2], None)
    for _ in range(6):
        call(pool, b"k", ProviderError("bad schema"))
    assert all(state.resting == 0 and state.failures == 0 for state in pool.snapshot())


def test_those_who_wait_are_served_in_order_across_threads():
    pool = Replicas(ADDRESSES[:1], 1)
    order: list[int] = []

    def wait(number: int) -> None:
        with pool.held(b"k", Counter()):
            order.append(number)

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(5)]
    with pool.held(b"k", Counter()):
        for number, thread in enumerate(threads):
            thread.start()
            while len(pool._waiting) <= number:
                pass
    for thread in threads:
        thread.join(timeout=10)
    assert order == list(range(5))


def test_those_who_wait_are_told_when_the_last_server_goes(clock: Clock):
    pool = Replicas(ADDRESSES[:2], 2, affinity=False)
    told: list[type[BaseException]] = []

    def wait() -> None:
        try:
            with pool.held(b"k", Counter()):
                pass
        except Transient as failure:
            told.append(type(failure.error))

    leases = [pool.held(b"k", Counter()) for _ in range(2)]
    for lease in leases:
        lease.__enter__()
    waiting = threading.Thread(target=wait)
    waiting.start()
    while not pool._waiting:
        pass
    for lease in leases:
        lease.__exit__(Transient, UNREACHABLE, None)
    waiting.join(timeout=10)
    assert told == [ModelUnreachable]


async def test_a_cancelled_wait_gives_its_turn_to_the_next():
    pool = Replicas(ADDRESSES[:1], 1)

    async def enter() -> str:
        async with pool.aheld(b"k", Counter()) as lease:
            return lease.address

    async with pool.aheld(b"k", Counter()):
        waiting = [asyncio.create_task(enter()) for _ in range(2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
    assert await asyncio.wait_for(waiting[1], 5) == ADDRESSES[0]
    assert pool.snapshot()[0].in_flight == 0


def test_the_limit_holds_across_threads_and_event_loops():
    pool = Replicas(ADDRESSES[:2], 3)
    most: list[int] = []

    def look(lease: Lease) -> None:
        most.append(max(state.in_flight for state in pool.snapshot()))
        lease.answered({})

    async def on_a_loop() -> None:
        async def once(number: int) -> None:
            async with pool.aheld(str(number).encode(), Counter()) as lease:
                look(lease)
                await asyncio.sleep(0)

        await asyncio.gather(*(once(number) for number in range(40)))

    def in_a_thread() -> None:
        for number in range(40):
            with pool.held(str(number).encode(), Counter()) as lease:
                look(lease)

    threads = [threading.Thread(target=lambda: asyncio.run(on_a_loop())) for _ in range(2)]
    threads += [threading.Thread(target=in_a_thread) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert len(most) == 160
    assert max(most) == 3


async def test_calls_on_one_environment_meet_one_server(prefix: str):
    with servers(3) as running, model(f"{prefix}/qwen", api_base=[server.url for server in running]):
        predict = dspy.Predict(NameTool)
        for number in range(6):
            await predict.acall(field="libraries", feedback=f"try {number}")
    assert sorted(len(server.requests) for server in running) == [0, 0, 6]


async def test_calls_on_one_environment_are_spread_where_affinity_is_off(prefix: str):
    with servers(3) as running:
        urls = [server.url for server in running]
        with model(f"{prefix}/qwen", api_base=urls, affinity=False):
            predict = dspy.Predict(NameTool)
            for number in range(6):
                await predict.acall(field="libraries", feedback=f"try {number}")
    assert [len(server.requests) for server in running] == [2, 2, 2]


@pytest.mark.parametrize(
    "fault",
    [Fault(status=500), Fault(status=429), Fault(reset=True), Fault(status=503, retry_after=30)],
    ids=["error", "limited", "reset", "unavailable"],
)
async def test_a_failed_call_goes_on_at_another_server_at_once(
    prefix: str, fault: Fault, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Tries, "wait_after", lambda tries, failure: 3600.0)
    with servers(1, faults=lambda number: fault) as bad, servers(1) as good:
        urls = [bad[0].url, good[0].url]
        with model(f"{prefix}/qwen", api_base=urls):
            calls = (dspy.Predict(NameTool).acall(field=f"field {number}") for number in range(8))
            await asyncio.wait_for(asyncio.gather(*calls), 30)
    assert len(good[0].requests) == 8


async def test_a_dead_server_costs_no_call_its_answer(prefix: str, at_once: None):
    with socket.socket() as held, servers(1) as running:
        held.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
        with model(f"{prefix}/qwen", api_base=[dead, running[0].url]) as lm:
            predict = dspy.Predict(NameTool)
            answers = await asyncio.gather(*(predict.acall(field=f"field {number}") for number in range(20)))
            states = {state.address: state for state in states_of(lm)}
    assert len(answers) == len(running[0].requests) == 20
    assert states[dead].failures > 0
    assert states[running[0].url].failures == 0


async def test_where_no_server_is_left_the_error_says_so_within_the_retries(prefix: str, at_once: None):
    with socket.socket() as one, socket.socket() as two:
        for held in (one, two):
            held.bind(("127.0.0.1", 0))
        addresses = [f"http://127.0.0.1:{held.getsockname()[1]}/v1" for held in (one, two)]
        with model(f"{prefix}/qwen", api_base=addresses), pytest.raises(ModelUnreachable, match="nothing answers"):
            await dspy.Predict(NameTool).acall(field="libraries")


async def test_a_server_that_comes_back_is_used_again(at_once: None):
    down = threading.Event()
    down.set()
    with servers(1) as steady, servers(1, faults=lambda number: Fault() if down.is_set() else None) as flaky:
        urls = [flaky[0].url, steady[0].url]
        with model("direct/qwen", api_base=urls) as lm:
            predict = dspy.Predict(NameTool)
            for number in range(12):
                await predict.acall(field=f"field {number}")
            down.clear()
            seen = len(flaky[0].requests)
            for number in range(400):
                await predict.acall(field=f"later {number}")
                if len(flaky[0].requests) > seen + 1:
                    break
            assert len(flaky[0].requests) > seen + 1
            assert all(state.resting == 0 for state in states_of(lm))


async def test_a_busy_server_gets_fewer_calls_at_once():
    busy = Fault(status=429, retry_after=0.01)
    with (
        serve(ECHO, faults=lambda number: busy if number < 4 else None) as server,
        model("direct/qwen", api_base=server.url, concurrency=16) as lm,
    ):
        await asyncio.gather(*(dspy.Predict(NameTool).acall(field=f"{number}") for number in range(4)))
        (state,) = states_of(lm)
    assert state.ceiling == 16
    assert state.limit < 16


async def test_calls_of_a_single_server_wait_for_as_long_as_it_asks(prefix: str):
    rest, calls = 0.3, 16
    busy = Fault(status=429, retry_after=rest)
    with (
        serve(ECHO, faults=lambda number: busy if number < calls else None) as server,
        model(f"{prefix}/qwen", api_base=server.url, concurrency=calls),
    ):
        await asyncio.gather(*(dspy.Predict(NameTool).acall(field=f"field {number}") for number in range(calls)))
    arrivals: dict[str, list[float]] = {}
    for request, moment in zip(server.requests, server.arrivals, strict=True):
        arrivals.setdefault(str(request["messages"]), []).append(moment)
    assert len(arrivals) == calls
    assert all(again - first >= rest for first, again in arrivals.values())


def test_the_limit_of_calls_is_shared_out():
    spec = ModelSpec(name="direct/x", api_bases=tuple(ADDRESSES), concurrency=10)

    class Nobody:
        structured = True
        native_tools = True
        logprobs = True

        def attempt(self, body: Any, base: str) -> Any:
            raise AssertionError

        async def aattempt(self, body: Any, base: str) -> Any:
            raise AssertionError

    def ceilings(**changes: Any) -> list[int]:
        changed = spec.model_copy(update=changes)
        return [state.ceiling for state in Routed(Nobody(), changed).replicas.snapshot()]

    assert ceilings() == [5, 5, 5]  # half as much again as a share, so that prefixes can stay where they are
    assert ceilings(affinity=False) == [4, 4, 4]
    assert ceilings(api_bases=ADDRESSES[:1]) == [10]


def test_a_model_without_servers_has_no_replicas():
    with model("scripted/echo") as lm:
        assert registry.servers_state(lm) is None
