"""The sandbox: `pydantic-monty` workers in which behaviours run, bounded in time, memory, recursion and output.

A pool of worker processes is made on first use and closed at exit. Every feed gets a fresh session: nothing that one
call leaves behind is there for the next.
"""

import atexit
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

import pydantic_monty
from pydantic_monty import Monty

from synthtools.errors import SandboxError

PROCESSES = max(2, os.cpu_count() or 2)
"""Most workers, and so feeds at once."""

_FROZEN = datetime(2000, 1, 1, tzinfo=UTC)


class Limits(NamedTuple):
    """What one feed may use."""

    seconds: float = 1.0
    """Execution time."""
    memory: int = 64 << 20
    """Heap, in bytes."""
    recursion: int = 200
    """Depth of calls."""
    output: int = 4 << 20
    """Length of the answer, in characters."""


DEFAULT_LIMITS = Limits()


class _Pool:
    """The process-wide pool; a forked process makes its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: Monty | None = None
        self._owner = 0

    def get(self) -> Monty:
        pool = self._pool
        if pool is not None and self._owner == os.getpid():
            return pool
        with self._lock:
            if self._pool is None or self._owner != os.getpid():
                self._pool = Monty(min_processes=1, max_processes=PROCESSES).__enter__()
                self._owner = os.getpid()
            return self._pool

    def close(self) -> None:
        with self._lock:
            if self._pool is not None and self._owner == os.getpid():
                self._pool.__exit__(None, None, None)
            self._pool = None


_POOL = _Pool()
atexit.register(_POOL.close)


def close() -> None:
    """Ends the workers of this process; the next feed starts others."""
    _POOL.close()


def feed(source: str, inputs: Mapping[str, str], limits: Limits = DEFAULT_LIMITS) -> str:
    """Runs a source in a fresh session and returns the text that its last expression evaluates to.

    Raises:
        SandboxError: It crashed, ran out of its limits or gave no text; the message is `line N: Type: text` where a
            line of the source is to blame.
    """
    try:
        try:
            answer = _feed(source, inputs, limits)
        except pydantic_monty.MontyCrashedError as error:
            if error.timed_out:
                raise
            answer = _feed(source, inputs, limits)  # a worker also dies of a signal meant for the whole process group
    except pydantic_monty.MontyError as error:
        raise SandboxError(_reason(error)) from None
    if not isinstance(answer, str):
        raise SandboxError(f"gave {type(answer).__name__} instead of text")
    if len(answer) > limits.output:
        raise SandboxError(f"OutputLimit: the answer has {len(answer)} characters; at most {limits.output} are allowed")
    return answer


def _feed(source: str, inputs: Mapping[str, str], limits: Limits) -> object:
    with _POOL.get().checkout(
        limits={
            "max_feed_duration_secs": limits.seconds,
            "max_memory": limits.memory,
            "max_recursion_depth": limits.recursion,
            "max_suspensions": 16,
        },
        os_policy={"datetime": _FROZEN, "sleep": "zero", "random_start": {"seed": 0}},
    ) as session:
        return session.feed_run(source, inputs=dict(inputs), print_callback=pydantic_monty.CollectString(1 << 16))


def _reason(error: pydantic_monty.MontyError) -> str:
    text = error.display("type-msg") if isinstance(error, pydantic_monty.MontyRuntimeError) else str(error)
    text = text.splitlines()[0] if text else type(error).__name__
    if isinstance(error, pydantic_monty.MontyRuntimeError | pydantic_monty.MontySyntaxError):
        frames = error.traceback()
        if frames:
            return f"line {frames[-1].line}: {text}"
    return text
