"""Bounded, jittered retries of what a second try can mend: busy, broken off, slow, not there yet."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, cast

from tenacity import AsyncRetrying, RetryCallState, Retrying, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from synthtools.errors import ProviderError
from synthtools.types.record import JsonObject

TransientKind = Literal["unreachable", "slow", "busy"]

_TRIES: dict[TransientKind, int] = {"unreachable": 3, "slow": 2, "busy": 6}
"""Tries in all. A dead address is told within seconds; a busy server is worth waiting for."""

_LONGEST_WAIT = 60.0
"""Seconds; also the most of a server's Retry-After that is honoured."""

_backoff = wait_random_exponential(multiplier=0.5, min=0.05, max=8)


class Transient(Exception):
    """A failure that may pass, with the error that it becomes when it does not."""

    def __init__(self, error: ProviderError, kind: TransientKind, retry_after: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.kind: TransientKind = kind
        self.retry_after = retry_after


def _policy(retries: int | None) -> dict[str, Any]:
    def spent(state: RetryCallState) -> bool:
        tries = _TRIES[_failure(state).kind] if retries is None else retries + 1
        return state.attempt_number >= tries

    return {"retry": retry_if_exception_type(Transient), "stop": spent, "wait": _wait, "reraise": True}


def with_retries(attempt: Callable[[], JsonObject], retries: int | None = None) -> JsonObject:
    """Calls until it succeeds, fails for good, or its tries are spent. Raises: ProviderError."""
    try:
        return Retrying(**_policy(retries))(attempt)
    except Transient as failure:
        raise failure.error from failure.__cause__


async def with_retries_async(attempt: Callable[[], Awaitable[JsonObject]], retries: int | None = None) -> JsonObject:
    """As `with_retries`, waiting on the event loop."""
    try:
        return await AsyncRetrying(**_policy(retries))(attempt)
    except Transient as failure:
        raise failure.error from failure.__cause__


def _failure(state: RetryCallState) -> Transient:
    assert state.outcome is not None
    return cast(Transient, state.outcome.exception())


def _wait(state: RetryCallState) -> float:
    asked = _failure(state).retry_after
    return min(_LONGEST_WAIT, _backoff(state) + (asked or 0.0))
