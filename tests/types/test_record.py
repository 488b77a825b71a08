"""Records made by hand: by name or in the order of their fields, and one clear line where a value does not fit."""

import pytest

from synthtools.errors import DataError, SynthToolsError
from synthtools.types import DocumentedError, Parameter, Tool, ToolCall


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
