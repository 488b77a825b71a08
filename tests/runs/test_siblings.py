"""Items wait for those of their field before them, and for nothing else, so that who is first makes no difference."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthtools.backends.scope import current_scope
from synthtools.errors import Dropped, ParseError, SynthToolsError
from synthtools.runs.executors import LocalExecutor
from synthtools.runs.item import Item, Outcome
from synthtools.runs.journal import RunLedger
from synthtools.runs.scheduler import Limits, Scheduler, Summary
from synthtools.runs.siblings import Siblings
from synthtools.runs.stages import STAGES, VERBS, Stage, first_items
from synthtools.runs.store import Store
from synthtools.types import SMALL, AuditedEnv, Scenario
from synthtools.types.environment import RecordKind
from tests.runs.fake_programs import FakeModel, FakeProgram, fake_programs

ALL = tuple(STAGES.values())
PROFILE = SMALL.model_copy(update={"subfields": 2, "scenarios": 2})
FIELDS = {"bikes": "Bikes", "cars": "Cars"}
REPEATED = "AddLoan of bikes_spec_001 (similarity 1.00)"


class SlowItem(FakeModel):
    """A model that answers one item only once so many questions were asked."""

    def __init__(self, stage: str, item: str, until: int) -> None:
        super().__init__()
        self.before: list[str] = []
        """What was asked until then."""
        self._slow = (stage, item)
        self._until = until
        self._released = asyncio.Event()
        self.on_call = self._count

    async def ask(self, what: str) -> str:
        answer = await super().ask(what)
        if (current_scope().stage, current_scope().item) == self._slow:
            await self._released.wait()
        return answer

    def begun(self, stage: str) -> set[str]:
        """Items of a stage that were begun while the slow one was at work."""
        return {key.split(":")[1] for key in self.before if key.startswith(f"{stage}:")}

    def _count(self, key: str) -> None:
        if len(self.asked) == self._until:
            self.before = [*self.asked]
            self._released.set()


def run(
    store: Store,
    model: FakeModel,
    stages: tuple[Stage, ...] = ALL,
    programs: Callable[[Stage], Any] | None = None,
    **limits: Any,
) -> Summary:
    executor = LocalExecutor(store, RunLedger(store), programs or fake_programs(model, calls=1))
    bounds = Limits(**{"concurrency": 8, "seconds": 60.0, **limits})
    return asyncio.run(Scheduler(store, executor, stages, PROFILE, bounds).run())


def hashes(store: Store) -> dict[str, str]:
    return {stage.name: store.ids_sha256(stage.name) for stage in ALL}


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store(tmp_path / "run", create=True) as opened:
        opened.plan(first_items(FIELDS))
        yield opened


def repeated(store: Store, id: str) -> str:
    """What the audit of an environment was told of its tool."""
    audited: AuditedEnv = STAGES["env-audit"].read(store.payload("env-audit", id), id)
    return audited.audits[0].detail


def test_a_slow_environment_holds_back_the_audits_after_it_in_its_field_and_nothing_else(store: Store) -> None:
    model = SlowItem("env-generation", "bikes_spec_002", until=2 + 4 + 8 + 5 + 5 + 10 + 10 + 10)
    assert run(store, model).ending == "finished"
    assert model.begun("env-generation") == {f"{field}_spec_00{n}" for field in FIELDS for n in (1, 2, 3, 4)}
    assert model.begun("env-audit") == {"bikes_spec_001", *(f"cars_spec_00{n}" for n in (1, 2, 3, 4))}
    assert len(model.begun("trajectory-generation")) == 10
    assert store.counts()["trajectory-generation"] == {"done": 16}


def test_a_slow_subfield_holds_back_the_scenarios_after_it_in_its_field_and_nothing_else(store: Store) -> None:
    model = SlowItem("scenarios", "bikes_sub000", until=2 + 3 + 4 + 4 + 4 + 8 + 8 + 8)
    assert run(store, model).ending == "finished"
    assert model.begun("scenarios") == {"bikes_sub000", "cars_sub000", "cars_sub001"}
    assert len(model.begun("trajectory-generation")) == 8
    assert store.counts()["trajectory-generation"] == {"done": 16}


@pytest.mark.parametrize(
    "model",
    [
        lambda: SlowItem("env-generation", "bikes_spec_001", until=40),
        lambda: SlowItem("scenarios", "cars_sub000", until=30),
        FakeModel,
    ],
)
def test_who_is_slow_and_how_many_run_at_once_makes_no_difference(
    model: Callable[[], FakeModel], store: Store, tmp_path: Path
) -> None:
    assert run(store, model()).ending == "finished"
    with Store(tmp_path / "one", create=True) as other:
        other.plan(first_items(FIELDS))
        run(other, FakeModel(), concurrency=1)
        assert hashes(other) == hashes(store)
    assert [repeated(store, f"bikes_spec_00{n}") for n in (1, 2, 3, 4)] == ["", *[REPEATED] * 3]


@pytest.mark.parametrize("error", [ParseError("no JSON"), Dropped("too few tools")])
def test_an_environment_that_failed_or_was_dropped_holds_nothing_back(store: Store, error: SynthToolsError) -> None:
    model = FakeModel(lambda stage, item, what: error if item in ("bikes_spec_001", "cars_sub000") else None)
    assert run(store, model).ending == "finished"
    assert store.counts()["env-audit"] == {"done": 5}
    assert repeated(store, "bikes_spec_002") == ""
    assert repeated(store, "bikes_spec_003") == "AddLoan of bikes_spec_002 (similarity 1.00)"


def test_environments_beyond_a_limit_hold_nothing_back(store: Store) -> None:
    assert run(store, FakeModel(), limit=3).ending == "limit"
    assert store.counts()["env-audit"] == {"done": 3}
    assert store.counts()["trajectory-generation"] == {"done": 3}


def test_a_verb_alone_does_what_waits_for_nothing_and_leaves_the_rest_to_be_done(store: Store) -> None:
    def stop_at(stage: str, item: str, what: str) -> SynthToolsError | None:
        return ParseError("no") if (stage, item) == ("env-generation", "bikes_spec_002") else None

    run(store, FakeModel(stop_at), VERBS["env-generation"])
    store.reopen_failed(["env-generation"])
    assert run(store, FakeModel(), VERBS["env-audit"]).ending == "finished"
    left = [item.id for item in store.each("env-audit", "todo")]
    assert left == ["bikes_spec_003", "bikes_spec_004"]
    assert run(store, FakeModel()).ending == "finished"
    assert store.counts()["env-audit"] == {"done": 8}
    assert repeated(store, "bikes_spec_003") == REPEATED


def test_what_was_done_in_an_earlier_command_counts(store: Store) -> None:
    run(store, FakeModel(), limit=2)
    run(store, FakeModel())
    assert [repeated(store, f"bikes_spec_00{n}") for n in (1, 2, 3, 4)] == ["", *[REPEATED] * 3]


def test_ids_are_compared_by_their_numbers(tmp_path: Path) -> None:
    with Store(tmp_path / "run", create=True) as store:
        store.plan([Item("env-generation", f"bikes_spec_{n}", field="bikes") for n in (999, 1000)])
        siblings = Siblings(store, "env-generation")
        last = Item("env-audit", "bikes_spec_1000", field="bikes")
        assert not siblings.are_final(last)
        assert siblings.are_final(Item("env-audit", "bikes_spec_999", field="bikes"))
        first = Item("env-generation", "bikes_spec_999", field="bikes")
        store.put(Outcome(first, "dropped", reason="too few tools"))
        siblings.ended(first)
        assert siblings.are_final(last)


def test_a_repeated_scenario_is_a_loss_and_leaves_a_gap_in_the_numbers(store: Store) -> None:
    class Repeating(FakeProgram):
        def _scenarios(self, field: str, subfield: str, earlier: tuple[Scenario, ...]) -> tuple[Scenario, ...]:
            kind = RecordKind(singular="bike", plural="bikes")
            first, second = (
                Scenario(field=field, subfield=subfield, title=f"{subfield} {n}", kinds=(kind,)) for n in range(2)
            )
            return first.model_copy(update={"repeats": earlier[0].title}) if earlier else first, second

    model = FakeModel()
    run(store, model, programs=lambda stage: Repeating(stage.name, model, 1))
    made = [item.id for item in store.each("env-generation") if item.field == "bikes"]
    assert made == ["bikes_spec_001", "bikes_spec_002", "bikes_spec_004"]
    assert ("scenarios", "near-duplicate scenario", 2) in store.losses()
    rows = store.rows("SELECT id, part, detail FROM losses WHERE stage = 'scenarios' ORDER BY id")
    assert rows[0] == ("bikes_sub001", "scenario Bikes two 0", "repeats Bikes one 0")
