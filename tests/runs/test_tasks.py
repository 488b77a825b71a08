"""Tasks that are read one after another are what each would be alone, and share what is equal."""

import json

import pytest

from synthtools.errors import DamagedRecord
from synthtools.runs.stages import STAGES
from synthtools.runs.tasks import TaskReader
from synthtools.types import Task
from tests.exports.test_task_content import TASK

STAGE = STAGES["task-audit"]


def payload(**changes: object) -> bytes:
    row = {**json.loads(STAGE.write(TASK)), **changes}
    return json.dumps({key: value for key, value in row.items() if value != "absent"}).encode()


def test_tasks_share_their_world_and_their_tools():
    reader = TaskReader()
    one, other = reader.read(payload(), "a"), reader.read(payload(id="b"), "b")
    assert (one, other) == (TASK, TASK.model_copy(update={"id": "b"}))
    assert one.world is other.world and one.tools[0] is other.tools[0]
    assert STAGE.write(one) == STAGE.write(TASK)


@pytest.mark.parametrize(
    "changes",
    [
        {"initial_state": {"pets": {"PET-1": {"age": 2**60, "big": 10**25, "tags": [[1.0, None], {}]}}}},
        {"initial_state": None, "final_state": "absent"},
        {"world": "absent"},
        {"world": None},
        {"tools": []},
        {"certificate": "absent", "gold": "absent", "provenance": {"a": 1.0}},
    ],
)
def test_a_task_is_what_any_record_of_its_stage_would_be(changes: dict[str, object]):
    text = payload(**changes)
    read = TaskReader().read(text, "a")
    assert isinstance(read, Task)
    assert (read, STAGE.write(read)) == (STAGE.read(text, "a"), STAGE.write(STAGE.read(text, "a")))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b'{"id": "a"}',
        payload(tools=3),
        payload(tools=[3]),
        payload(world=[]),
        payload(world={"env_id": "a"}),
        payload(initial_state=[]),
        payload(summary=3),
        payload(new=3),
        payload(tools=[{"name": "odd", "description": "", "usage": "é", "maximum": 1}]),
        payload()[:-1],
        payload(world={"env_id": 10**40}),
    ],
)
def test_what_is_no_task_is_told_as_for_any_record(text: bytes):
    with pytest.raises(DamagedRecord) as alone:
        STAGE.read(text, "a")
    with pytest.raises(DamagedRecord) as told:
        TaskReader().read(text, "a")
    assert str(told.value) == str(alone.value)
