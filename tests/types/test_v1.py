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


@pytest.mark.parametrize(
    ("text", "enum"),
    [
        ("one of: soprano, alto, tenor, bass", ("soprano", "alto", "tenor", "bass")),
        ("Priority, must be one of 'low', 'mid' or 'high'.", ("low", "mid", "high")),
        ("One of: a/b", ("a", "b")),
        ("one of: your own photos, or none", None),
        ("one of the following", None),
        ("one of: low, high; others by arrangement", None),
    ],
)
def test_choices_are_lifted_only_where_a_whole_phrase_says_them(text: str, enum: tuple[str, ...] | None):
    assert read({"type": "string", "required": True, "description": text})[0].enum == enum


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("Days ahead (7-365)", (7, 365)),
        ("Score (0.0 to 1.0)", (0.0, 1.0)),
        ("Offset (-5 - 5)", (-5, 5)),
        ("Either (1-5) or (10-20)", (None, None)),
        ("Born (1990-1980)", (None, None)),
        ("About 1-5", (None, None)),
    ],
)
def test_bounds_are_lifted_only_where_a_whole_phrase_says_them(text: str, bounds: tuple[object, object]):
    parameter, _ = read({"type": "number", "required": True, "description": text})
    assert (parameter.minimum, parameter.maximum) == bounds


def test_a_phrase_that_the_default_contradicts_stays_prose():
    parameter, kinds = read({"type": "integer", "required": False, "default": 500, "description": "Days (7-365)"})
    assert (parameter.default, parameter.maximum, kinds) == (500, None, set())


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
