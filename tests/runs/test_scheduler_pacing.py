"""How many items the scheduler begins, and that nothing else waits for it meanwhile."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthtools.runs.executors import LocalExecutor
from synthtools.runs.item import Item, Outcome
from synthtools.runs.journal import RunLedger
from synthtools.runs.scheduler import Limits, Scheduler, Summary
from synthtools.runs.stages import STAGES, first_items
from synthtools.runs.store import Store
from synthtools.types import SMALL
from synthtools.world.precedence import current_place
from tests.runs.fake_programs import FakeModel, fake_programs

ITEMS = 12


class InFlight:
    """Counts the items in flight, and tells what is to be told at each start."""

    def __init__(self, at_start: Callable[[], None] = lambda: None) -> None:
        self.now = self.most = 0
        self._at_start = at_start

    def started(self, item: Item) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        self._at_start()

    def finished(self, outcome: Outcome, record: Any) -> None:
        self.now -= 1


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store(tmp_path / "run", create=True) as opened:
        opened.plan(first_items({f"field_{number:02d}": f"Field {number}" for number in range(ITEMS)}))
        yield opened


def scheduler(store: Store, model: FakeModel, concurrency: int, watcher: InFlight, **more: Any) -> Scheduler:
    executor = LocalExecutor(store, RunLedger(store), fake_programs(model))
    limits = Limits(concurrency=concurrency)
    return Scheduler(store, executor, [STAGES["subfields"]], SMALL, limits, watchers=[watcher], **more)


def test_the_event_loop_has_a_turn_after_each_item_that_is_begun(store: Store) -> None:
    turns = 0
    at_starts: list[int] = []

    async def main() -> None:
        nonlocal turns
        work = scheduler(store, FakeModel(), ITEMS, InFlight(lambda: at_starts.append(turns)))
        running = asyncio.create_task(work.run())
        while not running.done():
            turns += 1
            await asyncio.sleep(0)
        await running

    asyncio.run(main())
    assert len(at_starts) == ITEMS
    assert len(set(at_starts)) == ITEMS


@pytest.mark.parametrize(("free", "most"), [(True, 6), (False, 3)])
def test_items_that_make_no_call_leave_room_for_as_many_more(store: Store, free: bool, most: int) -> None:
    watcher = InFlight()

    async def main() -> Summary:
        model = FakeModel()
        model.gate = asyncio.Event()
        running = asyncio.create_task(scheduler(store, model, 3, watcher, has_free_calls=lambda: free).run())
        for _ in range(10 * ITEMS):  # turns of the loop, of which each item that is begun takes one
            await asyncio.sleep(0)
        model.gate.set()
        return await running

    assert asyncio.run(main()).done == ITEMS
    assert watcher.most == most


def test_calls_that_become_free_are_used_though_no_item_has_ended(store: Store) -> None:
    async def main() -> tuple[Summary, bool]:
        model = FakeModel()
        model.gate = asyncio.Event()
        more_begun, full = asyncio.Event(), asyncio.Event()

        def begun() -> None:
            if watcher.now == 3:
                full.set()
            elif watcher.now == 4:
                more_begun.set()

        watcher = InFlight(begun)
        work = scheduler(store, model, 3, watcher, has_free_calls=lambda: free)
        free = False
        running = asyncio.create_task(work.run())
        await full.wait()
        free = True
        await more_begun.wait()
        none_ended = not store.count("subfields", ("done",))
        model.gate.set()
        return await running, none_ended

    summary, none_ended = asyncio.run(main())
    assert none_ended
    assert (summary.ending, summary.done) == ("finished", ITEMS)


def test_the_deeper_stage_then_the_earlier_item_is_first_at_what_runs_code(store: Store) -> None:
    model, places = FakeModel(), dict[str, tuple[int, ...]]()
    model.on_call = lambda key: places.setdefault(key.rpartition(":")[0], current_place()) and None
    executor = LocalExecutor(store, RunLedger(store), fake_programs(model))
    stages = [STAGES["subfields"], STAGES["scenarios"]]
    asyncio.run(Scheduler(store, executor, stages, SMALL, Limits(concurrency=1)).run())
    line = sorted(places, key=places.__getitem__)
    assert [key.partition(":")[0] for key in line] == ["scenarios"] * 2 * ITEMS + ["subfields"] * ITEMS
    begun = list(places)
    for stage in ("scenarios", "subfields"):
        assert [key for key in line if key.startswith(stage)] == [key for key in begun if key.startswith(stage)]
