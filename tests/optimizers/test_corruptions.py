"""Corruptions: each differs from the right answer in one thing, which the label names and the verdict judges."""

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtools.optimizers.draws.corruptions import Corruption, corrupted
from synthtools.types import DocumentedError, Parameter, Response, Tool, ToolCall
from synthtools.types.v1 import normalise_tool
from synthtools.world.gate import check
from synthtools.world.validators import first_problem
from tests.sample_data import sample

TOOL = Tool(
    name="QuoteOrder",
    description="Quotes an order.",
    parameters={
        "order_id": Parameter(type="string"),
        "quantity": Parameter(type="integer"),
        "price": Parameter(type="number"),
        "day": Parameter(type="string", format="date"),
    },
    output={
        "order_id": Parameter(type="string"),
        "total": Parameter(type="number"),
        "day": Parameter(type="string", format="date"),
        "item_count": Parameter(type="integer", minimum=0),
        "items": Parameter(type="array", items=Parameter(type="string")),
        "customer": Parameter(type="string"),
        "open": Parameter(type="boolean"),
        "remark": Parameter(type="string", prose=True),
    },
    errors=(
        DocumentedError(title="Order not found", advice="check the id.", status_code=404),
        DocumentedError(title="Order closed", advice="it was paid.", status_code=409),
    ),
)
CALL = ToolCall(name="QuoteOrder", arguments={"order_id": "ORD-7", "quantity": 3, "price": 12.5, "day": "2026-03-04"})
RECORDS: dict[str, Any] = {"orders": {"ORD-7": {"customer": "Ada Young", "open": True}}}
DATA: dict[str, Any] = {
    "order_id": "ORD-7",
    "total": 37.5,
    "day": "2026-03-04",
    "item_count": 2,
    "items": ["lamp", "desk"],
    "customer": "Ada Young",
    "open": True,
    "remark": "ready soon",
}
RIGHT = Response(status_code=200, data=DATA)
REFUSED = Response(status_code=404, error_message="Order not found: check the id.")


def _differing(one: dict[str, Any], other: dict[str, Any]) -> set[str]:
    return {key for key in one.keys() | other.keys() if one.get(key, ...) != other.get(key, ...)}


def _by_label(response: Response, seed: int, **more: Any) -> dict[str, Corruption]:
    found = corrupted(TOOL, CALL, response, seed, **more)
    assert len({one.label for one in found}) == len(found)
    return {one.label: one for one in found}


@given(st.integers(0, 10_000))
def test_every_mistake_of_a_success_is_what_its_label_says(seed: int) -> None:
    found = _by_label(RIGHT, seed, records=RECORDS)
    assert list(found) == [
        *("wrong type", "missing key", "wrong echo", "wrong arithmetic", "wrong fact"),
        "error for success",
    ]
    refused = found.pop("error for success")
    assert refused.verdict == "should_success_got_error"
    assert refused.response.error_message in {error.message for error in TOOL.errors}
    for label, one in found.items():
        assert one.verdict == "inappropriate_response"
        (changed,) = _differing(DATA, one.response.data)
        assert one.what.startswith(changed)
        fits = first_problem(TOOL.output_schema(), one.response.data) is None
        assert fits == (label not in ("wrong type", "missing key"))
        said = one.response.data.get(changed)
        match label:
            case "missing key":
                assert changed not in one.response.data
            case "wrong echo":
                assert changed in ("order_id", "day")
                assert said not in CALL.arguments.values()
            case "wrong arithmetic":
                assert (changed, said) == ("item_count", 1) or (changed == "total" and said != 3 * 12.5)
            case "wrong fact":
                assert said != RECORDS["orders"]["ORD-7"][changed]


@given(st.integers(0, 10_000))
def test_a_refusal_becomes_a_success_or_another_refusal(seed: int) -> None:
    found = _by_label(REFUSED, seed)
    passed, other = found["success for error"], found["wrong error"]
    assert passed.verdict == "should_error_got_success"
    assert passed.response.ok and first_problem(TOOL.output_schema(), passed.response.data) is None
    assert passed.response.data["order_id"] == "ORD-7"
    assert other.verdict == "inappropriate_response"
    assert other.response.status_code == 409
    given_data = _by_label(REFUSED, seed, success={**DATA, "order_id": "ORD-9"})["success for error"].response.data
    assert given_data == DATA


def test_equal_seeds_give_equal_mistakes_and_others_give_others() -> None:
    assert corrupted(TOOL, CALL, RIGHT, 1) == corrupted(TOOL, CALL, RIGHT, 1)
    assert len({str(corrupted(TOOL, CALL, RIGHT, seed)[0]) for seed in range(20)}) > 3


def test_where_nothing_can_be_spoiled_for_certain_only_the_status_is() -> None:
    bare = Tool(name="Ping", description="Answers.")
    found = corrupted(bare, ToolCall(name="Ping"), Response(status_code=200, data={}), 0)
    assert [one.label for one in found] == ["error for success"]
    assert not found[0].response.ok


@pytest.mark.parametrize(
    ("text", "parameter"),
    [
        ("9999-12-31", Parameter(type="string")),
        ("20260304", Parameter(type="string")),
        ("2026-W01-1", Parameter(type="string")),
        ("A9", Parameter(type="string", pattern="^[A-Z][0-9]$")),
        ("high", Parameter(type="string", enum=("low", "high"))),
        ("٣٤٥", Parameter(type="string")),
    ],
)
def test_an_echo_of_any_form_becomes_another_that_fits(text: str, parameter: Parameter) -> None:
    tool = Tool(name="Echo", description="", parameters={"it": parameter}, output={"it": parameter})
    call = ToolCall(name="Echo", arguments={"it": text})
    found = {one.label: one for one in corrupted(tool, call, Response(status_code=200, data={"it": text}), 3)}
    data = found["wrong echo"].response.data
    assert isinstance(data, dict) and data["it"] != text
    assert first_problem(tool.output_schema(), data) is None


def test_every_sample_call_is_spoiled_in_ways_that_code_can_tell() -> None:
    with gzip.open(sample("v1_calls_sample.jsonl.gz"), "rt") as lines:
        calls = {row["id"]: row for row in map(json.loads, lines)}
    counted: dict[str, int] = {}
    with gzip.open(sample("v1_tools_sample.jsonl.gz"), "rt") as lines:
        rows = [row for row in map(json.loads, lines) if row["id"] in calls]
    for number, row in enumerate(rows):
        tool = normalise_tool(row["tool"], lift=False).tool
        call = ToolCall(name=tool.name, arguments=calls[row["id"]]["call"])
        right = calls[row["id"]]["return"]
        if not check(tool, call).passed:
            continue
        for one in corrupted(tool, call, Response(status_code=200, data=right), number):
            counted[one.label] = counted.get(one.label, 0) + 1
            if one.response.ok:
                assert len(_differing(right, one.response.data)) == 1
    assert counted["wrong type"] == counted["missing key"] == counted["error for success"] == 432
    assert counted["wrong echo"] >= 90
    assert counted["wrong arithmetic"] >= 20
