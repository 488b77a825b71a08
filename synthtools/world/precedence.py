"""Who goes first where several wait for a process that runs environments' code."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

Place = tuple[int, ...]
"""A place in the line: the lower one goes first."""

_place: ContextVar[Place] = ContextVar("synthtools_place", default=())


def current_place() -> Place:
    """That of the running task; before all others where it was given none."""
    return _place.get()


@contextmanager
def placed(*place: int) -> Generator[None]:
    """A block, with the tasks started there, that has a place in the line."""
    token = _place.set(place)
    try:
        yield
    finally:
        _place.reset(token)
