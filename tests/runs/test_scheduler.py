import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from synthtools.errors import (
    BudgetExceeded,
    ConfigError,
    Dropped,
    ModelUnreachable,
    ParseError,
    ProviderError,
    SimulatorError,
    SynthToolsError,
)
from synthtools.runs.executors import LocalExecutor
from synthtools.runs.item import Item, Outcome
from synthtools.runs.journal import RunLedger, total_usage
from synthtools.runs.scheduler import Limits, Scheduler, Summary
from synthtools.runs.stages import STAGES, Stage, first_items
from synthtools.runs.store import Store
from synthtools.types import SMALL
from tests.runs.fake_programs import FakeModel, fake_programs

ALL = tuple(STAGES.values())
PROFILE = SMALL.model_copy(update={"subfields": 2, "scenarios": 2})


def scheduler(store: Store, model: FakeModel, stages: Sequence[Stage] = ALL, **more: Any) -> Scheduler:
    limits = more.pop("limits", Limits(concurrency=4))
    executor = LocalExecutor(store, RunLedger(store), fake_programs(model), before_call=more.pop("before_call", None))
    profile = more.pop("profile", PROFILE)
    return Scheduler(store, executor, stages, profile, limits, **more)


def run(store: Store, model: FakeModel, stages: Sequence[Stage] = ALL, **more: Any) -> Summary:
    return asyncio.run(scheduler(store, model, stages, **more).run())


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store(tmp_path / "run", create=True) as opened:
        opened.plan(first_items({"bikes": "Bikes"}))
        yield opened


def hashes(store: Store) -> dict[str, str]:
    return {stage.name: store.ids_sha256(stage.name) for stage in ALL}


def test_a_field_goes_through_every_stage(store: Store) -> None:
    summary = run(store, FakeModel())
    assert summary.ending == "finished"
    assert {stage: counts["done"] for stage, counts in store.counts().items()} == {
        "subfields": 1,
        "scenarios": 2,
        "env-generation": 4,
        "env-audit": 4,
        "task-sequences": 4,
        "task-generation": 8,
        "task-audit": 8,
        "trajectory-generation": 8,
    }
    assert [item.id for item in store.each("env-generation")] == [f"bikes_spec_{n:03d}" for n in (1, 2, 3, 4)]
    assert next(store.each("trajectory-generation")).id == "bikes_spec_001_seq00#0"
    assert total_usage(store).calls == 39 * 2
    assert store.rows("SELECT count(*) FROM journal") == [(0,)]


def test_ids_and_contents_do_not_depend_on_concurrency_or_on_how_stages_are_run(store: Store, tmp_path: Path) -> None:
    run(store, FakeModel())
    with Store(tmp_path / "other", create=True) as other:
        other.plan(first_items({"bikes": "Bikes"}))
        for stage in ALL:
            run(other, FakeModel(), [stage], limits=Limits(concurrency=1))
        assert hashes(other) == hashes(store)


def test_a_second_run_asks_nothing(store: Store) -> None:
    run(store, FakeModel())
    again = FakeModel()
    assert run(store, again).tried == 0
    assert again.asked == []


def test_the_deepest_stage_comes_first_so_that_one_environment_is_finished_before_the_next(store: Store) -> None:
    model = FakeModel()
    run(store, model, limits=Limits(concurrency=1))
    rollout = next(n for n, key in enumerate(model.asked) if key.startswith("trajectory-generation:bikes_spec_001"))
    second = next(n for n, key in enumerate(model.asked) if key.startswith("env-generation:bikes_spec_002"))
    assert rollout < second


def test_items_in_flight_are_bounded(store: Store) -> None:
    in_flight, most = 0, 0

    class Counting:
        def started(self, item: Item) -> None:
            nonlocal in_flight, most
            in_flight += 1
            most = max(most, in_flight)

        def finished(self, outcome: Outcome, record: Any) -> None:
            nonlocal in_flight
            in_flight -= 1

    run(store, FakeModel(), ALL[:2])
    run(store, FakeModel(), limits=Limits(concurrency=3), watchers=[Counting()])
    assert (in_flight, most) == (0, 3)


def test_no_more_items_of_a_stage_exist_than_the_limit_says(store: Store) -> None:
    assert run(store, FakeModel(), limits=Limits(concurrency=4, limit=3)).ending == "limit"
    assert store.counts()["env-generation"]["done"] == 3
    assert store.counts()["task-audit"]["done"] == 3
    assert run(store, FakeModel(), limits=Limits(concurrency=4, limit=3)).tried == 0
    run(store, FakeModel(), limits=Limits(limit=4))
    assert store.counts()["env-generation"]["done"] == 4


def test_quality_drops_and_failures_are_records_with_reasons(store: Store) -> None:
    errors: dict[tuple[str, str], SynthToolsError] = {
        ("env-generation", "bikes_spec_001"): Dropped("too few tools"),
        ("env-generation", "bikes_spec_002"): ParseError("no JSON"),
        ("env-audit", "bikes_spec_003"): SimulatorError("gave up"),
    }
    summary = run(store, FakeModel(lambda stage, item, what: errors.get((stage, item))))
    assert (summary.ending, summary.dropped, summary.failed) == ("finished", 1, 2)
    assert store.reasons("dropped") == [("env-generation", "too few tools", 1)]
    assert store.reasons("failed") == [("env-audit", "simulator", 1), ("env-generation", "parse", 1)]
    assert store.counts()["task-sequences"] == {"done": 1}
    failed = store.item("env-generation", "bikes_spec_002")
    assert failed is not None and failed.detail == "ParseError: no JSON"


def test_failed_items_are_done_when_retried(store: Store) -> None:
    run(store, FakeModel(lambda stage, item, what: ParseError("no") if item == "bikes_spec_002" else None))
    model = FakeModel()
    assert run(store, model).tried == 0
    store.reopen_failed([stage.name for stage in ALL])
    run(store, model)
    assert store.counts()["trajectory-generation"] == {"done": 8}


def test_an_unreachable_model_ends_the_run_at_once_and_leaves_everything_to_be_done(store: Store) -> None:
    model = FakeModel(lambda stage, item, what: ModelUnreachable("nothing answers at http://127.0.0.1:1"))
    summary = run(store, model)
    assert summary.ending == "provider"
    assert isinstance(summary.error, ModelUnreachable)
    assert len(model.asked) == 1
    assert store.counts() == {"subfields": {"todo": 1}}
    assert run(store, FakeModel()).ending == "finished"


def test_a_provider_that_only_fails_ends_the_run_after_some_items_and_does_not_fail_them(store: Store) -> None:
    def fail(stage: str, item: str, what: str) -> SynthToolsError | None:
        return ProviderError("500") if stage == "task-generation" else None

    run(store, FakeModel(), ALL[:5])
    summary = run(store, FakeModel(fail), limits=Limits(concurrency=2, provider_failures=3))
    assert (summary.ending, summary.failed) == ("provider", 0)
    assert "failed" not in store.counts()["task-generation"]
    assert run(store, FakeModel()).ending == "finished"
    assert store.counts()["trajectory-generation"] == {"done": 8}


def test_what_is_being_committed_as_the_run_ends_is_committed_and_counted(tmp_path: Path) -> None:
    class Lagging(Store):
        """The later an item fails, the longer its commit takes to be known."""

        failed = 0

        async def commit(self, outcome: Outcome) -> None:
            await super().commit(outcome)
            self.failed += outcome.status == "failed"
            await asyncio.sleep(0.02 * self.failed)

    def fail(stage: str, item: str, what: str) -> SynthToolsError | None:
        return ProviderError("500") if stage == "task-generation" else None

    with Lagging(tmp_path / "run", create=True) as store:
        store.plan(first_items({"bikes": "Bikes"}))
        run(store, FakeModel(), ALL[:5])
        summary = run(store, FakeModel(fail), limits=Limits(concurrency=5, provider_failures=3))
        assert (summary.ending, summary.failed) == ("provider", 0)
        assert store.counts()["task-generation"] == {"todo": 8}


def test_provider_failures_that_come_alone_do_not_end_the_run(store: Store) -> None:
    def fail(stage: str, item: str, what: str) -> SynthToolsError | None:
        return ProviderError("500") if stage == "task-generation" and item.endswith("seq00") else None

    summary = run(store, FakeModel(fail), limits=Limits(concurrency=1, provider_failures=2))
    assert (summary.ending, summary.failed) == ("finished", 4)


def test_a_provider_that_dies_under_the_last_items_ends_the_run_and_leaves_them_to_be_done(
    store: Store,
) -> None:
    def dies(stage: str, item: str, what: str) -> SynthToolsError | None:
        gone = stage == "trajectory-generation" and item.startswith("bikes_spec_004")
        return ModelUnreachable("nothing answers at http://127.0.0.1:1") if gone else None

    run(store, FakeModel(), ALL[:-1])
    summary = run(store, FakeModel(dies), limits=Limits(concurrency=1, provider_failures=10))
    assert (summary.ending, str(summary.error)) == ("provider", "nothing answers at http://127.0.0.1:1")
    assert (summary.done, summary.failed) == (6, 0)
    assert store.counts()["trajectory-generation"] == {"done": 6, "todo": 2}
    assert run(store, FakeModel()).ending == "finished"
    assert store.counts()["trajectory-generation"] == {"done": 8}


@pytest.mark.parametrize(
    ("error", "unlucky"),
    [
        (ModelUnreachable("nothing answers"), "bikes_spec_001_seq01#0"),
        (ProviderError("400: refused"), "bikes_spec_004_seq01#0"),
    ],
)
def test_one_unlucky_item_among_others_is_a_failure_of_its_own(
    error: ProviderError, unlucky: str, store: Store
) -> None:
    run(store, FakeModel(), ALL[:-1])
    summary = run(store, FakeModel(lambda stage, item, what: error if item == unlucky else None), limits=Limits())
    assert (summary.ending, summary.done, summary.failed) == ("finished", 7, 1)
    assert store.reasons("failed") == [("trajectory-generation", "provider", 1)]


def test_a_budget_ends_the_run_and_what_was_in_flight_is_resumed_without_paying_twice(store: Store) -> None:
    model = FakeModel()

    def before_call() -> None:
        if len(model.asked) >= 21:
            raise BudgetExceeded("21 calls are spent")

    assert run(store, model, before_call=before_call).ending == "budget"
    run(store, model)
    assert len(model.asked) == len(set(model.asked)) == 39 * 2


def test_a_programming_error_ends_the_run_with_what_was_done_kept(store: Store) -> None:
    def broken(stage: str, item: str, what: str) -> SynthToolsError | None:
        if item == "bikes_spec_002":
            raise ZeroDivisionError
        return None

    with pytest.raises(ZeroDivisionError):
        run(store, FakeModel(broken))
    assert store.counts()["subfields"] == {"done": 1}
    assert run(store, FakeModel()).ending == "finished"


def test_the_first_stop_finishes_what_is_in_flight_and_abandoning_keeps_its_answers(store: Store) -> None:
    async def main() -> tuple[Summary, FakeModel]:
        model = FakeModel()
        work = scheduler(store, model)

        def stop(key: str) -> None:
            if key == "env-generation:bikes_spec_001:question 1":
                work.stop("interrupted")
                model.gate = asyncio.Event()
                asyncio.get_running_loop().call_soon(work.abandon)

        model.on_call = stop
        return await work.run(), model

    summary, model = asyncio.run(main())
    assert summary.ending == "interrupted"
    assert [*store.counts()["env-generation"]] == ["todo"]
    rest = FakeModel()
    run(store, rest)
    assert "env-generation:bikes_spec_001:question 0" not in rest.asked
    assert len({*model.asked, *rest.asked}) == 39 * 2


def test_a_goal_ends_the_run_and_rounds_go_on_until_it_is_met(store: Store) -> None:
    rollouts: list[str] = []
    rounds: list[int] = []

    class Counting:
        def started(self, item: Item) -> None: ...

        def finished(self, outcome: Outcome, record: Any) -> None:
            if outcome.item.stage == "trajectory-generation":
                rollouts.append(outcome.item.id)

    def more() -> list[Item]:
        rounds.append(len(rounds) + 1)
        return first_items({"bikes": "Bikes"}, rounds[-1])

    summary = run(
        store,
        FakeModel(),
        limits=Limits(concurrency=1),
        watchers=[Counting()],
        goal=lambda: len(rollouts) >= 11,
        more=more,
    )
    assert (summary.ending, rounds) == ("goal", [1])
    assert store.item("env-generation", "bikes_spec_005") is not None
    assert len(rollouts) == len(set(rollouts)) == 11


def test_time_that_runs_out_ends_the_run(store: Store) -> None:
    model = FakeModel()
    model.gate = asyncio.Event()

    async def main() -> Summary:
        return await scheduler(store, model, limits=Limits(concurrency=1, seconds=0.01)).run()

    assert asyncio.run(main()).ending == "deadline"
    assert store.counts() == {"subfields": {"todo": 1}}


def test_more_samples_add_rollouts_to_the_tasks_that_exist(store: Store) -> None:
    run(store, FakeModel())
    run(store, FakeModel(), profile=PROFILE.model_copy(update={"samples": 3}))
    assert store.counts()["trajectory-generation"] == {"done": 24}


def test_an_error_of_the_user_that_all_items_make_at_once_ends_the_run_with_it(store: Store) -> None:
    run(store, FakeModel(), ALL[:1])
    wrong = FakeModel(lambda stage, item, what: ConfigError(f"{item}: no such setting"))
    store.plan([Item("scenarios", f"bikes_{number:02d}", parent="bikes", position=0) for number in range(30)])
    with pytest.raises(ConfigError, match="no such setting"):
        run(store, wrong, limits=Limits(concurrency=64))
    assert store.counts()["scenarios"].keys() == {"todo"}
