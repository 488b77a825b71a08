import gzip
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtools.errors import DataError
from synthtools.types import Parameter, Tool, ToolCall
from synthtools.world.gate import Gate, check, fill, tool_gate
from synthtools.world.validators import compile_schema, first_problem, is_date_time
from tests.sample_data import sample

TOOL = Tool(
    name="Book",
    description="Books.",
    parameters={
        "room": Parameter(type="string", pattern="^[A-Z]-[0-9]+$"),
        "nights": Parameter(type="integer", minimum=1, maximum=30),
        "rate": Parameter(type="number", required=False, minimum=0, default=10),
        "level": Parameter(type="string", enum=("low", "high"), required=False, default="low"),
        "tags": Parameter(type="array", items=Parameter(type="integer"), min_items=1, max_items=3, required=False),
        "when": Parameter(type="string", format="date-time", required=False, default="None"),
        "address": Parameter(
            type="object",
            properties={"city": Parameter(type="string"), "zip": Parameter(type="string", required=False)},
            required=False,
        ),
        "note": Parameter(type="string", max_length=5, required=False, default=None),
    },
)
GOOD = {"room": "A-1", "nights": 2}


def told(policy="lenient", **arguments):
    decision = check(TOOL, ToolCall(name="Book", arguments=arguments), policy)
    return decision.status_code, decision.error_message


def test_a_good_call_passes():
    assert told(**GOOD) == (200, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({**GOOD, "rom": 1, "nights": "x"}, "Unknown parameter: rom."),
        ({"nights": "x"}, "Missing required parameter: room."),
        ({"room": "bad", "nights": "x"}, "Invalid type for nights: expected integer."),
        ({**GOOD, "nights": True}, "Invalid type for nights: expected integer."),
        ({**GOOD, "nights": 2.5}, "Invalid type for nights: expected integer."),
        ({**GOOD, "tags": [1, "x"]}, "Invalid type for tags: expected array of integer."),
        ({**GOOD, "note": None}, "Invalid type for note: expected string."),
        ({**GOOD, "nights": 31}, "Invalid value for nights: must be between 1 and 30."),
        ({**GOOD, "rate": -1}, "Invalid value for rate: must be at least 0."),
        ({**GOOD, "level": "mid"}, "Invalid value for level: must be one of: low, high."),
        ({**GOOD, "tags": []}, "Invalid value for tags: must have at least 1 items."),
        ({**GOOD, "tags": [1, 2, 3, 4]}, "Invalid value for tags: must have at most 3 items."),
        ({**GOOD, "note": "abcdef"}, "Invalid value for note: must have at most 5 characters."),
        ({**GOOD, "when": "tomorrow"}, "Invalid value for when: must be an ISO 8601 date or date-time."),
        ({**GOOD, "room": "a"}, "Invalid value for room: must match the pattern ^[A-Z]-[0-9]+$."),
        ({**GOOD, "address": {"zip": "1"}}, "Missing required parameter: address.city."),
        ({**GOOD, "address": {"city": "Bonn", "street": "x"}}, "Unknown parameter: address.street."),
        ({**GOOD, "address": {"city": 3}}, "Invalid type for address.city: expected string."),
        ({**GOOD, "address": "Bonn"}, "Invalid type for address: expected object."),
        ({}, "Missing required parameter: room."),
    ],
)
def test_the_first_error_in_the_fixed_order_is_told(arguments, message):
    assert told(**arguments) == (400, message)


def test_an_unknown_tool_is_a_404():
    decision = Gate([TOOL]).check(ToolCall(name="Bok"))
    assert (decision.status_code, decision.error_message) == (404, "Invalid tool name: Bok.")
    assert check(TOOL, ToolCall(name="Bok")) == check(TOOL, "Bok()") == decision


def test_the_two_leniencies_and_their_strict_refusal():
    arguments = {**GOOD, "nights": 2.0, "rate": 3}
    assert told(**arguments) == (200, None)
    assert told("strict", **arguments) == (400, "Invalid type for nights: expected integer.")
    assert told("strict", **{**GOOD, "rate": 3}) == (400, "Invalid type for rate: expected number.")
    assert told("strict", **{**GOOD, "rate": 3.0}) == (200, None)


def test_filling_gives_defaults_and_one_form_per_number():
    filled = fill(TOOL, ToolCall(name="Book", arguments={"nights": 2.0, "room": "A-1"}))
    assert filled == {"room": "A-1", "nights": 2, "rate": 10.0, "level": "low"}
    assert [type(filled["nights"]), type(filled["rate"])] == [int, float]


def test_a_default_that_does_not_fit_refuses_the_calls_that_need_it():
    tool = Tool(
        name="T", description="", parameters={"n": Parameter(type="integer", required=False, default=5, maximum=3)}
    )
    assert check(tool, ToolCall(name="T")).parameter == "n"
    assert check(tool, ToolCall(name="T", arguments={"n": 1})).passed


def test_a_pattern_too_long_or_malformed_is_one_clear_error():
    for pattern in ("a" * 300, "("):
        tool = Tool(name="T", description="", parameters={"s": Parameter(type="string")})
        unchecked = tool.parameters["s"].model_copy(update={"pattern": pattern})
        tool = tool.model_copy(update={"parameters": {"s": unchecked}})
        with pytest.raises(DataError, match="tool T"):
            tool_gate(tool)


def test_a_pattern_that_backtracks_for_ever_refuses_instead():
    tool = Tool(name="T", description="", parameters={"s": Parameter(type="string", pattern=r"^(?=(a+)+$)(a|aa)+$")})
    assert not check(tool, ToolCall(name="T", arguments={"s": "a" * 5000 + "b"})).passed


@pytest.mark.parametrize(
    "text", ["2026-03-04", "2026-03-04T10:00", "2026-03-04T10:00:00Z", "2026-03-04T10:00:00.5+02:00"]
)
def test_iso_dates_and_date_times_pass(text):
    assert is_date_time(text)


@pytest.mark.parametrize(
    "text",
    ["", "04/03/2026", "2026-13-01", "2026-02-30", "March 4", "10:00", "2026", "2026-03-04T25:00", "٢٠٢٦-٠٣-٠٤", 5],
)
def test_anything_else_is_no_date_time(text):
    assert not is_date_time(text)


@given(
    st.dictionaries(
        st.sampled_from([*TOOL.parameters, "other"]),
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(-5, 40),
            st.floats(allow_nan=False, allow_infinity=False),
            st.text(string.ascii_letters + "-1", max_size=6),
            st.lists(st.integers(), max_size=4),
        ),
    )
)
def test_the_gate_agrees_with_the_schema(arguments):
    decision = check(TOOL, ToolCall(name="Book", arguments=arguments))
    assert decision.passed == compile_schema(TOOL.parameters_schema()).is_valid(arguments)
    assert decision.passed == (decision.error_message is None)


def _sample_tools():
    with gzip.open(sample("v1_tools_sample.jsonl.gz"), "rt") as lines:
        return {row["id"]: Tool.from_v1(row["tool"]) for row in map(json.loads, lines)}


def test_on_the_sample_exactly_the_eight_bad_calls_are_refused_and_every_return_fits():
    tools = _sample_tools()
    refused, accepted = [], 0
    with gzip.open(sample("v1_calls_sample.jsonl.gz"), "rt") as lines:
        for row in map(json.loads, lines):
            tool = tools[row["id"]]
            decision = check(tool, ToolCall(name=tool.name, arguments=row["call"]))
            if decision.passed:
                accepted += 1
                assert first_problem(tool.output_schema(), row["return"]) is None, row["id"]
            else:
                refused.append(decision.error_message)
    assert accepted == 432
    assert len(refused) == 8
    assert all(message.startswith("Unknown parameter: ") for message in refused)


WRONG = {"string": 7, "integer": "x", "number": "x", "boolean": "yes", "array": "x", "object": "x"}


def test_every_mutation_of_the_sample_calls_is_refused_with_the_right_first_error():
    tools = _sample_tools()
    mutations = 0
    with gzip.open(sample("v1_calls_sample.jsonl.gz"), "rt") as lines:
        for row in map(json.loads, lines):
            tool, arguments = tools[row["id"]], row["call"]
            if not check(tool, ToolCall(name=tool.name, arguments=arguments)).passed:
                continue
            for changed, message in _mutations(tool, arguments):
                mutations += 1
                decision = check(tool, ToolCall(name=tool.name, arguments=changed))
                assert (decision.error_message or "passed").startswith(message), (row["id"], changed)
    assert mutations > 2000


def _mutations(tool, arguments):
    yield {**arguments, "no_such_parameter": 1}, "Unknown parameter: no_such_parameter."
    for name, parameter in tool.parameters.items():
        if name not in arguments:
            continue
        without = {key: value for key, value in arguments.items() if key != name}
        if parameter.required:
            yield without, f"Missing required parameter: {name}."
        yield {**without, name: WRONG[parameter.type]}, f"Invalid type for {name}: expected {parameter.type}"
        if parameter.format == "date-time":
            yield {**without, name: "next Tuesday"}, f"Invalid value for {name}: must be an ISO 8601"
        if parameter.type == "array":
            if parameter.min_items:
                yield {**without, name: []}, f"Invalid value for {name}: must have at least"
            if parameter.max_items is not None and arguments[name]:
                long = [arguments[name][0]] * (parameter.max_items + 1)
                yield {**without, name: long}, f"Invalid value for {name}: must have at most"
            if parameter.items is not None and parameter.items.type in WRONG:
                yield {**without, name: [WRONG[parameter.items.type]]}, f"Invalid type for {name}: expected array of"
