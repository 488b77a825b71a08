import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtools.errors import ToolCallSyntaxError
from synthtools.types import ToolCall
from tests.types.strategies import calls, identifiers, json_values


@given(calls)
def test_what_is_written_reads_back_with_its_types(call: ToolCall):
    read = ToolCall.parse(str(call))
    assert read.name == call.name
    assert repr(read.arguments) == repr({key: read.arguments[key] for key in read.arguments})
    assert {key: repr(value) for key, value in read.arguments.items()} == {
        key: repr(value) for key, value in call.arguments.items()
    }


@given(name=identifiers, arguments=st.dictionaries(st.text(max_size=6), json_values, max_size=3))
@settings(max_examples=50)
def test_every_json_shape_reads_as_the_same_call(name: str, arguments: dict[str, object]):
    expected = ToolCall.model_validate({"name": name, "arguments": arguments})
    for shape in (
        {"name": name, "arguments": arguments},
        {"tool_name": name, "parameters": arguments},
        {"name": name, "arguments": json.dumps(arguments)},
        {"id": "call_1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}},
        [{"name": name, "arguments": arguments}],
    ):
        assert repr(ToolCall.parse(json.dumps(shape))) == repr(expected)


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("Name(a=1)", "Name", {"a": 1}),
        ("Name[a = 1]", "Name", {"a": 1}),
        ("[name(a='x')]", "name", {"a": "x"}),
        ("  Name ( a = -1.5e-3 , ) ", "Name", {"a": -0.0015}),
        ("N(a=true, b=True, c=null, d=None, e=false)", "N", {"a": True, "b": True, "c": None, "d": None, "e": False}),
        ("N()", "N", {}),
        ("N[]", "N", {}),
        ("A/B Testing Controller(a=[1, {'b': [\"c\"]}])", "A/B Testing Controller", {"a": [1, {"b": ["c"]}]}),
        (r"""N(a='it\'s', b="say \"x\"\n", c="\u00e9\x41")""", "N", {"a": "it's", "b": 'say "x"\n', "c": "éA"}),
        (r'N(a="\ud83d\ude00", b="😀")', "N", {"a": "😀", "b": "😀"}),
        (r"N(pattern='\d+')", "N", {"pattern": r"\d+"}),
        ("N(**{'odd key': 1}, b=2)", "N", {"odd key": 1, "b": 2}),
        ('{"name": "N"}', "N", {}),
        ('{"name": "N", "arguments": ""}', "N", {}),
    ],
)
def test_every_known_syntax_is_read(text: str, name: str, arguments: dict[str, object]):
    assert repr(ToolCall.parse(text)) == repr(ToolCall.model_validate({"name": name, "arguments": arguments}))


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("just some words", 15),
        ("N", 1),
        ("N(1)", 2),
        ("N(a)", 2),
        ("N(a=1, a=2)", 7),
        ("N(**{'a': 1}, a=2)", 14),
        ("N(a={'b': 1, 'b': 2})", 13),
        ("N(a={1: 2})", 5),
        ("N(a=NaN)", 4),
        ("N(a=-Infinity)", 4),
        ("N(a=1e999)", 4),
        ("N(a=007)", 4),
        ("N(a=1_000)", 5),
        ("N(a=0x10)", 5),
        ("N(a='x", 4),
        ("N(a='\\u12')", 5),
        ("N(a='\\ud800')", 4),
        ("N(a=f'{b}')", 4),
        ("N(a=print)", 4),
        ("N(a=open('x'))", 4),
        ("N(a=(1, 2))", 4),
        ("N(a=1) and more", 7),
        ("[N(a=1), M()]", 9),
        ('{"name": "N", "arguments": [1]}', 0),
        ('{"name": "N", "arguments": "[1]"}', 0),
        ('{"name": "N", "tool_name": "M"}', 0),
        ('{"arguments": {}}', 0),
        ('{"name": "N", "code": "x"}', 0),
    ],
)
def test_anything_else_is_refused_with_its_position(text: str, position: int):
    with pytest.raises(ToolCallSyntaxError, match=f"position {position} ") as caught:
        ToolCall.parse(text)
    assert "\n" not in str(caught.value)


def test_nesting_and_length_are_bounded():
    with pytest.raises(ToolCallSyntaxError, match="nested deeper"):
        ToolCall.parse(f"N(a={'[' * 100_000})")
    with pytest.raises(ToolCallSyntaxError, match="nested deeper"):
        ToolCall.parse('{"name": ' * 100_000)
    with pytest.raises(ToolCallSyntaxError, match="longer than"):
        ToolCall.parse(f"N(a='{'x' * 1_000_001}')")
    with pytest.raises(ToolCallSyntaxError, match="400 characters"):
        ToolCall.parse(f"N(a={'9' * 5_000})")


@given(st.text(max_size=60))
def test_any_text_is_a_call_or_a_syntax_error(text: str):
    try:
        call = ToolCall.parse(text)
    except ToolCallSyntaxError:
        return
    assert ToolCall.parse(str(call)) == call
