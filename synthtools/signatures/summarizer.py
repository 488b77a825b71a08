"""What the summarizer is asked: one request out of the turns of a task."""

from typing import Annotated

import dspy
from pydantic import StringConstraints


class MergeTurns(dspy.Signature):
    """Merge what a person asked for in several turns into one natural request to an assistant.

    Keep every wish, in the same order, in one to three sentences as a person would say or write them. Keep every value
    in the list of values exactly as it stands. Use plain words: no code, no names with underscores, no "name=value", no
    names of software functions. Do not tell results, and do not add wishes.
    """

    turns: list[str] = dspy.InputField(desc="the requests in order")
    values: list[str] = dspy.InputField(desc="values that must stand in the request", default=[])
    feedback: str = dspy.InputField(desc="what was wrong with the last version", default="")
    request: Annotated[str, StringConstraints(min_length=20, max_length=700)] = dspy.OutputField()
