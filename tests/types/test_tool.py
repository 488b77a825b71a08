import jsonschema_rs
import pytest
from hypothesis import given

from synthtools.errors import DataError
from synthtools.types import DocumentedError, Parameter, Tool
from tests.types.strategies import parameters, tools

BOOK = Tool(
    name="BookVisit",
    description="Books a visit for a pet.",
    parameters={
        "pet_id": Parameter(type="string", description="The pet's id", references="pets"),
        "kind": Parameter(type="string", required=False, default="checkup", enum=("checkup", "vaccination")),
        "minutes": Parameter(type="integer", required=False, minimum=10, maximum=60),
    },
    output={"visit_id": Parameter(type="string"), "note": Parameter(type="string", required=False, prose=True)},
    errors=(DocumentedError(title="Pet not found", advice="Look the pet up first.", status_code=404),),
    usage="Give the pet's id; minutes default to the kind's length.",
    reads=("pets",),
    writes=("visits",),
)


def test_the_schemas_are_closed_and_name_what_is_required():
    assert BOOK.parameters_schema() == {
        "type": "object",
        "properties": {
            "pet_id": {"type": "string", "description": "The pet's id"},
            "kind": {"type": "string", "enum": ["checkup", "vaccination"], "default": "checkup"},
            "minutes": {"type": "integer", "minimum": 10, "maximum": 60},
        },
        "required": ["pet_id"],
        "additionalProperties": False,
    }
    accepts = jsonschema_rs.Draft202012Validator(BOOK.output_schema()).is_valid
    assert accepts({"visit_id": "V-1"})
    assert not accepts({"note": "x"})
    assert not accepts({"visit_id": "V-1", "extra": 1})


@given(parameters)
def test_every_parameter_has_a_valid_json_schema_that_reads_back(parameter: Parameter):
    schema = parameter.json_schema(marks=True)
    jsonschema_rs.meta.validate(schema)
    assert Parameter.from_json_schema(schema, required=parameter.required) == parameter


@given(tools)
def test_a_tool_survives_the_wire_and_mcp(tool: Tool):
    assert Tool.from_wire(tool.to_wire()) == tool
    assert Tool.from_mcp(tool.to_mcp()) == tool


@given(tools)
def test_openai_keeps_what_an_agent_reads(tool: Tool):
    read = Tool.from_openai(tool.to_openai())
    assert (read.name, read.description, read.usage) == (tool.name, tool.description, tool.usage)
    assert read.parameters_schema() == tool.parameters_schema()
    assert Tool.from_openai(read.to_openai()) == read


def test_agents_read_the_usage_and_hosts_the_effects():
    assert BOOK.usage in BOOK.to_openai()["function"]["description"]
    assert BOOK.to_mcp()["annotations"] == {"readOnlyHint": False, "openWorldHint": False}


def test_a_foreign_mcp_tool_is_read():
    tool = Tool.from_mcp(
        {
            "name": "search",
            "inputSchema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "q": {"type": ["string", "null"], "title": "Q", "format": "uri"},
                    "n": {"const": 3, "type": "integer"},
                },
            },
        }
    )
    assert tool.parameters == {
        "q": Parameter(type="string", required=False),
        "n": Parameter(type="integer", required=False, enum=(3,)),
    }
    with pytest.raises(DataError, match=r"search\.inputSchema\.q: 'anyOf' cannot be expressed"):
        Tool.from_mcp({"name": "search", "inputSchema": {"type": "object", "properties": {"q": {"anyOf": []}}}})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tool_name": ""}, "tool_name: expected"),
        ({"reads": "pets"}, "BookVisit.reads: expected a list"),
        ({"parameters": []}, "BookVisit.parameters: expected an object"),
        ({"parameters": {"a": {"type": "float"}}}, r"BookVisit.parameters.a: type: Input should be 'string'"),
        ({"parameters": {"a": {"type": "string", "required": "yes"}}}, "BookVisit.parameters.a: required"),
        ({"error_status_codes": [404, 409]}, "lists of one length"),
        ({"error_status_codes": [500]}, r"error_status_codes\[0\]: 500"),
        ({"surprise": 1}, "unknown key 'surprise'"),
    ],
)
def test_a_wrong_row_is_refused_naming_the_field(change: dict[str, object], message: str):
    with pytest.raises(DataError, match=message):
        Tool.from_wire({**BOOK.to_wire(), **change})


def test_names_that_exports_cannot_carry_are_refused():
    for tool in (
        BOOK.model_copy(update={"name": "Book visit"}),
        Tool(name="T", description="", parameters={"a b": Parameter(type="string")}),
    ):
        with pytest.raises(DataError, match="no identifier"):
            tool.to_openai()
        with pytest.raises(DataError, match="no identifier"):
            tool.to_mcp()


def test_the_version_follows_the_content():
    assert BOOK.version == Tool.from_wire(BOOK.to_wire()).version
    changed = BOOK.model_copy(update={"usage": "Other."})
    assert len(changed.version) == 16
    assert changed.version != BOOK.version
    assert changed.model_copy(update={"usage": BOOK.usage}).version == BOOK.version


def test_an_error_message_reads_back_however_it_was_split():
    error = DocumentedError(title="Conflict: slot taken", advice="choose: another", status_code=409)
    assert error.message == "Conflict: slot taken: choose: another"
    assert error == DocumentedError(title="Conflict", advice="slot taken: choose: another", status_code=409)


def test_bounds_go_by_both_names():
    assert Parameter(type="string", min_length=2) == Parameter.from_json({"type": "string", "minLength": 2})
    assert Parameter(type="string", min_length=2).to_json() == {"type": "string", "minLength": 2}
