"""How far something is that may take a while: a bar on a terminal, nothing elsewhere."""

import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from synthtools.cli.output import notes

T = TypeVar("T")

_QUICK = 2.0
"""Seconds in which what ends shows nothing."""


class Count:
    """Counts while its block lasts; the bar comes once the block takes more than a moment, and goes with it."""

    def __init__(
        self, what: str, total: int, *, console: Console = notes, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._begun = clock()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            refresh_per_second=2,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(what, total=total, visible=False)

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)

    def advance(self, number: int = 1) -> None:
        """Counts so many further."""
        self._bar.update(self._task, advance=number, visible=self._clock() - self._begun > _QUICK)

    def over(self, things: Iterable[T]) -> Iterator[T]:
        """The things, counted."""
        for thing in things:
            yield thing
            self.advance()
