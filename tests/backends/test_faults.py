"""Faults by chance: as often as they should be, the same every time, and what each looks like to a client."""

import asyncio
import threading

import dspy
import pytest

from synthtools.backends import build_lm, model
from synthtools.backends.faults import BAD_DAY, Chance, Fault, Faults
from synthtools.backends.registry import adapter
from synthtools.backends.scripted_server import serve
from synthtools.errors import ModelUnreachable, ProviderError, TruncatedAnswer
from synthtools.types.record import JsonObject
from tests.backends.shared import NameTool


def bodies(count: int) -> list[JsonObject]:
    return [{"seed": number} for number in range(count)]


def test_the_request_and_how_often_it_came_decide_and_not_the_order() -> None:
    one, other = Faults(BAD_DAY), Faults(BAD_DAY)
    first = [one.meet(body) for body in bodies(500)]
    assert [other.meet(body) for body in reversed(bodies(500))] == first[::-1]
    assert other.met == one.met
    assert [one.meet(body) for body in bodies(500)] != first
    assert [Faults(BAD_DAY).meet(body) for body in bodies(500)] == first


def test_each_is_met_as_often_as_its_share_says() -> None:
    faults = Faults(BAD_DAY)
    for body in bodies(20_000):
        faults.meet(body)
    assert set(faults.met) == set(BAD_DAY)
    for name, (share, _) in BAD_DAY.items():
        assert faults.met[name] == pytest.approx(20_000 * share, rel=0.2)


def test_shares_are_of_one_whole() -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        Faults({"one": Chance(0.6, Fault()), "other": Chance(0.5, Fault())})


@pytest.mark.parametrize(
    ("fault", "error"), [(Fault(cut=True), TruncatedAnswer), (Fault(hangs=True), ProviderError)], ids=["cut", "hangs"]
)
def test_a_cut_answer_and_a_server_that_hangs_are_told_apart(fault: Fault, error: type[Exception]) -> None:
    settings = {"retries": 0, "timeout": 0.2}
    with (
        serve(faults=Faults({"only": Chance(1.0, fault)})) as server,
        model("direct/x", api_base=server.url, **settings),
        pytest.raises(error),
    ):
        dspy.Predict(NameTool)(field="loans")


def test_a_server_that_dies_answers_nobody() -> None:
    died = threading.Event()

    def dies(number: int) -> Fault | None:
        if number == 2:
            server.die()
            died.set()
            return Fault(hangs=True)
        return None

    async def ask() -> list[object]:
        lm = build_lm("direct/x", api_base=server.url, retries=0, concurrency=1)
        with dspy.context(lm=lm, adapter=adapter()):
            calls = (dspy.Predict(NameTool).acall(field=f"field {number}") for number in range(5))
            return list(await asyncio.gather(*calls, return_exceptions=True))

    with serve(faults=dies) as server:
        outcomes = asyncio.run(ask())
        assert died.is_set()
    assert [type(outcome) for outcome in outcomes] == [
        *([dspy.Prediction] * 2),
        ProviderError,
        *([ModelUnreachable] * 2),
    ]
