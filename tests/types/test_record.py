"""Records made by hand: by name or in the order of their fields, and one clear line where a value does not fit."""

import pytest

from synthtools.errors import DataError, SynthToolsError
from synthtools.types import DocumentedError, Parameter, Tool, ToolCall
from synthtools.types.v1 import normalise_tool


def test_values_may_be_given_in_order_or_by_name():
    by_name = DocumentedError(title="Unknown order", advice="Check the id.", status_code=404)
    assert DocumentedError("Unknown order", "Check the id.", 404) == by_name
    assert Tool("Ping", "Pings.", errors=[by_name]).errors == (by_name,)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Parameter(type="text"), "Parameter: type: Input should be 'string'"),
        (lambda: DocumentedError("Down", "", 500), "DocumentedError: status_code: Input should be 400"),
        (lambda: Tool(name="Ping"), "Tool: description: Field required"),
        (lambda: Tool("Ping", "Pings.", colour="red"), "Tool: colour: Extra inputs"),
        (lambda: Tool("Ping", "Pings.", {"n": {"type": "text"}}), "Tool: parameters.n.type: Input should be"),
    ],
)
def test_a_value_that_does_not_fit_is_told_in_one_line(make, message):
    with pytest.raises(DataError) as caught:
        make()
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, SynthToolsError)


def test_a_field_given_twice_or_too_many_values_are_refused():
    with pytest.raises(TypeError, match="name, arguments"):
        ToolCall("Ping", {}, 3)
    with pytest.raises(TypeError, match="name, arguments"):
        ToolCall("Ping", name="Pong")


def test_text_from_models_is_never_markup():
    shown = ToolCall(name="<script>", arguments={"<b>": "<img src=x onerror=alert(1)>"})._repr_html_()
    assert "<script>" not in shown and "<img" not in shown
    assert "&lt;script&gt;" in shown


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"pattern": "((("}, "is no regular expression"),
        ({"pattern": "a" * 300}, "a pattern of 300 characters"),
        ({"min_length": -1}, "Input should be greater"),
    ],
)
def test_a_constraint_that_no_validator_can_hold_is_refused_where_it_is_read(fields, message):
    with pytest.raises(DataError, match=message):
        Parameter(type="string", **fields)
    row = {"tool_name": "T", "tool_description": "Does.", "reads": []}
    key = {"min_length": "minLength"}.get(*fields, *fields)
    row["parameters"] = {"p": {"type": "string", key: next(iter(fields.values()))}}
    with pytest.raises(DataError, match=message):
        Tool.from_wire(row)


def test_a_useless_pattern_of_old_data_is_reported_and_left_out():
    row = {"tool_name": "T", "parameters": {"p": {"type": "string", "pattern": "((("}}}
    tool, changes, _ = normalise_tool(row)
    assert tool.parameters["p"].pattern is None
    assert [change.kind for change in changes] == ["constraint dropped"]


def test_a_deep_path_is_cut_in_the_message():
    deep: object = 1
    for _ in range(300):
        deep = [deep]
    with pytest.raises(DataError) as caught:
        ToolCall.from_json({"name": "T", "arguments": {"a": deep}})
    assert len(str(caught.value)) < 300
