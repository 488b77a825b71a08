"""Rows of `task_content.jsonl`, ours and those of the reference's second version, read into a task's fields."""

from collections.abc import Mapping
from typing import Any

import orjson

from synthtools.errors import DataError, ToolCallSyntaxError
from synthtools.types.call import ToolCall
from synthtools.types.names import pascal_case
from synthtools.types.record import Json, JsonObject
from synthtools.types.tool import Tool
from synthtools.types.v1 import normalise_tool

ROW_KEYS = ("id", "field", "summary", "tools", "gt_tool_calls", "initial_state", "final_state")
"""The keys of a row, in order."""

_OUR_TOOL_KEYS = frozenset({"error_status_codes", "reads", "writes"})


def read_row(row: Mapping[str, Json]) -> dict[str, Any]:
    """The fields of the task of a row; keys beyond the seven are kept in `provenance`.

    Raises: DataError naming the field and what would be right.
    """
    fields: dict[str, Any] = {key: _text(row, key) for key in ("id", "field", "summary")}
    tools, renamed = _tools(_list(row, "tools"))
    fields["tools"] = tools
    fields["gt_tool_calls"] = tuple(
        _call(value, index, renamed) for index, value in enumerate(_list(row, "gt_tool_calls"))
    )
    fields["initial_state"] = _state(row, "initial_state")
    fields["final_state"] = _state(row, "final_state")
    more = {key: value for key, value in row.items() if key not in ROW_KEYS}
    if more:
        fields["provenance"] = {"row": more}
    return fields


class _Renamed:
    """How the tools of an old row are called now, and their parameters."""

    def __init__(self) -> None:
        self.tools: dict[str, str] = {}
        self.parameters: dict[str, dict[str, str]] = {}

    def call(self, call: ToolCall) -> ToolCall:
        name = self.tools.get(call.name) or self.tools.get(pascal_case(call.name), call.name)
        names = self.parameters.get(name, {})
        if name == call.name and not names:
            return call
        return ToolCall(name=name, arguments={names.get(key, key): value for key, value in call.arguments.items()})


def _tools(rows: list[Json]) -> tuple[tuple[Tool, ...], _Renamed]:
    tools: dict[str, Tool] = {}
    renamed = _Renamed()
    for index, row in enumerate(rows):
        where = f"tools[{index}]"
        if not isinstance(row, dict):
            raise DataError(f"{where}: expected an object with 'tool_name'")
        try:
            if _OUR_TOOL_KEYS & row.keys():
                tool = Tool.from_wire(row)
            else:
                old = normalise_tool(row, lift=False)
                tool = old.tool
                renamed.tools[str(row["tool_name"])] = renamed.tools[tool.name] = tool.name
                renamed.parameters[tool.name] = old.renamed
        except DataError as error:
            raise DataError(f"{where}: {error}") from error
        if tool.name in tools:
            raise DataError(f"{where}: a second tool of the name {tool.name!r}; names within a task are distinct")
        tools[tool.name] = tool
    return tuple(tools.values()), renamed


def _call(value: Json, index: int, renamed: _Renamed) -> ToolCall:
    text = orjson.dumps(value).decode() if isinstance(value, dict) else value
    if not isinstance(text, str):
        raise DataError(f'gt_tool_calls[{index}]: expected a tool call as a string, for example "Name(a=1)"')
    try:
        return renamed.call(ToolCall.parse(text))
    except ToolCallSyntaxError as error:
        raise DataError(f"gt_tool_calls[{index}]: {error}") from error


def _text(row: Mapping[str, Json], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise DataError(f"{key}: expected a text, found {_shown(row, key)}")
    return value


def _list(row: Mapping[str, Json], key: str) -> list[Json]:
    value = _decoded(row, key)
    if not isinstance(value, list):
        raise DataError(f"{key}: expected a list, found {_shown(row, key)}")
    return value


def _state(row: Mapping[str, Json], key: str) -> JsonObject | None:
    value = _decoded(row, key)
    if value is not None and not isinstance(value, dict):
        raise DataError(f"{key}: expected an object or null, found {_shown(row, key)}")
    return value


def _decoded(row: Mapping[str, Json], key: str) -> Json:
    """The value; old rows hold it as a JSON string."""
    value = row.get(key)
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise DataError(f"{key}: a string that is no JSON ({error})") from error


def _shown(row: Mapping[str, Json], key: str) -> str:
    if key not in row:
        return "nothing (the key is missing)"
    return repr(row[key])[:60]
