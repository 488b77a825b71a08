"""A run as its readers see it: records as iterators, without a lock and without loading it all."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from synthtools.runs.item import Item
from synthtools.runs.reader import StoreReader
from synthtools.runs.stages import STAGES
from synthtools.runs.status import RunStatus, read_status
from synthtools.runs.tasks import TaskReader
from synthtools.types.audit import AuditedEnv
from synthtools.types.environment import EnvSpec
from synthtools.types.task import Task
from synthtools.types.trajectory import Trajectory


class Run:
    """A run folder, opened for reading: `with st.open_run("runs/mine") as run: ...`.

    It may be read while a process works on it; what that process commits becomes visible as it comes. Records come in
    the order of their ids, a few in memory at a time.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.store = StoreReader(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the run's file."""
        self.store.close()

    def environments(self) -> Iterator[EnvSpec]:
        """Every environment, whatever its audit says."""
        return self._records("env-generation")

    def audits(self) -> Iterator[AuditedEnv]:
        """Every audited environment."""
        return self._records("env-audit")

    def tasks(self) -> Iterator[Task]:
        """Every task that was released; tasks of one environment share its world."""
        reader = TaskReader()
        for item in self.store.each("task-audit"):
            yield reader.read(self.store.payload(item.stage, item.id), item.id)

    def trajectories(self) -> Iterator[Trajectory]:
        """Every rollout, solved or not, with its verdict."""
        return self._records("trajectory-generation")

    def status(self) -> RunStatus:
        """Counts, reasons, causes and use."""
        return read_status(self.store)

    def find(self, id: str) -> list[Item]:
        """What came of an id, stage by stage."""
        return self.store.stages_of(id)

    def record(self, stage: str, id: str) -> Any:
        """The record of a stage. Raises: RunError where there is none."""
        return STAGES[stage].read(self.store.payload(stage, id), id)

    def _records(self, stage: str) -> Iterator[Any]:
        for item in self.store.each(stage):
            yield self.record(stage, item.id)


def open_run(path: str | Path) -> Run:
    """Opens a run folder for reading. Raises: RunError where there is none, or it is damaged or newer."""
    return Run(path)
