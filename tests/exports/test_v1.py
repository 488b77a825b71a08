import gzip
import json
from pathlib import Path

import jsonschema_rs
import pytest

from synthtools.errors import DataError
from synthtools.exports.v1 import ImportReport, read_environments
from synthtools.types import Tool
from tests.sample_data import sample


def row(id: str, name: str, **more: object) -> dict[str, object]:
    return {"id": id, "field": "pets", "subfield": "vets", "task": "Visits", "tool": {"tool_name": name, **more}}


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_tools_are_grouped_by_environment_wherever_they_stand(tmp_path: Path):
    path = write(
        tmp_path / "v1.jsonl", row("a__Find_Pet", "Find Pet"), row("b__X", "X"), row("a__Find-Pet", "Find-Pet")
    )
    report = ImportReport()
    first, second = read_environments(path, report)
    assert (first.id, [tool.name for tool in first.tools]) == ("a", ["FindPet", "FindPet2"])
    assert (second.id, second.scenario.title, second.scenario.field) == ("b", "Visits", "pets")
    assert (report.environments, report.tools, report.counts) == (2, 3, {"renamed": 3})


def test_constraints_in_prose_are_counted_by_kind_and_verdict(tmp_path: Path):
    parameters = {
        "days": {"type": "integer", "required": True, "description": "Days ahead (7-365)"},
        "weeks": {"type": "integer", "required": True, "description": "Weeks ahead (typically 1-4)"},
        "email": {"type": "string", "required": True, "description": "Email (required if there is no phone)"},
    }
    report = ImportReport()
    list(read_environments(write(tmp_path / "v1.jsonl", row("a__X", "X", parameters=parameters)), report))
    assert report.constraints == {
        "range": {"lifted": 1, "doubtful": 1, "left": 0},
        "relation": {"lifted": 0, "doubtful": 0, "left": 1},
    }


def test_an_environment_whose_name_is_no_file_name_gets_one(tmp_path: Path):
    path = write(tmp_path / "v1.jsonl", row("../Käse__X", "X"), row("Käse__X", "X"))
    assert [env.id for env in read_environments(path)] == ["kase", "kase2"]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"id": "a__X"}, "line 1: tool: expected an object"),
        ({"id": "a__X", "tool": {}}, "line 1: tool: tool_name"),
        ({"tool": {}}, "line 1: id: expected a text"),
        (row("a__X", "X") | {"field": 3}, "line 1: field: expected a text"),
    ],
)
def test_a_row_that_is_no_tool_is_named(tmp_path: Path, bad: dict[str, object], message: str):
    with pytest.raises(DataError, match=message):
        list(read_environments(write(tmp_path / "v1.jsonl", bad)))


def test_every_published_tool_is_read_and_every_change_told():
    report = ImportReport()
    environments = list(read_environments(sample("v1_tools_sample.jsonl.gz"), report))
    assert (len(environments), report.environments, report.tools) == (217, 217, 2264)
    assert report.counts["default absent"] > 300
    assert report.counts["default coerced"] == 3
    assert report.counts["default dropped"] == 7
    for verdict in ("lifted", "doubtful", "left"):
        assert report.counts[f"constraint {verdict}"] == sum(found[verdict] for found in report.constraints.values())
    assert report.constraints["range"]["lifted"] > 800
    assert report.constraints["choices"]["lifted"] > 1800
    assert report.constraints["relation"] == {
        "lifted": 0,
        "doubtful": 0,
        "left": report.constraints["relation"]["left"],
    }
    for env in environments:
        assert env.scenario.title
        for tool in env.tools:
            assert Tool.from_mcp(tool.to_mcp()) == tool
            for parameter in tool.parameters.values():
                assert parameter.default is None or jsonschema_rs.is_valid(parameter.json_schema(), parameter.default)


def test_published_calls_fit_the_read_schemas_but_for_the_eight_bad_ones():
    tools: dict[str, Tool] = {}
    with gzip.open(sample("v1_tools_sample.jsonl.gz"), "rt") as rows:
        for line in rows:
            entry = json.loads(line)
            tools[entry["id"]] = Tool.from_v1(entry["tool"])
    refused = 0
    with gzip.open(sample("v1_calls_sample.jsonl.gz"), "rt") as rows:
        for line in rows:
            entry = json.loads(line)
            tool = tools[entry["id"]]
            if jsonschema_rs.is_valid(tool.parameters_schema(), entry["call"]):
                assert jsonschema_rs.is_valid(tool.output_schema(), entry["return"])
            else:
                assert entry["call"].keys() - tool.parameters.keys()
                refused += 1
    assert refused == 8
