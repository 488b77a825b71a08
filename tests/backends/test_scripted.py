"""The stand-in: fitting data for any schema we send, roles by functions, and a server of its own."""

import json
import random
import signal
import subprocess
import sys
import urllib.request
from typing import Any

import dspy
import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtools.backends import model
from synthtools.backends.fitting import fitting
from synthtools.backends.schemas import Bounds, closed_schema, injected_bounds_hit, wire_schema
from synthtools.backends.scripted import STAND_IN, Script, register_script
from synthtools.errors import ConfigError, ProviderError
from tests.backends.shared import NameTool


def bounded(strategy: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(strategy, strategy).map(lambda pair: (min(pair), max(pair)))


strings = st.one_of(
    st.just({"type": "string"}),
    bounded(st.integers(0, 40)).map(lambda b: {"type": "string", "minLength": b[0], "maxLength": b[1] + 1}),
    st.sampled_from(["^[A-Z]{2}-[0-9]{3}$", r"^\d{4}$", "^(low|high)$", "^[^x]+$", "^a?b*c+$", r"^\w+@\w+\.com$"]).map(
        lambda pattern: {"type": "string", "pattern": pattern}
    ),
    st.sampled_from(["date", "date-time"]).map(lambda form: {"type": "string", "format": form}),
)
numbers = st.one_of(
    st.sampled_from([{"type": "integer"}, {"type": "number"}, {"type": "integer", "maximum": -5}]),
    bounded(st.integers(-1000, 1000)).map(lambda b: {"type": "integer", "minimum": b[0], "maximum": b[1]}),
    bounded(st.integers(-9, 9)).map(lambda b: {"type": "number", "minimum": b[0] / 8, "maximum": b[1] / 8}),
    st.integers(-9, 9).map(lambda low: {"type": "integer", "exclusiveMinimum": low, "exclusiveMaximum": low + 3}),
)
scalars = st.one_of(
    strings,
    numbers,
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.just({"const": {"k": [1]}}),
    st.lists(st.integers() | st.text(max_size=5), min_size=1, max_size=4).map(lambda values: {"enum": values}),
    st.just({"type": ["string", "null"]}),
)
schemas = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda branches: {"anyOf": branches}),
        st.tuples(inner, bounded(st.integers(0, 5))).map(
            lambda pair: {"type": "array", "items": pair[0], "minItems": pair[1][0], "maxItems": pair[1][1]}
        ),
        inner.map(lambda items: {"type": "array", "items": items}),
        st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), inner, min_size=1, max_size=4).flatmap(
            lambda properties: st.sets(st.sampled_from(sorted(properties))).map(
                lambda required: {"type": "object", "properties": properties, "required": sorted(required)}
            )
        ),
    ),
    max_leaves=8,
)


@given(schemas, st.integers(0, 2**31))
@settings(max_examples=300, deadline=None)
def test_drawn_data_fits_the_schema_that_we_send_and_the_one_it_came_from(schema: dict[str, Any], seed: int):
    closed = closed_schema(schema, Bounds(), where="test", bound_at_call=True)
    value = fitting(closed, random.Random(seed))
    jsonschema_rs.validate(closed, value)
    jsonschema_rs.validate(schema, value)
    assert list(injected_bounds_hit(closed, value)) == []


@given(schemas)
@settings(max_examples=200, deadline=None)
def test_closing_a_schema_twice_changes_nothing(schema: dict[str, Any]):
    closed = closed_schema(schema, Bounds(), where="test", bound_at_call=True)
    wire = wire_schema({"type": "object", "properties": {"x": closed}}, title="T").schema
    again = closed_schema(wire, Bounds(), where="test", bound_at_call=True)
    assert wire_schema(again, title="T").schema == {**wire, "additionalProperties": False}


def test_references_are_inlined_and_unknown_ones_told():
    schema = {"$ref": "#/$defs/Pet", "$defs": {"Pet": {"type": "object", "properties": {"n": {"type": "integer"}}}}}
    closed = closed_schema(schema, Bounds(), where="test", bound_at_call=False)
    assert closed["properties"] == {"n": {"type": "integer"}}
    with pytest.raises(ConfigError, match="does not define"):
        closed_schema({"$ref": "#/$defs/Cat"}, Bounds(), where="test", bound_at_call=True)


def test_keys_that_look_like_keywords_are_kept_as_properties():
    properties = {"title": {"type": "string"}, "default": {"type": "integer"}, "$ref": {"type": "boolean"}}
    closed = closed_schema({"type": "object", "properties": properties}, Bounds(), where="t", bound_at_call=False)
    assert set(closed["properties"]) == set(properties)


def test_a_tools_free_object_is_narrowed_to_scalars():
    closed = closed_schema({"type": "object"}, Bounds(), where="test", bound_at_call=True)
    validator = jsonschema_rs.validator_for(closed)
    assert validator.is_valid({"any": "text", "n": 1})
    assert not validator.is_valid({"nested": {}})


@pytest.mark.parametrize("pattern", ["[", "^a{9}$"])
def test_what_cannot_be_drawn_is_told(pattern: str):
    with pytest.raises(ConfigError):
        fitting({"type": "string", "pattern": pattern, "maxLength": 5}, random.Random(0))


def test_a_script_plays_roles_with_parsed_inputs():
    seen: list[Any] = []

    def play(inputs: dict[str, Any], schema: dict[str, Any], seed: int) -> dict[str, Any]:
        seen.append((inputs, schema["title"], seed))
        return {"name": "X", "kind": "write"}

    register_script("once", Script({"NameTool": play}))
    with model("scripted/once", seed=3):
        answer = dspy.Predict(NameTool)(field="libraries", feedback='{"tries": 2}')
    assert (answer.name, answer.kind) == ("X", "write")
    assert seen == [({"field": "libraries", "feedback": {"tries": 2}}, "NameTool", 3)]


def test_a_script_that_plays_only_its_roles_refuses_others():
    register_script("narrow", Script({"Other": lambda inputs, schema, seed: {}}, otherwise=None))
    with model("scripted/narrow"), pytest.raises(ProviderError, match=r"no role 'NameTool'; it plays Other"):
        dspy.Predict(NameTool)(field="libraries")


def test_seeds_and_inputs_change_fitting_answers_and_nothing_else_does():
    with model("scripted/schema"):
        predict = dspy.Predict(NameTool)
        answers = [predict(field=field, config={"seed": seed}).name for field in "ab" for seed in (0, 1)]
        again = [predict(field=field, config={"seed": seed}).name for field in "ab" for seed in (0, 1)]
    assert answers == again
    assert len(set(answers)) == 4


def test_the_stand_in_says_what_it_is():
    completion = Script().completion({"messages": [{"role": "user", "content": "hi"}]})
    assert completion["model"] == STAND_IN
    assert completion["choices"][0]["message"]["content"] == STAND_IN


def test_the_server_runs_as_a_command_and_stops_when_asked():
    command = [sys.executable, "-m", "synthtools.backends.scripted", "--port", "0", "schema"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert STAND_IN in line
        address = line.split()[-1]
        with urllib.request.urlopen(f"{address}/models") as answer:
            assert json.load(answer)["data"][0]["owned_by"] == STAND_IN
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
