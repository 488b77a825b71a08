"""Which failures of a try may pass, how often they are tried again, and how long to wait: jittered and bounded."""

import random
from collections import Counter
from typing import Literal

from synthtools.errors import ProviderError

TransientKind = Literal["unreachable", "slow", "limited", "busy"]
"""Nothing answers; no answer in time; too many requests (429); failed or broken off (5xx, a lost connection)."""

_TRIES: dict[TransientKind, int] = {"unreachable": 3, "slow": 2, "limited": 8, "busy": 6}
"""Tries that may fail so. A dead address is told within seconds; a busy server is worth waiting for, and one that says
so most."""
_MOST_TRIES = max(_TRIES.values())
"""Tries that may fail in all, however differently."""

LONGEST_WAIT = 60.0
"""Seconds; also the most of a server's Retry-After that is honoured."""

_FIRST_WAIT = 0.5
_LONGEST_BACKOFF = 8.0


class Transient(Exception):
    """A failure that may pass, with the error that it becomes when it does not."""

    def __init__(self, error: ProviderError, kind: TransientKind, retry_after: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.kind: TransientKind = kind
        self.retry_after = retry_after
        """Seconds that the server asked for; None: it did not."""


class Tries:
    """The tries of one call."""

    def __init__(self, retries: int | None, replicas: int = 1) -> None:
        """Starts before the first try.

        Args:
            retries: Most retries; None: by kind of failure.
            replicas: How many servers there are: several dead ones are not to spend the tries of a call that
                another would answer.
        """
        self._retries = retries
        self._spare = replicas - 1
        self._failed: Counter[TransientKind] = Counter()

    def wait_after(self, failure: Transient) -> float:
        """Counts a failed try; seconds to wait before the next. Raises: the failure's error if there is none."""
        self._failed[failure.kind] += 1
        failed = self._failed.total()
        if self._retries is not None:
            is_last = failed > self._retries
        else:
            most = _TRIES[failure.kind] + (self._spare if failure.kind == "unreachable" else 0)
            is_last = self._failed[failure.kind] >= most or failed >= max(most, _MOST_TRIES)
        if is_last:
            raise failure.error from failure.__cause__
        backoff = min(_LONGEST_BACKOFF, _FIRST_WAIT * 2.0 ** min(failed - 1, 16))
        return min(LONGEST_WAIT, random.uniform(0.05, max(0.05, backoff)) + (failure.retry_after or 0.0))
