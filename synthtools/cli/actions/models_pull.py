"""Fetching weights, with progress on stderr."""

import time
from pathlib import Path

from synthtools.backends import weights
from synthtools.cli.output import notes, say

_SECONDS = 3.0


class _Shown:
    """A line every few seconds, or one that changes on a terminal."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, doing: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last < _SECONDS and done < total:
            return
        self._last = now
        if total > 10_000:
            amount = f"{done / 1e6:,.0f} of {total / 1e6:,.0f} MB"
        else:
            amount = f"{done} of {total}"
        notes.print(f"  {doing}: {amount}", markup=False, highlight=False)


def shown_fetch(name: str) -> Path:
    """Fetches a model of the catalogue unless it is here. Raises: ConfigError, ProviderError, DataError."""
    entry = weights.weights_named(name)
    say(
        f"fetching {entry.title} ({entry.size / 1e6:,.0f} MB, {entry.licence}) into {weights.cache_folder()}, once; "
        "its SHA-256 is checked before use"
    )
    return weights.pull(name, _Shown())
