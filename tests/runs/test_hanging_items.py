"""An item that hangs keeps one place, ends in time, and is gone on with where it was."""

import asyncio
from pathlib import Path

import pytest

from synthtools.backends.scope import current_scope
from synthtools.runs.executors import LocalExecutor
from synthtools.runs.journal import RunLedger
from synthtools.runs.scheduler import Limits, Scheduler, Summary
from synthtools.runs.stages import STAGES, first_items
from synthtools.runs.store import Store
from synthtools.types import SMALL
from tests.runs.fake_programs import FakeModel, fake_programs

PROFILE = SMALL.model_copy(update={"subfields": 2, "scenarios": 2})
CHILDREN = 2
"""Items that one which is not done keeps from being made."""


class Hanging(FakeModel):
    """Never answers the second question of one task's generation."""

    async def ask(self, what: str) -> str:
        scope = current_scope()
        if (scope.stage, scope.item, what) == ("task-generation", "bikes_spec_001_seq00", "question 1"):
            await asyncio.Event().wait()
        return await super().ask(what)


def run(folder: Path, model: FakeModel, limits: Limits, *, retry_failed: bool = False) -> Summary:
    with Store(folder, create=True) as store:
        store.plan(first_items({"bikes": "Bikes"}))
        if retry_failed:
            store.reopen_failed(list(STAGES))
        executor = LocalExecutor(store, RunLedger(store), fake_programs(model))
        return asyncio.run(Scheduler(store, executor, tuple(STAGES.values()), PROFILE, limits).run())


def hashes(folder: Path) -> dict[str, str]:
    with Store(folder) as store:
        return {stage: store.ids_sha256(stage) for stage in STAGES}


@pytest.mark.parametrize("concurrency", [2, 5])
def test_the_other_items_of_every_stage_go_on_and_the_item_fails_in_time(tmp_path: Path, concurrency: int) -> None:
    run(tmp_path / "whole", FakeModel(), Limits())
    folder = tmp_path / "run"
    hanging = Hanging()
    summary = run(folder, hanging, Limits(concurrency=concurrency, item_seconds=1.0))
    assert (summary.ending, summary.done, summary.failed) == ("finished", 39 - 1 - CHILDREN, 1)
    with Store(folder) as store:
        (failed,) = store.each("task-generation", "failed")
    assert (failed.id, failed.reason) == ("bikes_spec_001_seq00", "budget")
    assert failed.detail == "it took longer than run.item_seconds allows (1 s)"

    model = FakeModel()
    assert run(folder, model, Limits(item_seconds=60.0), retry_failed=True).failed == 0
    assert "task-generation:bikes_spec_001_seq00:question 1" in model.asked
    assert not {*model.asked} & {*hanging.asked}
    assert hashes(folder) == hashes(tmp_path / "whole")


def test_a_timeout_that_is_no_bound_of_ours_is_a_programming_error(tmp_path: Path) -> None:
    def broken(stage: str, item: str, what: str) -> None:
        raise TimeoutError("in the program")

    with pytest.raises(TimeoutError, match="in the program"):
        run(tmp_path / "run", FakeModel(broken), Limits(item_seconds=60.0))
