"""The model that is asked where the first one fails: its server gives no answer, or its context is too small.

One rule for both: a call that ends with a ProviderError is made once more, as it is, at the fallback. A prompt that is
too long says nothing of the next one, so the first model is asked again at once. A model that cannot be reached, or
failed several times in a row, rests: calls go straight to the fallback, and one now and then finds out if it is back.
"""

import time
from collections.abc import Generator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from synthtools.errors import ContextTooSmall, ModelUnreachable, ProviderError

if TYPE_CHECKING:
    from synthtools.backends.engine import Calls

_FAILURES_IN_A_ROW = 3
"""Failed calls without an answer between them, after which a model rests. One does where nothing answers."""
_FIRST_REST = 1.0
"""Seconds; doubled with every call that finds it still failing."""
_LONGEST_REST = 60.0


class Fallback:
    """What a model falls back to; shared by all its calls, from any thread and event loop."""

    def __init__(self, calls: "Calls") -> None:
        """Starts with the first model well. `calls`: of the model to fall back to."""
        self.calls = calls
        self._lock = Lock()
        self._too_long = 0
        """Calls it took whose prompt did not fit the first model."""
        self._failed = 0
        """Calls it took because the first model failed or rested."""
        self._failures = 0
        self._rest = 0.0
        """Seconds of the present rest; 0: the first model takes calls."""
        self._until = 0.0
        self._rests_for: ProviderError | None = None

    def line(self) -> str:
        """How many calls it took, and why; empty while there are none."""
        counts = ((self._too_long, "too long for it"), (self._failed, "without an answer"))
        taken = ", ".join(f"{count} {why}" for count, why in counts if count)
        return f"{self.calls.transport.model} took over calls: {taken}" if taken else ""

    def first_is_due(self) -> bool:
        """Whether the first model is to be asked. Whoever asks it after its rest begins the next, in case it fails."""
        now = time.monotonic()
        with self._lock:
            if self._rest:
                if now < self._until:
                    return False
                self._rest = min(_LONGEST_REST, self._rest * 2)
                self._until = now + self._rest
            return True

    def first_answered(self) -> None:
        """The first model is well."""
        with self._lock:
            self._failures, self._rest = 0, 0.0

    def first_failed(self, error: ProviderError) -> ProviderError:
        """The first model gave no answer. Returns the error without the frames that hold on to the call."""
        bare = type(error)(str(error))
        if isinstance(error, ContextTooSmall):
            self.first_answered()  # a refusal is an answer too
            return bare
        with self._lock:
            self._failures += 1
            due = isinstance(error, ModelUnreachable) or self._failures >= _FAILURES_IN_A_ROW
            if due and not self._rest:
                self._rest, self._rests_for = _FIRST_REST, bare
                self._until = time.monotonic() + self._rest
        return bare

    @contextmanager
    def taking_over(self, failure: ProviderError | None) -> Generator[None]:
        """Counts a call at the fallback; where that fails too, its error says of both.

        Args:
            failure: Of the first model for this call; None: it rests.
        """
        with self._lock:
            if isinstance(failure, ContextTooSmall):
                self._too_long += 1
            else:
                self._failed += 1
            first = failure or self._rests_for
        try:
            yield
        except ProviderError as error:
            raise type(error)(f"{error}; it was asked after {first}") from error
