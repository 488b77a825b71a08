"""Calls of tools, and what comes back."""

from typing import Literal, Self

from synthtools.types.call_syntax import read_call, write_call
from synthtools.types.record import Json, JsonObject, Record

AnsweredBy = Literal["gate", "code", "model", "simulator_failure"]
"""Who decided a response: the gate, certified code, the LLM simulator, or nobody (status 500)."""


class ToolCall(Record):
    """A call of a tool by name, with its arguments."""

    name: str
    arguments: JsonObject = {}

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `Name(a=1)`, `Name[a = 1]`, `[name(a='x')]` and JSON calls; `true/True/null/None`.

        Raises: ToolCallSyntaxError, with the position where reading stopped.
        """
        name, arguments = read_call(text)
        return cls(name=name, arguments=arguments)

    def __str__(self) -> str:
        """The one syntax we write: `Name(a=1, b='x')`, with Python literals; `parse(str(call)) == call`."""
        return write_call(self.name, self.arguments)


class Check(Record):
    """The gate's decision on a call."""

    passed: bool
    status_code: int = 200
    error_message: str | None = None
    parameter: str | None = None
    """The parameter the error is about; None: none, or the whole call."""


class Response(Record):
    """What a tool answers."""

    status_code: int
    error_message: str | None = None
    data: Json = None
    answered_by: AnsweredBy = "code"

    @property
    def ok(self) -> bool:
        """Whether the call succeeded (2xx)."""
        return 200 <= self.status_code < 300

    def shown(self) -> JsonObject:
        """What an agent sees: the data of a success, or the status and message of an error."""
        if self.ok:
            return {"status_code": self.status_code, "data": self.data}
        return {"status_code": self.status_code, "error": self.error_message}


class Change(Record):
    """One record created, updated or deleted by a call."""

    op: Literal["create", "update", "delete"]
    collection: str
    id: str
    fields: JsonObject = {}
    """create: the whole record; update: only the fields that change; delete: empty."""


class Transition(Record):
    """A recorded call: its key, its answer and its changes, so that the same call in the same world repeats."""

    tool: str
    tool_version: str
    arguments: JsonObject
    reads_hash: str
    """Hash of the collections the tool reads and writes, before the call."""
    now: str
    response: Response
    patch: tuple[JsonObject, ...] = ()
    """RFC 6902 operations on the state."""
