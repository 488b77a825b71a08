"""How a source is read by many threads of a run; what may stand in one, tests/world/behaviours says."""

import gc
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from synthtools.world import dialect

GUARD = "def guard(args, state, now):\n    return None\n\n\n"
SOURCE = GUARD + "def apply(args, state, now):\n    return {'sum': " + " + ".join(["(args['a'] - 1)"] * 40) + "}\n"


class _Loop:
    """A cycle whose collection runs Python, where the interpreter may go to another thread."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        for _ in range(200):
            pass


@pytest.fixture
def many_switches() -> Iterator[None]:
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(50)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)


@pytest.mark.usefixtures("many_switches")
def test_sources_are_checked_in_several_threads_at_once() -> None:
    def check(_: int) -> list[str]:
        _Loop()
        return dialect.problems(SOURCE)

    with ThreadPoolExecutor(4) as threads:
        assert all(found == [] for found in threads.map(check, range(400)))
