"""The Ray executor on workers of this process: placing, losing, budgets; `test_ray.py` has a real cluster."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from synthtools.backends.scope import current_scope
from synthtools.config import Settings, settle
from synthtools.errors import (
    BehaviourRefused,
    BudgetExceeded,
    ConfigError,
    ContextTooSmall,
    DamagedRecord,
    Dropped,
    ProviderError,
    SynthToolsError,
    WorkerLost,
)
from synthtools.runs.budget import Budget
from synthtools.runs.item import Item
from synthtools.runs.journal import ItemJournal, RunLedger, usage_by
from synthtools.runs.models import Models
from synthtools.runs.ray.executor import RayExecutor
from synthtools.runs.ray.messages import Problem
from synthtools.runs.ray.worker import Worker
from synthtools.runs.stages import STAGES, Stage
from synthtools.runs.store import Store
from synthtools.types import EnvSpec, LedgerEntry, Response, Scenario, Tool, ToolCode, Transition

AUDIT = STAGES["env-audit"]
TOOL = Tool(name="Weigh", description="Weighs a parcel.")

Play = Callable[["Audit", EnvSpec], Awaitable[Any]]


class Audit:
    """Stands where the audit's program is; `play` does the work."""

    transitions: Any = None

    def __init__(self, cluster: "Workers") -> None:
        self.cluster = cluster

    async def acall(self, *, env: EnvSpec, **_: Any) -> Any:
        return await self.cluster.play(self, env)

    async def ask(self, what: str) -> str:
        """A paid call, journaled and in the ledger as an engine does it."""
        scope = current_scope()
        assert scope.journal is not None and scope.ledger is not None and scope.before_call is not None
        kept = scope.journal.get(what)
        if kept is not None:
            return str(kept["text"])
        scope.before_call()
        self.cluster.asked.append(f"{scope.item}: {what}")
        amend = scope.ledger.write(
            LedgerEntry(stage=scope.stage, item=scope.item, role="r", model="m", prompt_tokens=10)
        )
        assert amend is not None
        if what.startswith("refused"):
            amend("AnswerRefused")
        scope.journal.put(what, {"text": what.upper()})
        return what.upper()

    def weigh(self, key: str, grams: int) -> int:
        """What the scales say, as recorded under a key, else now."""
        transition = Transition(
            tool=TOOL.name,
            tool_version=TOOL.version,
            arguments={},
            reads_hash=key,
            now="",
            response=Response(status_code=200, data=grams),
        )
        data = self.transitions.put(key, transition).response.data
        assert isinstance(data, int)
        return data


class Workers:
    """A cluster in this process: real workers, which the test may lose."""

    cpus = 2

    def __init__(self, play: Play) -> None:
        self.play = play
        self.asked: list[str] = []
        self.workers: list[Worker] = []
        self.gone: dict[Worker, asyncio.Event] = {}

    def start_worker(self) -> Worker:
        self.workers.append(Worker())
        self.gone[self.workers[-1]] = asyncio.Event()
        return self.workers[-1]

    async def call(self, worker: Worker, method: str, *arguments: object) -> Any:
        if self.gone[worker].is_set():
            raise WorkerLost("it is gone")
        answer = asyncio.ensure_future(getattr(worker, method)(*arguments))
        gone = asyncio.ensure_future(self.gone[worker].wait())
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if gone.cancel():
            return answer.result()
        answer.cancel()
        raise WorkerLost("it is gone")

    def tell(self, worker: Worker, method: str, *arguments: object) -> None:
        if not self.gone[worker].is_set():
            self._told = asyncio.ensure_future(getattr(worker, method)(*arguments))

    def end_worker(self, worker: Worker) -> None:
        self.gone[worker].set()
        for task in tuple(worker._tasks.values()):
            task.cancel()

    def of(self, program: Audit) -> Worker:
        """The worker that a program is in."""
        return next(worker for worker in self.workers if program in worker._programs.values())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "run", create=True) as store:
        yield store


@contextmanager
def opened(
    store: Store, monkeypatch: pytest.MonkeyPatch, play: Play, **run: Any
) -> Iterator[tuple[RayExecutor, Workers]]:
    workers = Workers(play)
    given = {"model": {"name": "scripted/schema"}, "run": {"concurrency": 4, "executor": "ray", **run}}
    settings: Settings = settle([("test", given)])

    @contextmanager
    def reached(address: str | None, cpus: int | None) -> Iterator[Workers]:
        yield workers

    def program(models: Models, stage: Stage) -> Audit:
        made = Audit(workers)
        made.transitions = models._transitions
        return made

    monkeypatch.setattr("synthtools.runs.ray.executor.reached", reached)
    monkeypatch.setattr(Models, "program", program)
    ledger = RunLedger(store)
    executor = RayExecutor(store, ledger, Budget(ledger, settings), settings, {}, lambda stage: None)
    with executor.opened():
        yield executor, workers


def env(id: str, *, certified: bool = False) -> EnvSpec:
    code = {TOOL.name: ToolCode(source="x", certified=True)} if certified else {}
    return EnvSpec(id=id, scenario=Scenario(field="Post", subfield="Parcels", title=id), tools=(TOOL,), code=code)


async def audit(executor: RayExecutor, id: str, of: EnvSpec | None = None) -> Any:
    return await executor.execute(AUDIT, Item(AUDIT.name, id), {"env": of or env(id)}, 0)


async def test_items_of_an_environment_meet_what_others_recorded_there(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, set[Worker]] = {}
    grams = iter(range(100))

    async def play(program: Audit, env: EnvSpec) -> int:
        seen.setdefault(env.id, set()).add(workers.of(program))
        await asyncio.sleep(0)
        return program.weigh(f"{env.id}:parcel", next(grams))

    with opened(store, monkeypatch, play) as (executor, workers):
        items = [(f"{place}{number}", env(place)) for number in range(3) for place in "ab"]
        answers = await asyncio.gather(*(audit(executor, id, of) for id, of in items))
    assert answers[::2] == [answers[0]] * 3
    assert answers[1::2] == [answers[1]] * 3
    assert answers[0] != answers[1]
    assert [len(where) for where in seen.values()] == [1, 1]
    assert seen["a"] != seen["b"], "one worker has it all"
    await told(store)
    assert store.rows("SELECT count(*) FROM transitions") == [(2,)]


async def test_a_lost_worker_loses_nothing_that_was_paid_or_recorded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    scales = iter(range(1, 100))

    async def play(program: Audit, env: EnvSpec) -> tuple[str, int]:
        first = await program.ask("first")
        grams = program.weigh("parcel", next(scales))
        if not any(gone.is_set() for gone in workers.gone.values()):
            await told(store)
            workers.end_worker(workers.of(program))
            await asyncio.sleep(60)
        second = await program.ask("second")
        return first + second, grams

    with opened(store, monkeypatch, play) as (executor, workers):
        assert await audit(executor, "a") == ("FIRSTSECOND", 1)
        assert await audit(executor, "b") == ("FIRSTSECOND", 1)
    assert workers.asked == ["a: first", "a: second", "b: first", "b: second"]
    assert usage_by(store, "item")[0][1].calls == 2
    assert len(workers.workers) == 3, "the lost one is replaced"


async def test_a_damaged_transition_fails_the_item_that_needs_it_and_no_other(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(program: Audit, env: EnvSpec) -> int:
        return program.weigh(env.scenario.title, 5)

    store.write(lambda connection: connection.execute("INSERT INTO transitions VALUES ('bad', ?, x'00')", (TOOL.name,)))
    with opened(store, monkeypatch, play) as (executor, _):
        with pytest.raises(DamagedRecord):
            await audit(executor, "bad")
        assert await audit(executor, "good") == 5


async def test_where_code_answers_everything_nothing_recorded_is_sent(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(program: Audit, env: EnvSpec) -> int:
        return program.weigh("parcel", 5)

    for certified, expected in ((False, 5), (True, 7)):

        async def later(program: Audit, env: EnvSpec) -> int:
            return program.weigh("parcel", 7)

        with opened(store, monkeypatch, play) as (executor, _):
            await audit(executor, "a")
        with opened(store, monkeypatch, later) as (executor, _):
            assert await audit(executor, "a", env("a", certified=certified)) == expected


async def test_an_item_that_kills_its_workers_fails_and_the_others_go_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(program: Audit, env: EnvSpec) -> str:
        if env.id == "bad":
            workers.end_worker(workers.of(program))
            await asyncio.sleep(60)
        return "good"

    with opened(store, monkeypatch, play) as (executor, workers):
        with pytest.raises(WorkerLost, match="3 Ray workers were lost"):
            await audit(executor, "bad")
        assert await audit(executor, "other") == "good"


async def test_a_spent_budget_stops_every_worker(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(program: Audit, env: EnvSpec) -> None:
        for number in range(100):
            await program.ask(f"question {number}")
            await told(store)

    with opened(store, monkeypatch, play, budget_tokens=45) as (executor, workers):
        ends = await asyncio.gather(audit(executor, "a"), audit(executor, "b"), return_exceptions=True)
        assert [type(end) for end in ends] == [BudgetExceeded, BudgetExceeded]
        assert "45 tokens is spent" in str(ends[0])
        assert 5 <= len(workers.asked) < 20
        asked = len(workers.asked)
    with opened(store, monkeypatch, play, budget_tokens=45) as (executor, workers):
        with pytest.raises(BudgetExceeded):
            await audit(executor, "c")
        assert workers.asked == [], f"{asked} calls were over the budget already"


async def test_what_a_cancelled_item_paid_for_is_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asking = asyncio.Event()

    async def play(program: Audit, env: EnvSpec) -> None:
        await program.ask("first")
        try:
            asking.set()
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await program.ask("refused at the end")
            raise

    with opened(store, monkeypatch, play) as (executor, _):
        task = asyncio.create_task(audit(executor, "a"))
        await asking.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await told(store)
    assert set(ItemJournal(store, Item(AUDIT.name, "a")).packed()) == {"first", "refused at the end"}
    assert [(found, usage.calls) for found, usage in usage_by(store, "outcome")] == [
        (("AnswerRefused",), 1),
        (("ok",), 1),
    ]


async def test_an_item_that_is_cancelled_in_its_worker_has_no_record(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(program: Audit, env: EnvSpec) -> None:
        raise asyncio.CancelledError

    with opened(store, monkeypatch, play) as (executor, _):
        task = asyncio.create_task(audit(executor, "a"))
        await asyncio.wait([task])
    assert task.cancelled()


async def test_a_late_word_to_forget_takes_nothing_from_what_was_learnt_since() -> None:
    worker = Worker()
    for lesson, body in ((1, b"before"), (2, b"since")):
        await worker.learn("post", lesson, {"parcel": body})
    await worker.forget("post", 1)
    assert worker._transitions._known == {"post": {"parcel": b"since"}}
    await worker.forget("post", 2)
    assert worker._transitions._known == {}


async def test_settings_that_no_worker_can_do_with_end_the_command(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(program: Audit, env: EnvSpec) -> None: ...

    async def refuse(worker: Worker, setup: object) -> Problem:
        return Problem.of(ConfigError("no backend here"))

    monkeypatch.setattr(Worker, "open", refuse)
    with opened(store, monkeypatch, play) as (executor, _), pytest.raises(ConfigError, match="no backend here"):
        await audit(executor, "a")


async def test_workers_that_never_start_end_the_command(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(program: Audit, env: EnvSpec) -> None: ...

    async def die(worker: Worker, setup: object) -> None:
        raise WorkerLost("no module named synthtools")

    monkeypatch.setattr(Worker, "open", die)
    with opened(store, monkeypatch, play) as (executor, _), pytest.raises(ConfigError, match="cannot be started"):
        await audit(executor, "a")


@pytest.mark.parametrize(
    "error",
    [
        ProviderError("the server said no"),
        ContextTooSmall("8,192 tokens"),
        Dropped("not natural", "it says tool_name"),
        BehaviourRefused("imports os"),
        ConfigError("no such model"),
    ],
)
def test_errors_cross_as_what_they_are(error: SynthToolsError) -> None:
    error.__cause__ = KeyError("why")
    crossed = Problem.of(error).error()
    assert type(crossed) is type(error)
    assert str(crossed) == str(error)
    assert getattr(crossed, "detail", None) == getattr(error, "detail", None)
    assert "KeyError: 'why'" in str(crossed.__cause__)


def test_an_error_that_is_not_ours_crosses_with_its_traceback() -> None:
    class Own(ProviderError):
        pass

    assert type(Problem.of(Own("a kind that the driver does not know")).error()) is ProviderError
    try:
        {}["missing"]
    except KeyError as error:
        crossed = Problem.of(error).error()
    assert type(crossed) is RuntimeError
    assert "test_ray_executor.py" in str(crossed)


async def told(store: Store) -> None:
    """Lets the driver take what workers told so far, and the store commit it."""
    for _ in range(20):
        await asyncio.sleep(0.001)
    await asyncio.wrap_future(store.submit(lambda connection: None))
