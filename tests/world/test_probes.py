"""Probes of a schema: every way to break it once, with the exact refusal."""

import gzip
import json
import math

import pytest

from synthtools.types import Parameter, Response, Tool, ToolCall
from synthtools.world.draw import draw_valid_call
from synthtools.world.gate import check
from synthtools.world.probes import Probe, schema_probes
from tests.sample_data import sample

TOOL = Tool(
    name="Everything",
    description="Takes a parameter of every kind.",
    parameters={
        "name": Parameter(type="string", min_length=2, max_length=10),
        "code": Parameter(type="string", pattern="^[A-Z]-[0-9]+$"),
        "level": Parameter(type="string", enum=("low", "high")),
        "nights": Parameter(type="integer", minimum=1, maximum=6),
        "rate": Parameter(type="number", minimum=0, maximum=1.5, required=False),
        "day": Parameter(type="string", format="date"),
        "at": Parameter(type="string", format="date-time", required=False),
        "urgent": Parameter(type="boolean", required=False),
        "tags": Parameter(type="array", items=Parameter(type="string", enum=("a", "b")), min_items=1, max_items=3),
        "grid": Parameter(
            type="array",
            items=Parameter(type="array", items=Parameter(type="integer", minimum=0)),
            required=False,
        ),
        "rows": Parameter(
            type="array",
            items=Parameter(type="object", properties={"zip": Parameter(type="string", min_length=5)}),
        ),
        "address": Parameter(
            type="object",
            properties={
                "city": Parameter(type="string", max_length=20),
                "geo": Parameter(type="object", properties={"lat": Parameter(type="number", maximum=90)}),
            },
        ),
    },
)
RIGHT = {
    "name": "Ann",
    "code": "A-1",
    "level": "low",
    "nights": 2,
    "day": "2026-01-15",
    "tags": ["a"],
    "rows": [{"zip": "12345"}],
    "address": {"city": "Riga", "geo": {"lat": 56.9}},
}


@pytest.fixture(scope="module")
def probes() -> list[Probe]:
    return schema_probes(TOOL, RIGHT)


def test_the_gate_refuses_every_probe_with_the_code_the_words_and_the_parameter_expected(probes: list[Probe]) -> None:
    for probe in probes:
        found = check(TOOL, probe.call)
        assert (found.status_code, found.error_message, found.parameter) == (
            probe.status_code,
            probe.message,
            probe.parameter,
        ), probe.call


@pytest.mark.parametrize(
    "message",
    [
        *(f"Missing required parameter: {name}." for name in RIGHT),
        *(f"Missing required parameter: {name}." for name in ("rows.zip", "address.city", "address.geo.lat")),
        "Unknown parameter: unexpected_option.",
        *(f"Unknown parameter: {name}.unexpected_option." for name in ("rows", "address", "address.geo")),
        "Invalid value for name: must have at least 2 characters.",
        "Invalid value for name: must have at most 10 characters.",
        "Invalid value for code: must match the pattern ^[A-Z]-[0-9]+$.",
        "Invalid value for level: must be one of: low, high.",
        "Invalid value for day: must be a calendar day (YYYY-MM-DD).",
        "Invalid value for at: must be an ISO 8601 date or date-time.",
        "Invalid value for tags: must have at least 1 items.",
        "Invalid value for tags: must have at most 3 items.",
        "Invalid value for tags: must be one of: a, b.",
        "Invalid value for grid: must be at least 0.",
        "Invalid value for rows.zip: must have at least 5 characters.",
        "Invalid value for address.geo.lat: must be at most 90.",
        "Invalid type for rows: expected array of object.",
        "Invalid type for grid: expected array of array of integer.",
    ],
)
def test_every_way_to_break_the_schema_is_tried(probes: list[Probe], message: str) -> None:
    assert message in {probe.message for probe in probes}


def _values(probes: list[Probe], name: str, about: str) -> list[object]:
    return [probe.call.arguments[name] for probe in probes if probe.message.startswith(f"Invalid {about} for {name}:")]


def test_a_parameter_gets_every_type_that_it_is_not(probes: list[Probe]) -> None:
    kinds = {type(value) for value in _values(probes, "name", "type")}
    assert kinds == {int, float, bool, list, dict, type(None)}
    assert {type(value) for value in _values(probes, "nights", "type")} == {str, float, bool, list, dict, type(None)}
    # A number may come as an integer.
    assert {type(value) for value in _values(probes, "rate", "type")} == {str, bool, list, dict, type(None)}
    items = [value[0] for value in _values(probes, "tags", "type") if isinstance(value, list) and value]
    assert {type(value) for value in items} == {int, float, bool, list, dict, type(None)}


def test_bounds_are_crossed_by_the_smallest_step(probes: list[Probe]) -> None:
    assert _values(probes, "nights", "value") == [0, 7]
    assert _values(probes, "rate", "value") == [math.nextafter(0, -1), math.nextafter(1.5, 2)]
    assert [len(str(value)) for value in _values(probes, "name", "value")] == [1, 11]
    assert [probe.call.arguments["nights"] for probe in probes if probe.parameter != "nights"].count(2) == sum(
        probe.parameter != "nights" for probe in probes
    )


def test_a_probe_is_met_by_the_gates_exact_refusal_alone(probes: list[Probe]) -> None:
    probe = next(probe for probe in probes if probe.message == "Missing required parameter: day.")
    refusal = Response(status_code=400, error_message=probe.message, answered_by="gate")
    assert probe.is_met_by(refusal)
    assert not probe.is_met_by(refusal.model_copy(update={"status_code": 422}))
    assert not probe.is_met_by(refusal.model_copy(update={"error_message": "Missing required parameter: name."}))
    assert not probe.is_met_by(refusal.model_copy(update={"answered_by": "model"}))


def test_a_bound_that_cannot_be_crossed_alone_is_left_out() -> None:
    tool = Tool(
        name="Tag",
        description="",
        parameters={"tag": Parameter(type="string", pattern="^[a-z]{3}$", max_length=3)},
    )
    told = [probe.message for probe in schema_probes(tool, {"tag": "abc"}) if "Invalid value" in probe.message]
    assert told == ["Invalid value for tag: must match the pattern ^[a-z]{3}$."]


def test_a_pattern_is_missed_by_a_text_on_which_it_ends() -> None:
    tool = Tool(name="Tag", description="", parameters={"tag": Parameter(type="string", pattern="^(a|aa)+(?=x)x$")})
    endless = check(tool, ToolCall(name="Tag", arguments={"tag": "a" * 60}))
    assert not endless.passed and "must match" not in str(endless.error_message)
    found = [probe for probe in schema_probes(tool, {"tag": "a" * 60 + "x"}) if "Invalid value" in probe.message]
    assert [check(tool, probe.call).error_message for probe in found] == [probe.message for probe in found]
    assert len(found) == 1


def test_every_probe_of_real_tools_is_refused_as_expected() -> None:
    with gzip.open(sample("v1_tools_sample.jsonl.gz"), "rt") as rows:
        tools = [Tool.from_v1(json.loads(row)["tool"]) for _, row in zip(range(150), rows, strict=False)]
    count = 0
    for tool in tools:
        call = draw_valid_call(tool, {})
        assert call is not None
        for probe in schema_probes(tool, call.arguments):
            found = check(tool, probe.call)
            assert (found.error_message, found.parameter) == (probe.message, probe.parameter), probe.call
            count += 1
    assert count > 20 * len(tools)
