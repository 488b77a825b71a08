"""What the judges are asked: about one turn of a task, and about a whole rollout."""

from typing import Annotated, Any, Literal

import dspy
from pydantic import Field, StringConstraints

from synthtools.types.schema_from import Hidden, SchemaFrom

Reason = Annotated[str, StringConstraints(max_length=240)]


class JudgeTurn(dspy.Signature):
    """Judge one turn of a task: can the expected call be known from the conversation, and did the actual call do it?

    For every argument in question, quote the words of the request or of an earlier answer that give its value, or say
    that it stands nowhere. The call is correct if it has the same effect as the expected one.
    """

    conversation: list[str] = dspy.InputField(desc="earlier requests, calls and answers", default=[])
    request: str = dspy.InputField()
    expected_call: str = dspy.InputField()
    actual_call: str = dspy.InputField()
    expected_response: Any = dspy.InputField()
    actual_response: Any = dspy.InputField()
    feedback: str = dspy.InputField(desc="what was wrong with the last answer", default="")
    answer_schema: Annotated[dict[str, Any], Hidden()] = dspy.InputField()
    citations: Annotated[Any, SchemaFrom("answer_schema")] = dspy.OutputField(
        desc="where each argument in question comes from, with the words quoted"
    )
    reason: Reason = dspy.OutputField(desc="one or two sentences")
    correct: bool = dspy.OutputField(desc="whether the actual call has the effect of the expected one")


class JudgeSolution(dspy.Signature):
    """Judge a solution of a request against the expected one: do they serve the person equally well?

    Both were run from the same records, and nothing but what is listed differs afterwards. They are equivalent if each
    listed value says the same as the expected one, in other words or form perhaps, and nothing that was asked for is
    lost or made up.
    """

    request: str = dspy.InputField()
    expected_calls: list[str] = dspy.InputField()
    actual_calls: list[str] = dspy.InputField()
    differences: list[str] = dspy.InputField(desc="how the records differ after the two solutions")
    feedback: str = dspy.InputField(desc="what was wrong with the last answer", default="")
    reason: Reason = dspy.OutputField(desc="one or two sentences")
    equivalent: bool = dspy.OutputField()


class JudgeDisagreement(dspy.Signature):
    """Judge two outcomes of one call of a tool: which one is right?

    Two programs carried out the same call from the same records, and came to different ends. Right is the outcome that
    the tool's description, its documented errors in their order, its usage and its returns demand. Recompute what has
    to be computed. If the description allows both, or demands something else, say neither.
    """

    tool: str = dspy.InputField(desc="name, parameters, errors and returns")
    now: str = dspy.InputField(desc="the time of the call")
    records: Any = dspy.InputField(desc="the records before the call")
    arguments: Any = dspy.InputField()
    first: Any = dspy.InputField(desc="one outcome: status, returned data, changed records")
    second: Any = dspy.InputField(desc="the other outcome")
    feedback: str = dspy.InputField(desc="what was wrong with the last answer", default="")
    reason: Reason = dspy.OutputField(desc="one or two sentences: what the description demands here")
    right: Literal["first", "second", "neither"] = dspy.OutputField()


class JudgeTrajectory(dspy.Signature):
    """Judge whether an assistant fulfilled a person's request with tools.

    Align the assistant's calls with the expected ones by what they do; their order matters only where one depends on
    another. The goal is reached if the needed calls succeeded, nothing else was changed, and the final answer tells
    what the person asked for and claims nothing that did not happen.
    """

    request: str = dspy.InputField()
    expected_calls: list[str] = dspy.InputField()
    actual_calls: list[Any] = dspy.InputField(desc="calls with what the tools answered")
    final_answer: str = dspy.InputField(default="")
    feedback: str = dspy.InputField(desc="what was wrong with the last answer", default="")
    missing_calls: Annotated[list[Annotated[str, StringConstraints(max_length=120)]], Field(max_length=6)] = (
        dspy.OutputField(desc="expected calls that nothing the assistant did stands for")
    )
    extra_calls: Annotated[list[Annotated[str, StringConstraints(max_length=120)]], Field(max_length=6)] = (
        dspy.OutputField(desc="calls that changed something nobody asked for")
    )
    reason: Reason = dspy.OutputField(desc="one or two sentences")
    goal_reached: bool = dspy.OutputField()
