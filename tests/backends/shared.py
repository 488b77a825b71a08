"""Signatures and a script that the backend tests share."""

from typing import Annotated, Any, Literal

import dspy
from pydantic import Field

from synthtools.backends.scripted import Script, register_script
from synthtools.runs.journal import pack_answer, unpack_answer
from synthtools.types.schema_from import Hidden, SchemaFrom


class NameTool(dspy.Signature):
    """Name a tool for the field."""

    field: str = dspy.InputField()
    feedback: str = dspy.InputField(default="")
    name: Annotated[str, Field(max_length=40)] = dspy.OutputField()
    kind: Literal["read", "write"] = dspy.OutputField()


class CallTool(dspy.Signature):
    """Make a call of the tool."""

    tool: str = dspy.InputField()
    answer_schema: Annotated[dict[str, Any], Hidden()] = dspy.InputField()
    arguments: Annotated[Any, SchemaFrom("answer_schema")] = dspy.OutputField()


class Packed(dict[str, bytes]):
    """A journal that keeps answers as a run does."""

    def get(self, key: str) -> Any:
        return unpack_answer(self[key]) if key in self else None

    async def aget(self, key: str) -> Any:
        return self.get(key)

    def put(self, key: str, answer: Any) -> None:
        self[key] = pack_answer(answer)


def echo_name(inputs: dict[str, Any], schema: dict[str, Any], seed: int) -> dict[str, Any]:
    """Names a tool after its field and the seed, so that a test sees what reached the model."""
    return {"name": f"{inputs['field']} {seed}", "kind": "read"}


ECHO = Script({"NameTool": echo_name})
register_script("echo", ECHO)
