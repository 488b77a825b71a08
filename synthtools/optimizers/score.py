"""What a metric says of one answer: how good it is, and why."""

from typing import Annotated

from pydantic import Field

from synthtools.types.record import Record

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Score(Record):
    """The worth of an answer, with the reason that a reflective optimizer reads."""

    value: Share
    """1: nothing to be wished for; 0: of no use."""
    reason: str
    """What is right or wrong about the answer, in words that say how a better one would differ."""
    parts: dict[str, Share] = {}
    """The score by part of a composite metric; a part that was not reached is absent."""
