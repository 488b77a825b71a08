"""Tasks: from tool sequences over solved turns to the rows of a corpus."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, Self

import orjson

from synthtools.types.call import Response, ToolCall, Transition
from synthtools.types.canonical import check_json, content_hash
from synthtools.types.environment import DEFAULT_NOW, Collection, ToolCode
from synthtools.types.names import Id
from synthtools.types.record import Json, JsonObject, Record, State
from synthtools.types.tool import Tool
from synthtools.types.verdict import AnswerValue, TurnVerdict, VerifyPolicy


class ToolSequence(Record):
    """Tools to be used one after another in a task."""

    id: Id
    """`{env_id}_seq{NN}`; the id of the task that comes of it."""
    env_id: str
    tools: tuple[str, ...]


class Turn(Record):
    """One solved step of a task under construction."""

    request: str
    """The step's request, as a user would say it."""
    call: ToolCall
    response: Response
    verdict: TurnVerdict
    wanted: AnswerValue | None = None
    """The fact the request asks for, where the call reads; `call` is the turn's own position."""


class SolvedTurns(Record):
    """A sequence whose turns (all, or a prefix) were solved one after another from one initial state."""

    id: Id
    env_id: str
    initial_state: State
    final_state: State
    turns: tuple[Turn, ...]
    ended_by: str = ""
    """Why the sequence ended before its last tool, in a short phrase that the funnel counts; empty where it did not."""
    ended_detail: str = ""
    """What lies behind `ended_by`: the turn, its tool, and what was wrong last."""


class TaskWorld(Record):
    """What is needed to run a task's tools: one row of `task_worlds.jsonl`, addressed by its content."""

    env_id: str
    tools: tuple[Tool, ...]
    """All tools of the environment, the task's own among them."""
    code: dict[str, ToolCode] = {}
    collections: tuple[Collection, ...] = ()
    now: str = DEFAULT_NOW

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) of the canonical content."""
        return content_hash(self.to_json())


class CertificateCheck(Record):
    """One property of a task that code checked."""

    name: str
    """`gold_passes`, `no_op_fails`, `dropped_calls_fail`, `altered_calls_fail`, `grounded`, `no_leak`, `replays`..."""
    passed: bool
    detail: str = ""


class KillCount(Record):
    """How many broken solutions of one kind were tried, and how many of them verification refused."""

    tried: int = 0
    """Changed solutions that were run, without the equivalent ones."""
    killed: int = 0
    """How many of them failed verification, as they should."""
    equivalent: int = 0
    """Changed solutions that are not broken: they end in the same state and find the same answers."""


class Certificate(Record):
    """What is proven about a task."""

    grade: Literal["certified", "recorded", "refused"]
    """`certified`: every tool on the path is code and every check holds; `recorded`: some tool is LLM-served and the
    checks of recorded transitions hold; `refused`: a check failed."""
    checks: tuple[CertificateCheck, ...] = ()
    expected_answer: tuple[AnswerValue, ...] = ()
    variants: int = 0
    """Broken variants of the gold solution that were run, without the equivalent ones."""
    killed: int = 0
    """How many of them failed verification, as they should; the kill rate is `killed / variants`."""
    equivalent: int = 0
    """Variants that end as the gold solution does, and so are not broken."""
    kills: dict[str, KillCount] = {}
    """The same by kind of change: `dropped`, `altered`, `other_record`, `swapped_arguments`, `altered_read`, `swapped`,
    `duplicated`, `extra_write`."""
    made_with: dict[str, str] = {}
    """Versions of what the proof rests on: `certifier`, `canonical`, `sandbox`; hashes of `task` and `world`."""


class Task(Record):
    """A verifiable task: a request, the tools at hand, the solution and the states around it."""

    id: Id
    field: str
    summary: str
    """The user's request."""
    tools: tuple[Tool, ...]
    gt_tool_calls: tuple[ToolCall, ...]
    initial_state: State | None = None
    final_state: State | None = None
    world: TaskWorld | None = None
    """From `task_worlds.jsonl`; None: not beside the file, the task is LLM-served."""
    certificate: Certificate | None = None
    policy: VerifyPolicy = VerifyPolicy()
    gold: tuple[Transition, ...] = ()
    """Recorded transitions of the gold solution."""
    provenance: JsonObject = {}

    @property
    def known_tools(self) -> tuple[Tool, ...]:
        """All tools of the task's world; without a world, those the agent sees."""
        return self.world.tools if self.world is not None else self.tools

    @property
    def collections(self) -> tuple[Collection, ...]:
        """The schemas of the states; empty: not known."""
        return self.world.collections if self.world is not None else ()

    def tool(self, name: str) -> Tool | None:
        """The known tool of that name, or None."""
        return next((tool for tool in self.known_tools if tool.name == name), None)

    def row(self) -> JsonObject:
        """The row of `task_content.jsonl`: `id, field, summary, tools, gt_tool_calls, initial_state, final_state`.

        Raises: StateError, if a state cannot be written as JSON.
        """
        check_json(self.initial_state)
        check_json(self.final_state)
        return self._row([tool.to_wire() for tool in self.tools])

    def row_json(self) -> bytes:
        """`row` as JSON; a tool object that tasks share is written out once. Raises: StateError, as `row`."""
        row = self._row([])
        check_json(row)
        row["tools"] = [orjson.Fragment(tool.wire_json) for tool in self.tools]
        return orjson.dumps(row)

    def _row(self, tools: list[Any]) -> dict[str, Any]:
        return {
            "id": self.id,
            "field": self.field,
            "summary": self.summary,
            "tools": tools,
            "gt_tool_calls": [str(call) for call in self.gt_tool_calls],
            "initial_state": self.initial_state,
            "final_state": self.final_state,
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Json]) -> Self:
        """The task of a row; tools and states may be JSON strings (old rows). Raises: DataError naming the field.

        Tools that are not in the form we write are normalised as the reference's are, and calls follow the new names.
        """
        from synthtools.types.task_row import read_row

        return cls(**read_row(row))
