import hashlib

import pytest
import rfc8785
from hypothesis import given

from synthtools.errors import StateError
from synthtools.types import Parameter
from synthtools.types.canonical import canonical_bytes, check_json, content_hash, same_json
from tests.types.strategies import json_values


def has_edge(value: object) -> bool:
    if isinstance(value, dict):
        return any(has_edge(item) for item in value.values())
    if isinstance(value, list):
        return any(has_edge(item) for item in value)
    return isinstance(value, int) and abs(value) == 2**53


@given(json_values.filter(lambda value: not has_edge(value)))
def test_the_bytes_are_those_of_rfc_8785(value: object):
    assert canonical_bytes(value) == rfc8785.dumps(value)
    assert content_hash(value) == hashlib.sha256(rfc8785.dumps(value)).hexdigest()


@pytest.mark.parametrize(
    "number",
    [0.0, -0.0, 1.0, -7.0, 0.1, 1e-4, 9.9e-5, 1e-7, 123456789012345.6, 1e15, 1.5e15, 2.0**53, 2.0**54, 1e21, 5e-324],
)
def test_floats_are_written_as_rfc_8785_does(number: float):
    assert canonical_bytes([number, -number, {"a": number}]) == rfc8785.dumps([number, -number, {"a": number}])


def test_key_order_and_number_notation_do_not_matter_to_the_hash():
    assert content_hash({"b": 1.0, "a": [1e2]}) == content_hash({"a": [100], "b": 1})
    assert canonical_bytes({"€": 1, "\r": 2, "1": 3, "\U0001f600": 4}) == rfc8785.dumps(
        {"\U0001f600": 4, "1": 3, "\r": 2, "€": 1}
    )


def test_the_largest_exact_integer_is_the_limit():
    assert canonical_bytes([2**53, -(2**53)]) == b"[9007199254740992,-9007199254740992]"
    with pytest.raises(StateError, match=r"\$\.a\[1\]: an integer of 54 bits"):
        content_hash({"a": [0, 2**53 + 1]})


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), {1: 2}, {"a": {2}}, object(), "\ud800", {"\udc00": 1}, b"x"]
)
def test_what_json_cannot_carry_is_refused(value: object):
    with pytest.raises(StateError):
        check_json(value)


def test_nesting_is_bounded():
    value: list[object] = []
    for _ in range(10_000):
        value = [value]
    with pytest.raises(StateError, match="deeper than 100"):
        content_hash(value)


def test_equality_keeps_types_apart():
    assert same_json({"a": [1, "x", None]}, {"a": [1, "x", None]})
    for left, right in ((1, 1.0), (1, True), (0, False), (1.0, True), ("1", 1), (None, False), ([], {})):
        assert not same_json({"a": [left]}, {"a": [right]})
    assert not same_json({"a": 1}, {"a": 1, "b": 2})
    assert not same_json({"a": None}, {"b": None})
    assert not same_json([1, 2], [2, 1])


@given(json_values)
def test_a_value_is_the_same_as_itself(value: object):
    assert same_json(value, value)


def test_normalised_values_are_the_same_exactly_when_their_hashes_are():
    amounts = Parameter(
        type="object", properties={"count": Parameter(type="integer"), "litres": Parameter(type="number")}
    )
    one, other = amounts.normalise({"count": 3.0, "litres": 12}), amounts.normalise({"count": 3, "litres": 12.0})
    assert same_json(one, other)
    assert same_json(one, {"count": 3, "litres": 12.0})
    assert amounts.normalise({"count": 3.5, "litres": True}) == {"count": 3.5, "litres": True}
