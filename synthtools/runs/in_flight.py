"""What a command has in flight, and which of it takes much longer than its like."""

import statistics
import time
from collections import defaultdict, deque
from collections.abc import Callable

from synthtools.runs.item import Item, Outcome
from synthtools.runs.stragglers import KNOWN, slow_after

_RECENT = 101
"""Items that the median is of, the last ones."""
_SHOWN = 3


class InFlight:
    """The items begun and not ended, by age."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[tuple[str, str], float] = {}
        self._seconds: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_RECENT))

    def started(self, item: Item) -> None:
        """Notes an item."""
        self._since[item.key] = self._clock()

    def finished(self, outcome: Outcome) -> None:
        """Forgets an item, but not how long it took."""
        self._since.pop(outcome.item.key, None)
        self._seconds[outcome.item.stage].append(outcome.seconds)

    def clear(self) -> None:
        """Forgets what is in flight."""
        self._since.clear()

    def oldest(self) -> str:
        """Stage and id of what was begun first; empty where nothing is in flight."""
        return next((f"{stage} {id}" for stage, id in self._since), "")

    def slow(self) -> str:
        """The oldest items that take several times as long as others of their stage; empty where there are none."""
        now = self._clock()
        usual = {stage: statistics.median(known) for stage, known in self._seconds.items() if len(known) >= KNOWN}
        found = [
            f"{id} ({now - since:.0f} s in {stage}, usually {usual[stage]:.2g})"
            for (stage, id), since in self._since.items()
            if stage in usual and now - since > slow_after(usual[stage])
        ]
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        return f"slow: {', '.join(found[:_SHOWN])}{more}" if found else ""
