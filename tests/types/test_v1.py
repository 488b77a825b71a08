import pytest

from synthtools.errors import DataError
from synthtools.types import Parameter, Tool
from synthtools.types.v1 import normalise_tool


def read(parameter: dict[str, object]) -> tuple[Parameter, set[str]]:
    result = normalise_tool({"tool_name": "T", "parameters": {"p": parameter}})
    return result.tool.parameters["p"], {change.kind for change in result.changes}


@pytest.mark.parametrize(
    ("row", "expected", "kinds"),
    [
        ({"type": "float", "required": True}, Parameter(type="number"), {"type alias"}),
        (
            {"type": "integer", "required": False, "default": "None"},
            Parameter(type="integer", required=False),
            {"default absent"},
        ),
        ({"type": "integer", "required": False, "default": None}, Parameter(type="integer", required=False), set()),
        (
            {"type": "integer", "required": False, "default": "5"},
            Parameter(type="integer", required=False, default=5),
            {"default coerced"},
        ),
        (
            {"type": "integer", "required": False, "default": 5.0},
            Parameter(type="integer", required=False, default=5),
            {"default coerced"},
        ),
        (
            {"type": "boolean", "required": False, "default": "False"},
            Parameter(type="boolean", required=False, default=False),
            {"default coerced"},
        ),
        (
            {"type": "boolean", "required": False, "default": "maybe"},
            Parameter(type="boolean", required=False),
            {"default dropped"},
        ),
        ({"type": "string", "required": True, "default": "x"}, Parameter(type="string"), {"default dropped"}),
        ({"type": "array", "required": True}, Parameter(type="array"), {"array without items"}),
        (
            {"type": "list[float]", "required": True},
            Parameter(type="array", items=Parameter(type="number")),
            {"type alias"},
        ),
        ({"type": "datetime", "required": True}, Parameter(type="string", format="date-time"), {"type alias"}),
        ({"required": False, "default": 3}, Parameter(type="integer", required=False, default=3), {"type guessed"}),
        (
            {"type": "string", "required": True, "format": "email"},
            Parameter(type="string", description="(format: email)"),
            {"format dropped"},
        ),
        ({"type": "string", "required": True, "minimum": 3}, Parameter(type="string"), {"constraint dropped"}),
    ],
)
def test_each_oddity_is_normalised_and_told(row: dict[str, object], expected: Parameter, kinds: set[str]):
    assert read(row) == (expected, kinds)


def test_constraints_in_prose_are_lifted_and_told_with_their_kind_and_words():
    row = {
        "tool_name": "T",
        "parameters": {
            "days": {"type": "integer", "required": True, "description": "Days ahead (7-365)"},
            "rate": {"type": "number", "required": True, "description": "Rate (typically 0-1)"},
            "email": {"type": "string", "required": True, "description": "Email (required for the email method)"},
        },
        "output_details": {"days": {"type": "integer", "description": "Days (7-365)"}},
    }
    result = normalise_tool(row)
    days, rate, _ = result.tool.parameters.values()
    assert (days.minimum, days.maximum, days.description) == (7, 365, "Days ahead (7-365)")
    assert (rate.minimum, rate.maximum) == (None, None)
    assert result.tool.output["days"].maximum is None
    assert [(change.part, change.kind, change.constraint) for change in result.changes] == [
        ("parameters.days", "constraint lifted", "range"),
        ("parameters.rate", "constraint doubtful", "range"),
        ("parameters.email", "constraint left", "relation"),
    ]
    assert result.changes[0].detail == "'7-365'; minimum: 7, maximum: 365"


def test_without_lifting_a_tool_has_the_constraints_of_its_row_alone():
    row = {
        "tool_name": "T",
        "parameters": {"n": {"type": "integer", "required": True, "minimum": 2, "description": "Days (7-365)"}},
    }
    result = normalise_tool(row, lift=False)
    assert (result.tool.parameters["n"].minimum, result.tool.parameters["n"].maximum) == (2, None)
    assert result.changes == ()


def test_a_default_that_the_gate_would_refuse_is_dropped():
    row = {"type": "string", "format": "date-time", "required": False, "default": "now"}
    assert read(row) == (Parameter(type="string", format="date-time", required=False), {"default dropped"})
    kept = {**row, "default": "2026-03-04T10:00:00"}
    assert read(kept)[0].default == "2026-03-04T10:00:00"


def test_names_become_identifiers_without_collisions():
    row = {
        "tool_name": "A/B tester",
        "parameters": {"a b": {"type": "string"}, "a-b": {"type": "string"}, "a_b": {"type": "string"}},
    }
    result = normalise_tool(row)
    assert result.tool.name == "ABTester"
    assert list(result.tool.parameters) == ["a_b", "a_b2", "a_b3"]
    assert result.renamed == {"a b": "a_b", "a-b": "a_b2", "a_b": "a_b3"}


def test_errors_get_title_advice_and_the_code_their_title_says():
    tool = Tool.from_v1(
        {
            "tool_name": "T",
            "error_messages": [
                "Pet not found: look it up: twice",
                "Slot conflict: other",
                "Odd",
                "Rate limit exceeded: wait",
                7,
            ],
        }
    )
    assert [(error.title, error.advice, error.status_code) for error in tool.errors] == [
        ("Pet not found", "look it up: twice", 404),
        ("Slot conflict", "other", 409),
        ("Odd", "", 400),
        ("Rate limit exceeded", "wait", 429),
    ]


def test_only_a_row_without_a_name_is_refused():
    assert (
        Tool.from_v1({"tool_name": "T", "parameters": "none", "output_details": {"a": 1}, "error_messages": None}).name
        == "T"
    )
    with pytest.raises(DataError, match="tool_name"):
        Tool.from_v1({"parameters": {}})


def test_a_tool_that_is_well_made_is_left_as_it_is():
    tool = Tool(
        name="Find", description="d", parameters={"n": Parameter(type="integer", required=False, default=3, minimum=1)}
    )
    result = normalise_tool(tool.to_wire())
    assert (result.tool, result.changes) == (tool, ())
