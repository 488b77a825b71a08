"""What the ledger of a run knows of answers that a role threw away."""

import asyncio
from pathlib import Path
from typing import Any

import dspy
import pytest

from synthtools.backends import model, scope
from synthtools.errors import AnswerRefused, ParseError
from synthtools.modules.role import Role
from synthtools.runs.item import Item
from synthtools.runs.journal import ItemJournal, RunLedger
from synthtools.runs.store import Store
from synthtools.types.record import Json, JsonObject
from tests.library import always, playing


class NameCity(dspy.Signature):
    """Name a city."""

    country: str = dspy.InputField()
    feedback: str = dspy.InputField(default="")
    city: str = dspy.OutputField()


class City(Role):
    signature = NameCity

    async def aforward(self, *, country: str, feedback: str = "") -> str:
        def build(answer: dspy.Prediction) -> str:
            if answer.city != "Lyon":
                raise AnswerRefused(f"{answer.city} is not the one")
            return answer.city

        return await self.ask(build, country=country, feedback=feedback)


def booked(store: Store) -> list[tuple[object, ...]]:
    store.set_meta("all", "written")
    return store.rows("SELECT role, attempt, retry, outcome FROM ledger ORDER BY seq")


def test_the_ledger_says_which_answers_were_thrown_away_and_which_calls_asked_again(tmp_path: Path) -> None:
    playing("cities", {"NameCity": always({"city": "Bern"}, {"town": "Lyon"}, {"city": "Lyon"}, {"city": "Bern"})})
    item = Item("env-audit", "x")
    with Store(tmp_path / "run", create=True) as store, model("scripted/cities"):
        with scope(stage=item.stage, item=item.id, ledger=RunLedger(store), journal=ItemJournal(store, item)):
            assert City()(country="France") == "Lyon"
        expected = [
            ("NameCity", 0, 0, "AnswerRefused"),
            ("NameCity", 1, 1, "ParseError"),
            ("NameCity", 2, 1, "ok"),
        ]
        assert booked(store) == expected
        with scope(stage=item.stage, item=item.id, ledger=RunLedger(store), journal=ItemJournal(store, item)):
            assert City()(country="France") == "Lyon"
        assert booked(store) == expected  # from the journal: nothing was paid, and nothing changed


def test_what_one_role_throws_away_says_nothing_of_calls_beside_it(tmp_path: Path) -> None:
    def answer(inputs: dict[str, Json], schema: JsonObject, seed: int) -> JsonObject:
        return {"city": "Lyon" if inputs["country"] == "France" else "Bern"}

    playing("many-cities", {"NameCity": answer})

    async def ask(country: str) -> None:
        await City(attempts=2).acall(country=country)

    async def both() -> list[Any]:
        return await asyncio.gather(*(ask(c) for c in ("France", "Spain", "France", "Spain")), return_exceptions=True)

    with Store(tmp_path / "run", create=True) as store, model("scripted/many-cities"):
        with scope(ledger=RunLedger(store)):
            found = asyncio.run(both())
        outcomes = sorted(str(row[3]) for row in booked(store))
    assert [type(error) for error in found] == [type(None), AnswerRefused, type(None), AnswerRefused]
    assert outcomes == ["AnswerRefused"] * 4 + ["ok"] * 2


def test_a_question_that_comes_with_what_was_wrong_before_counts_as_asked_again(tmp_path: Path) -> None:
    playing("told", {"NameCity": always({"city": "Lyon"})})
    with Store(tmp_path / "run", create=True) as store, model("scripted/told"):
        with scope(ledger=RunLedger(store)):
            City()(country="France", feedback="Paris is too well known.")
        assert booked(store) == [("NameCity", 0, 1, "ok")]


def test_a_cut_answer_is_booked_as_cut(tmp_path: Path) -> None:
    playing("cut", {"NameCity": always({"city": "Lyon" * 50})})
    with Store(tmp_path / "run", create=True) as store, model("scripted/cut", max_tokens=4):
        with scope(ledger=RunLedger(store)), pytest.raises(ParseError):
            City()(country="France")
        assert {row[3] for row in booked(store)} == {"TruncatedAnswer"}
