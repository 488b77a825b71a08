"""Tasks as a run keeps them, read one after another: those of one environment share its world and its tools."""

from functools import lru_cache
from typing import cast

import orjson
from pydantic_core import from_json

from synthtools.runs.stages import STAGES
from synthtools.types.task import Task, TaskWorld
from synthtools.types.tool import Tool

_WORLDS = 8
"""Worlds that are kept, the last ones: every record of a task has its whole world."""
_TOOLS = 256
"""Tools that are kept, the last ones."""
_STATES = ("initial_state", "final_state")


class TaskReader:
    """Reads tasks; equal worlds and tools become one object, so that what is derived from them is derived once."""

    def __init__(self) -> None:
        self._world = lru_cache(_WORLDS)(TaskWorld.model_validate_json)
        self._tool = lru_cache(_TOOLS)(Tool.model_validate_json)

    def read(self, payload: bytes, id: str) -> Task:
        """The task of a record's JSON. Raises: DamagedRecord where it is none."""
        try:
            row: object = from_json(payload)
            if isinstance(row, dict):
                return self._task(cast("dict[str, object]", row))
        except (ValueError, orjson.JSONEncodeError):
            pass
        return STAGES["task-audit"].read(payload, id)  # says what is wrong with it

    def _task(self, row: dict[str, object]) -> Task:
        if "world" in row:
            row["world"] = self._world(orjson.dumps(row["world"]))
        tools = row.get("tools")
        if isinstance(tools, list):
            row["tools"] = tuple(self._tool(orjson.dumps(tool)) for tool in cast("list[object]", tools))
        # A state is any JSON object: what was read as one needs no check of every value in it.
        states = {name: row.pop(name) for name in _STATES if isinstance(row.get(name), dict)}
        return Task.model_validate(row).model_copy(update=states)
