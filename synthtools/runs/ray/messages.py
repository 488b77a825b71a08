"""What goes between the driver of a run and its Ray workers: items one way, what comes of them the other way."""

import asyncio
import inspect
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from synthtools import errors
from synthtools.errors import Dropped, SynthToolsError
from synthtools.runs.item import Item
from synthtools.types.usage import LedgerEntry

_KINDS: dict[str, type[SynthToolsError]] = {
    name: kind for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SynthToolsError)
}
"""Errors that cross as what they are, by name."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker is made of; holds no secret."""

    version: str
    """Of the driver's SynthTools."""
    settings: str
    """JSON of the settings, with this worker's share of the calls in flight."""
    programs: Mapping[str, Sequence[bytes]]
    """Saved states of programs by stage, in the order in which they are loaded."""


@dataclass(frozen=True, slots=True)
class Job:
    """One item for a worker to do."""

    number: int
    """Unique among the driver's jobs: an item that is tried again is another one."""
    item: Item
    inputs: Mapping[str, Any]
    """The program's keyword arguments."""
    variation: int
    environment: str
    """Id of the environment whose transitions its worlds share; empty: it has none."""
    answers: Mapping[str, bytes]
    """The item's journal so far: packed answers by key."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A model answer for the journal of a job's item."""

    job: int
    key: str
    answer: bytes
    """Packed, as the journal keeps it."""


@dataclass(frozen=True, slots=True)
class Paid:
    """A model call for the ledger."""

    job: int
    call: int
    """Number of the call within its worker."""
    entry: LedgerEntry


@dataclass(frozen=True, slots=True)
class Amended:
    """Another outcome of a call that was told before."""

    job: int
    call: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """A transition, new to its worker."""

    key: str
    tool: str
    body: bytes
    """Packed, as the run keeps it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An error on its way between processes."""

    kind: str
    """Name of a class of `synthtools.errors`; empty: it is none of ours."""
    message: str
    detail: str = ""
    cause: "Problem | None" = None

    @classmethod
    def of(cls, error: BaseException) -> Self:
        """What of an error crosses: its kind, or that of the nearest class of ours, its words and its causes."""
        kind = next((base.__name__ for base in type(error).__mro__ if _KINDS.get(base.__name__) is base), "")
        message = str(error) if kind else "".join(traceback.format_exception(error)).rstrip()
        detail = error.detail if isinstance(error, Dropped) else ""
        cause = error.__cause__ if kind else None
        return cls(kind, message, detail, None if cause is None else cls.of(cause))

    def error(self) -> Exception:
        """The error, to be raised here; one that is none of ours is a RuntimeError with the worker's traceback."""
        if not self.kind:
            return RuntimeError(f"in a Ray worker: {self.message}")
        kind = _KINDS[self.kind]
        error = Dropped(self.message, self.detail) if kind is Dropped else kind(self.message)
        error.__cause__ = None if self.cause is None else self.cause.error()
        return error


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a job: the last that is told of it."""

    job: int
    record: Any = None
    problem: Problem | None = None
    """Why there is no record; neither of both: the job was given up."""

    @classmethod
    def with_error(cls, job: int, error: BaseException) -> Self:
        """The end of a job that raised."""
        return cls(job) if isinstance(error, asyncio.CancelledError) else cls(job, problem=Problem.of(error))


Event = Answered | Paid | Amended | Recorded | Ended
"""What a worker tells the driver, in the order it happens."""
