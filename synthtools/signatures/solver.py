"""What the solver is asked: one turn, a whole plan at once, and the next step of a rollout."""

from typing import Annotated, Any

import dspy
from pydantic import StringConstraints

from synthtools.types.schema_from import Hidden, SchemaFrom


class SolveTurn(dspy.Signature):
    """Choose the tool call that does what the person asks for now.

    Take every argument from the request or from earlier answers, exactly as it stands there. Leave out optional
    arguments that nobody asked for.
    """

    tools: list[Any] = dspy.InputField(desc="tools with their parameters and usage")
    conversation: list[str] = dspy.InputField(desc="earlier requests, calls and answers", default=[])
    request: str = dspy.InputField()
    feedback: str = dspy.InputField(desc="why the last call was not right", default="")
    answer_schema: Annotated[dict[str, Any], Hidden()] = dspy.InputField()
    call: Annotated[Any, SchemaFrom("answer_schema")] = dspy.OutputField()


class PlanSolution(dspy.Signature):
    """Write the whole list of tool calls that fulfils a request, in order, before any is run.

    Take every argument from the request exactly as it stands there. Make no call that the request does not need.
    """

    tools: list[Any] = dspy.InputField(desc="tools with their parameters and usage")
    request: str = dspy.InputField()
    feedback: str = dspy.InputField(desc="what was wrong with the last answer", default="")
    answer_schema: Annotated[dict[str, Any], Hidden()] = dspy.InputField()
    calls: Annotated[Any, SchemaFrom("answer_schema")] = dspy.OutputField()


class NextStep(dspy.Signature):
    """Fulfil a person's request with tools, one step at a time.

    First say which parts of the request are still open after the calls made so far. While a part is open, call the tool
    for it: take every argument from the request or from an answer, exactly as it stands there, and never repeat a call.
    As soon as nothing is open, give the final answer: tell the person in one or two sentences what was done and every
    value they asked for, as the tools answered it. Do nothing that was not asked for.
    """

    tools: list[Any] = dspy.InputField(desc="tools with their parameters and usage")
    request: str = dspy.InputField()
    calls_so_far: list[Any] = dspy.InputField(desc="calls made and what the tools answered", default=[])
    feedback: str = dspy.InputField(desc="what was wrong with the last step", default="")
    answer_schema: Annotated[dict[str, Any], Hidden()] = dspy.InputField()
    open_parts: Annotated[str, StringConstraints(max_length=200)] = dspy.OutputField(
        desc="parts of the request not yet done, or: nothing"
    )
    step: Annotated[Any, SchemaFrom("answer_schema")] = dspy.OutputField()
