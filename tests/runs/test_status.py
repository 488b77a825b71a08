"""Which models answered which role, and whether one of them judged its own work."""

from pathlib import Path

import pytest

from synthtools.runs.journal import RunLedger
from synthtools.runs.status import read_status
from synthtools.runs.store import Store
from synthtools.signatures.families import FAMILIES
from synthtools.types import LedgerEntry
from tests.modules.test_wire import signature_classes


def test_every_signature_belongs_to_the_role_of_its_module() -> None:
    homes = {
        signature.__name__: signature.__module__.removeprefix("synthtools.signatures.")
        for signature in signature_classes()
    }
    assert {name: family for family, names in FAMILIES.items() for name in names} == homes


@pytest.mark.parametrize(("judge", "itself"), [("small", "small"), ("large", ""), (None, "")])
def test_models_are_told_by_role_and_a_judge_of_its_own_work_is_found(
    tmp_path: Path, judge: str | None, itself: str
) -> None:
    asked = [("FirstTurn", "small"), ("NextStep", "small"), ("SolveTurn", "large"), ("MyOwn", "mine")]
    with Store(tmp_path / "run", create=True) as store:
        ledger = RunLedger(store)
        for role, model in [*asked, *([("JudgeTurn", judge)] if judge else [])]:
            ledger.write(LedgerEntry(role=role, model=model))
        ledger.write(LedgerEntry(role="FirstTurn", model="dead", outcome="ModelUnreachable"))
        store.set_meta("all", "written")
        status = read_status(store)
    assert status.models == {
        "evolver": ["small"],
        "solver": ["large", "small"],
        **({"judges": [judge]} if judge else {}),
        "other": ["mine"],
    }
    assert status.judging_itself == itself
    assert status.to_json()["models"] == status.models
