"""What the files of hand-made tasks are made of."""

from collections.abc import Sequence
from typing import NamedTuple

from synthtools.types import AnswerValue, Certificate, Task, ToolCall


class Flawed(NamedTuple):
    """A task that must be refused."""

    task: Task
    check: str
    """The check that fails."""
    words: str = ""
    """What its detail says."""
    second: Sequence[ToolCall] | None = None
    """An independent solution."""


class Rollout(NamedTuple):
    """A rollout of a task with the verdict that it must get."""

    task: Task
    calls: Sequence[ToolCall | str]
    answer: str | None
    passes: bool
    fails: str = ""
    """The part of the verdict that fails, where it does not pass."""


def asks(value: object, call: int, pointer: str, tolerance: float = 0.0) -> Certificate:
    """The certificate of a task whose answer must say a value."""
    expected = AnswerValue(value=value, call=call, pointer=pointer, tolerance=tolerance)
    return Certificate(grade="recorded", expected_answer=(expected,))
