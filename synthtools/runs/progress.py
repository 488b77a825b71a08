"""Progress for people: bars on a terminal, else a line every few seconds, both on stderr."""

import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from synthtools.backends.replicas import ServersState
from synthtools.runs.in_flight import InFlight
from synthtools.runs.item import Item, Outcome
from synthtools.runs.reader import StoreReader
from synthtools.runs.stages import Stage

_SECONDS = 5.0
"""Between two lines of a log."""


Servers = Callable[[], Sequence[ServersState]]
"""How the servers of each of a run's models are doing now."""

Fallback = Callable[[], str]
"""What the fallback model did so far; empty while it was not needed."""


class ProgressView(Protocol):
    """Shows what a command is doing, for as long as its block lasts."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def started(self, item: Item) -> None:
        """An item is begun."""
        ...

    def finished(self, outcome: Outcome, record: Any) -> None:
        """An item is committed."""
        ...

    def tick(self) -> None:
        """Time has passed; called about once a second."""
        ...


class _Counts:
    """Done and known items by stage, kept up without asking the store again."""

    def __init__(self, store: StoreReader, stages: tuple[Stage, ...]) -> None:
        self.tried: dict[str, int] = {}
        self.known: dict[str, int] = {}
        self.lost: dict[str, int] = {}
        counts = store.counts()
        for stage in stages:
            of = counts.get(stage.name, {})
            self.known[stage.name] = sum(of.values())
            self.tried[stage.name] = self.known[stage.name] - of.get("todo", 0)
            self.lost[stage.name] = of.get("dropped", 0) + of.get("failed", 0)

    def finished(self, outcome: Outcome) -> None:
        stage = outcome.item.stage
        self.tried[stage] += 1
        self.known[stage] = max(self.known[stage], self.tried[stage])
        self.lost[stage] += outcome.status != "done"
        for child in outcome.children:
            if child.stage in self.known:
                self.known[child.stage] += 1


def _models_line(servers: Servers, fallback: Fallback) -> str:
    return "; ".join(part for part in (servers_line(servers()), fallback()) if part)


def servers_line(servers: Sequence[ServersState]) -> str:
    """Calls in flight, how many may be, and which servers rest; empty where there are no servers."""
    if not servers:
        return ""
    replicas = [replica for state in servers for replica in state.replicas]
    resting = [f"{replica.address} rests ({replica.resting:.0f} s)" for replica in replicas if replica.resting]
    load = f"{sum(state.in_flight for state in servers)}/{sum(state.limit for state in servers)} calls in flight"
    return ", ".join([load, *resting])


class _Board(Progress):
    """Bars, and a line under them."""

    line = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.line:
            yield Text(self.line, style="dim")


class Bars:
    """A bar a stage, on a terminal."""

    def __init__(
        self,
        console: Console,
        store: StoreReader,
        stages: tuple[Stage, ...],
        servers: Servers,
        fallback: Fallback,
    ) -> None:
        self._in_flight = InFlight()
        self._counts = _Counts(store, stages)
        self._models_line = lambda: _models_line(servers, fallback)
        self._progress = _Board(
            TextColumn("{task.description:<22}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[lost]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[now]}"),
            console=console,
            refresh_per_second=2,
            transient=True,
        )
        self._bars: dict[str, TaskID] = {
            stage.name: self._progress.add_task(
                stage.name,
                total=self._counts.known[stage.name],
                completed=self._counts.tried[stage.name],
                lost="",
                now="",
                start=False,
            )
            for stage in stages
        }

    def __enter__(self) -> Self:
        self._progress.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.__exit__(kind, error, trace)

    def started(self, item: Item) -> None:
        """Shows the item's id."""
        self._in_flight.started(item)
        self._progress.start_task(self._bars[item.stage])
        self._progress.update(self._bars[item.stage], now=item.id)

    def finished(self, outcome: Outcome, record: Any) -> None:
        """Moves the bars of the item's stage and of the next."""
        self._in_flight.finished(outcome)
        self._counts.finished(outcome)
        for stage in {outcome.item.stage, *(child.stage for child in outcome.children)} & self._bars.keys():
            lost = self._counts.lost[stage]
            self._progress.update(
                self._bars[stage],
                total=self._counts.known[stage],
                completed=self._counts.tried[stage],
                lost=f"{lost} lost" if lost else "",
            )

    def tick(self) -> None:
        """Writes how the servers are doing and what is slow; bars refresh themselves."""
        self._progress.line = "; ".join(part for part in (self._models_line(), self._in_flight.slow()) if part)


class Lines:
    """A line every few seconds, for logs."""

    def __init__(
        self,
        console: Console,
        store: StoreReader,
        stages: tuple[Stage, ...],
        servers: Servers,
        fallback: Fallback,
    ) -> None:
        self._console = console
        self._models_line = lambda: _models_line(servers, fallback)
        self._counts = _Counts(store, stages)
        self._begun = self._last = time.monotonic()
        self._in_flight = InFlight()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._in_flight.clear()

    def started(self, item: Item) -> None:
        """Notes what is in flight."""
        self._in_flight.started(item)

    def finished(self, outcome: Outcome, record: Any) -> None:
        """Counts the item."""
        self._counts.finished(outcome)
        self._in_flight.finished(outcome)
        self.tick()

    def tick(self) -> None:
        """Writes a line where the last one is long enough ago."""
        now = time.monotonic()
        if now - self._last < _SECONDS:
            return
        self._last = now
        parts = [
            f"{stage} {tried}/{self._counts.known[stage]}"
            + (f" ({self._counts.lost[stage]} lost)" if self._counts.lost[stage] else "")
            for stage, tried in self._counts.tried.items()
            if self._counts.known[stage]
        ]
        oldest = self._in_flight.oldest()
        told = (", ".join(parts), oldest and f"at {oldest}", self._in_flight.slow(), self._models_line())
        self._console.print(
            f"[{now - self._begun:6.0f} s] {'; '.join(part for part in told if part)}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def progress_view(
    console: Console,
    store: StoreReader,
    stages: tuple[Stage, ...],
    servers: Servers = lambda: (),
    fallback: Fallback = lambda: "",
) -> ProgressView:
    """Bars on a terminal, else lines; `servers` and `fallback`: asked about once a second, and shown with them."""
    view = Bars if console.is_terminal else Lines
    return view(console, store, stages, servers, fallback)
