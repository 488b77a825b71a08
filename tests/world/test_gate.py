import gzip
import json
import random
import string
from collections import Counter
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtools.errors import DataError
from synthtools.types import Parameter, Tool, ToolCall
from synthtools.types.dates import is_date_time
from synthtools.types.v1 import normalise_tool
from synthtools.world.gate import Gate, check, fill, tool_gate
from synthtools.world.pattern import draw_matching
from synthtools.world.validators import compile_schema, first_problem
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


@pytest.mark.parametrize(
    ("pattern", "text", "told"),
    [
        ("(a+)+$", "a" * 50_000, None),
        ("(a+)+$", "a" * 50_000 + "b", "Invalid value for s: must match the pattern (a+)+$."),
        (r"^(?=(a+)+$)(a|aa)+$", "a" * 5000 + "b", r"Invalid value for s: must match the pattern ^(?=(a+)+$)(a|aa)+$."),
        (r"(a+)+\1$", "a" * 50_000, r"Invalid value for s: the pattern (a+)+\1$ takes too many steps on this value."),
    ],
)
def test_a_hostile_pattern_is_decided_or_refused_with_its_reason(pattern, text, told):
    """Naive backtracking would take 2 ** 50,000 steps: the test ends only because the steps are bounded."""
    tool = Tool(name="T", description="", parameters={"s": Parameter(type="string", pattern=pattern)})
    assert check(tool, ToolCall(name="T", arguments={"s": text})).error_message == told


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


@cache
def _sample_tools(*, lift):
    with gzip.open(sample("v1_tools_sample.jsonl.gz"), "rt") as lines:
        return {row["id"]: normalise_tool(row["tool"], lift=lift).tool for row in map(json.loads, lines)}


@pytest.mark.parametrize("lift", [False, True])
def test_on_the_sample_exactly_the_eight_bad_calls_are_refused_and_every_return_fits(lift):
    tools = _sample_tools(lift=lift)
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


WRONG = {
    "string": 7,
    "integer": 2.5,
    "number": "7",
    "boolean": "true",
    "array": "x",
    "object": ["x"],
}
"""A value that each type does not take, near to one that it takes."""

NO_DATES = ("next Tuesday", "04/03/2026", "2026-13-01", "2026-03-04 10:00", "1772611200")


@pytest.mark.parametrize("lift", [False, True])
def test_every_mutation_of_every_sample_tool_is_refused_with_the_right_first_error(lift):
    """Of all 2,264 tools, a call that passes and every way to break it: constraints in prose left there, and lifted."""
    counts = Counter()
    for id, tool in _sample_tools(lift=lift).items():
        good = {name: _good(parameter) for name, parameter in tool.parameters.items()}
        assert check(tool, ToolCall(name=tool.name, arguments=good)).passed, (id, good)
        for kind, parameter, wrong, message in _mutations(tool, good):
            counts[kind] += 1
            decision = check(tool, ToolCall(name=tool.name, arguments=wrong))
            told = (decision.status_code, decision.parameter, decision.error_message)
            assert told == (400, parameter, message), (id, kind)
    kinds = {"unknown", "missing", "type", "null", "item type", "min_items", "max_items", "date"}
    assert counts.keys() == kinds | {"range"} | ({"choices", "pattern", "length", "bound"} if lift else set())
    assert counts["unknown"] == 2264
    assert counts["type"] == counts["null"] == 11998
    assert (counts["date"] > 443 * len(NO_DATES)) if lift else (counts["date"] == 443 * len(NO_DATES))


def _good(parameter):
    """A value that a parameter takes."""
    if parameter.enum:
        return parameter.enum[0]
    match parameter.type:
        case "integer" | "number":
            return parameter.minimum if parameter.minimum is not None else min(7, parameter.maximum or 7)
        case "boolean":
            return True
        case "array":
            item = _good(parameter.items) if parameter.items else "x"
            return [item] * max(1, parameter.min_items or 0)
        case "object":
            return {}
        case _ if parameter.format:
            return "2026-03-04"
        case _ if parameter.pattern:
            return draw_matching(parameter.pattern, random.Random(0))
        case _:
            return "x" * max(1, parameter.min_length or 0)


def _mutations(tool, good):
    """Each way to break a call: its kind, the parameter, the arguments, and the message of the first error.

    Before the error that it is about, each call holds all later ones that it can: a call without a required parameter
    has another one of a wrong type.
    """
    order = list(tool.parameters)
    types = {name: {**good, name: WRONG[tool.parameters[name].type]} for name in order}
    spoiled = types[order[-1]] if order else good
    yield "unknown", "no_such", {**spoiled, "no_such": 1}, "Unknown parameter: no_such."
    for name, parameter in tool.parameters.items():
        if parameter.required:
            without = {key: value for key, value in spoiled.items() if key != name}
            yield "missing", name, without, f"Missing required parameter: {name}."
        said = _type_in_words(parameter)
        yield "type", name, types[name], f"Invalid type for {name}: expected {said}."
        yield "null", name, {**good, name: None}, f"Invalid type for {name}: expected {said}."
        for kind, value, words in _values_outside(parameter, good[name]):
            yield kind, name, {**good, name: value}, f"Invalid value for {name}: {words}."
        if parameter.type == "array" and parameter.items is not None:
            wrong = [*good[name], WRONG[parameter.items.type]]
            yield "item type", name, {**good, name: wrong}, f"Invalid type for {name}: expected {said}."
            for kind, value, words in _values_outside(parameter.items, good[name][0]):
                yield kind, name, {**good, name: [value, *good[name][1:]]}, f"Invalid value for {name}: {words}."


def _type_in_words(parameter):
    if parameter.type == "array" and parameter.items is not None:
        return f"array of {_type_in_words(parameter.items)}"
    return parameter.type


def _values_outside(parameter, good):
    """Values of the right type that a constraint refuses, with its kind and its words."""
    if parameter.min_items:
        yield "min_items", good[:-1], f"must have at least {parameter.min_items} items"
    if parameter.max_items is not None:
        yield "max_items", good[:1] * (parameter.max_items + 1), f"must have at most {parameter.max_items} items"
    if parameter.format:
        day = parameter.format == "date"
        words = "must be a calendar day (YYYY-MM-DD)" if day else "must be an ISO 8601 date or date-time"
        yield from (("date", text, words) for text in NO_DATES)
    if parameter.enum:
        wrong = 7919 if parameter.type in ("integer", "number") else "none of these"
        yield "choices", wrong, "must be one of: " + ", ".join(map(str, parameter.enum))
    low, high = parameter.minimum, parameter.maximum
    if low is not None and high is not None:
        yield from (("range", value, f"must be between {low} and {high}") for value in (low - 1, high + 1))
    elif low is not None:
        yield "bound", low - 1, f"must be at least {low}"
    elif high is not None:
        yield "bound", high + 1, f"must be at most {high}"
    if parameter.min_length:
        yield "length", "x" * (parameter.min_length - 1), f"must have at least {parameter.min_length} characters"
    if parameter.max_length is not None:
        yield "length", "x" * (parameter.max_length + 1), f"must have at most {parameter.max_length} characters"
    if parameter.pattern:
        yield "pattern", "?", f"must match the pattern {parameter.pattern}"
