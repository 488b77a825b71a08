"""Targets of the validator."""

from typing import cast

from synthtools.modules.validator import ResponseJudge
from synthtools.optimizers.score import Score
from synthtools.optimizers.target import Target
from synthtools.types.audit import TestCall
from synthtools.types.call import Response
from synthtools.types.record import Json, Record
from synthtools.types.tool import Tool
from synthtools.types.verdict import SimulationVerdict


class ResponseJudgeInputs(Record):
    """What `ResponseJudge` is asked."""

    tool: Tool
    records: Json = None
    test: TestCall
    response: Response


def score_response_verdict(asked: ResponseJudgeInputs, expected: Json, answer: SimulationVerdict) -> Score:
    """Whether the judge tells right answers from wrong ones; `expected`: the right verdict.

    Naming the wrong kind of mistake is half right: the answer is refused either way.
    """
    right = cast(str, expected)
    if answer.verdict == right:
        return Score(value=1.0, reason=f"{right} is the right verdict.")
    told = f"The verdict was {answer.verdict}, and {right} is right. Its reason was: {answer.reason}"
    agree = (answer.verdict == "correct") == (right == "correct")
    return Score(value=0.5 if agree else 0.0, reason=told)


RESPONSE_JUDGE = Target(
    name="response-judge",
    build=lambda profile: ResponseJudge(),
    inputs=ResponseJudgeInputs,
    metric=score_response_verdict,
)
