"""What the evolver is asked: to choose the next action of a task and to phrase a person's request for it."""

from typing import Annotated, Any

import dspy
from pydantic import StringConstraints

from synthtools.types.schema_from import Hidden, SchemaFrom

Request = Annotated[str, StringConstraints(min_length=12, max_length=260)]


class FirstTurn(dspy.Signature):
    """Write what a person says to an assistant at the desk to have one action done.

    Choose the action that makes the most natural request. Say it in one sentence as a person would: plain words, full
    values, no code, no names with underscores, no "name=value". Where the action is there to learn something, ask for
    just that. Give every value of the action exactly as it stands, ids too, because the assistant knows nothing else.
    Do not say which software function to use and do not tell what the result will be.
    """

    scenario: str = dspy.InputField()
    purpose: str = dspy.InputField(desc="what every action does")
    actions: list[str] = dspy.InputField(desc="numbered from 0, each with the values it needs")
    feedback: str = dspy.InputField(desc="what was wrong with the last request", default="")
    answer_schema: Annotated[dict[str, Any], Hidden()] = dspy.InputField()
    action: Annotated[Any, SchemaFrom("answer_schema")] = dspy.OutputField(desc="number of the chosen action")
    request: Request = dspy.OutputField(desc="what the person says")


class NextTurn(dspy.Signature):
    """Write what a person says next to an assistant at the desk, to have one more action done.

    Choose the action that follows best from what was said before. Say it in one sentence as a person would: plain
    words, full values, no code, no names with underscores, no "name=value". Where the action is there to learn
    something, ask for just that. Give every value of the action exactly as it stands, ids too, unless the assistant has
    just been told it by the software: refer to such a value in words. Do not say which software function to use and do
    not tell what the result will be.
    """

    scenario: str = dspy.InputField()
    conversation: list[str] = dspy.InputField(desc="what was asked before, and what came of it")
    purpose: str = dspy.InputField(desc="what every action does")
    actions: list[str] = dspy.InputField(desc="numbered from 0, each with the values it needs")
    feedback: str = dspy.InputField(desc="what was wrong with the last request", default="")
    answer_schema: Annotated[dict[str, Any], Hidden()] = dspy.InputField()
    action: Annotated[Any, SchemaFrom("answer_schema")] = dspy.OutputField(desc="number of the chosen action")
    request: Request = dspy.OutputField(desc="what the person says next")
