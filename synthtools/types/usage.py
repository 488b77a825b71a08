"""Tokens and calls."""

from typing import Self

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


class LedgerEntry(Record):
    """One model call, as it was made."""

    stage: str = ""
    item: str = ""
    role: str
    model: str
    replica: str = ""
    attempt: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    outcome: str = "ok"
    """`ok`, or the name of the error."""
