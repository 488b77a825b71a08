"""Tokens and calls, and what they cost."""

from typing import Self

from pydantic import Field

from synthtools.types.record import Record


class Usage(Record):
    """What model calls cost; records add up."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    """Part of `prompt_tokens` that the server had cached."""
    completion_tokens: int = 0

    def __add__(self, other: Self) -> "Usage":
        return Usage(
            calls=self.calls + other.calls,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
        )


class Price(Record):
    """US dollars for a million tokens of a model."""

    prompt: float = Field(ge=0.0)
    completion: float = Field(ge=0.0)
    cached: float | None = Field(default=None, ge=0.0)
    """For prompt tokens that the server had cached; None: the same as for others."""

    def of(self, usage: Usage) -> float:
        """US dollars of what was used."""
        cached = self.prompt if self.cached is None else self.cached
        fresh = usage.prompt_tokens - usage.cached_tokens
        millions = fresh * self.prompt + usage.cached_tokens * cached + usage.completion_tokens * self.completion
        return millions / 1e6


OK = "ok"
DISCARDED = ("TruncatedAnswer", "ParseError", "AnswerRefused")
"""Outcomes of calls whose answer came, was paid for and was thrown away: cut, malformed, refused by a role's checks."""
ANSWERED = (OK, *DISCARDED)
"""Outcomes of calls whose answer came."""


class LedgerEntry(Record):
    """One model call, as it was made."""

    stage: str = ""
    item: str = ""
    role: str
    model: str
    replica: str = ""
    attempt: int = 0
    retry: bool = False
    """Whether the question came with feedback on an earlier answer that was wrong."""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    outcome: str = OK
    """`ok`, or the name of the error; one of `DISCARDED` where an answer came all the same."""
