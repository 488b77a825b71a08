"""What the validator is asked: calls that probe a tool, and a judgement of what came of one."""

from typing import Annotated, Any

import dspy
from pydantic import StringConstraints

from synthtools.types.audit import TestMode
from synthtools.types.schema_from import Hidden, SchemaFrom
from synthtools.types.verdict import SimulationJudgement


class WriteTestCalls(dspy.Signature):
    """Write calls that test a tool.

    In the happy mode a call is one that must succeed: its ids exist in the records and nothing forbids it. In the rule
    mode a call is valid in form but must be refused, for example with an id that does not exist. Vary the arguments.
    """

    records: Any = dspy.InputField(default=None)
    tool: Any = dspy.InputField()
    mode: TestMode = dspy.InputField()
    feedback: str = dspy.InputField(desc="what was wrong with the last answer", default="")
    answer_schema: Annotated[dict[str, Any], Hidden()] = dspy.InputField()
    calls: Annotated[Any, SchemaFrom("answer_schema")] = dspy.OutputField(
        desc="expectation: why the call should succeed or be refused"
    )


class JudgeResponse(dspy.Signature):
    """Judge whether a tool answered a test call as its description and the records demand.

    The answer is correct if a valid call was carried out faithfully, or if a call that breaks a documented error was
    refused. Otherwise say which way it failed: it refused a call that should succeed, it carried out a call that should
    be refused, or it answered something that does not fit the call and the records.
    """

    records: Any = dspy.InputField(desc="the records before the call", default=None)
    tool: Any = dspy.InputField()
    arguments: Any = dspy.InputField()
    expectation: str = dspy.InputField(desc="what the author of the test call expected")
    outcome: Any = dspy.InputField(desc="what the tool answered")
    feedback: str = dspy.InputField(desc="what was wrong with the last answer", default="")
    answer_schema: Annotated[dict[str, Any], Hidden()] = dspy.InputField()
    reason: Annotated[str, StringConstraints(max_length=200)] = dspy.OutputField(desc="one sentence")
    verdict: Annotated[SimulationJudgement, SchemaFrom("answer_schema")] = dspy.OutputField(
        desc="correct, should_success_got_error, should_error_got_success or inappropriate_response"
    )
