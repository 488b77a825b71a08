"""The sandbox: `pydantic-monty` workers in which behaviours run, bounded in time, memory, recursion and output.

A pool of worker processes is made on first use and closed at exit. Nothing that one call leaves behind is there for the
next: each gets a fresh session, or that of an earlier call of the same program, if the program's call begins by putting
right whatever a call may have changed.
"""

import atexit
import os
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import NamedTuple

import pydantic_monty
from pydantic_monty import Monty, MontySession

from synthtools.errors import SandboxError, UsageError

PROCESSES = max(2, os.cpu_count() or 2)
"""Most feeds at once."""

_WORKERS = PROCESSES + 2
"""Most workers: those that no feed is under way in keep their session for the next call of the same program."""

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


class Program(NamedTuple):
    """What a session runs."""

    setup: str
    """Runs once in a session, before its first call."""
    call: str
    """Runs at each call. The value of its last expression is the answer."""
    leaves_nothing: bool = False
    """Whether a call is the same in a session in which others were made, so that theirs may be used for it."""


class _Session(NamedTuple):
    """A session in which calls of one program were made, with its worker."""

    setup: str
    limits: Limits
    open: MontySession


class _Sessions:
    """The sessions of this process: one for each feed under way, and those that wait for another call of theirs."""

    def __init__(self) -> None:
        self._slots = threading.Semaphore(PROCESSES)
        self._lock = threading.Lock()
        self._pool: Monty | None = None
        self._owner: int | None = None
        """The process that made a pool, once one has."""
        self._kept: list[_Session] = []
        """From the one that has waited longest."""
        self._open = 0

    def answer(self, program: Program, inputs: Mapping[str, str], limits: Limits) -> object:
        """What a program's call evaluates to. Raises: MontyError, UsageError."""
        if self._owner not in (None, os.getpid()):  # pydantic-monty would wait for ever
            raise UsageError("a process forked from one that has used the sandbox cannot use it: start it by `spawn`")
        with self._slots:
            kept = self._take(program.setup, limits) if program.leaves_nothing else None
            if kept is not None:
                try:
                    return self._called(kept, program.call, program, inputs)
                except pydantic_monty.MontyError:
                    pass  # a fresh session tells whether the program is to blame, or what the session has been through
            try:
                return self._called(self._begun(program.setup, limits), program.setup + program.call, program, inputs)
            except pydantic_monty.MontyCrashedError as error:
                if error.timed_out:
                    raise
                # A worker also dies of a signal meant for the whole process group.
                return self._called(self._begun(program.setup, limits), program.setup + program.call, program, inputs)

    def close(self) -> None:
        """Ends the sessions that wait, and the workers; a forked process leaves those of its parent alone."""
        if self._owner != os.getpid():
            return
        with self._lock:
            while self._kept:
                self._end(self._kept.pop())
            if self._pool is not None:
                self._pool.__exit__(None, None, None)
            self._pool = None

    def _take(self, setup: str, limits: Limits) -> _Session | None:
        with self._lock:
            for index in range(len(self._kept) - 1, -1, -1):
                if self._kept[index].setup == setup and self._kept[index].limits == limits:
                    return self._kept.pop(index)
        return None

    def _begun(self, setup: str, limits: Limits) -> _Session:
        """A fresh session; the one that has waited longest makes room for it."""
        with self._lock:
            if self._pool is None:
                self._pool, self._owner = Monty(min_processes=1, max_processes=_WORKERS).__enter__(), os.getpid()
            if self._open >= _WORKERS and self._kept:
                self._end(self._kept.pop(0))
            checked_out = self._pool.checkout(
                limits={
                    "max_feed_duration_secs": limits.seconds,
                    "max_memory": limits.memory,
                    "max_recursion_depth": limits.recursion,
                    "max_suspensions": 16,
                },
                os_policy={"datetime": _FROZEN, "sleep": "zero", "random_start": {"seed": 0}},
            )
            self._open += 1
        try:
            return _Session(setup, limits, checked_out.__enter__())
        except BaseException:
            with self._lock:
                self._open -= 1
            raise

    def _called(self, session: _Session, code: str, program: Program, inputs: Mapping[str, str]) -> object:
        """Makes a call, and keeps the session for the next one if it came to an end."""
        fine = False
        try:
            said = pydantic_monty.CollectString(1 << 16)
            answer = session.open.feed_run(code, inputs=dict(inputs), print_callback=said)
            fine = program.leaves_nothing
            return answer
        finally:
            with self._lock:
                if fine:
                    self._kept.append(session)
                else:
                    self._end(session)

    def _end(self, session: _Session) -> None:
        self._open -= 1
        session.open.__exit__(None, None, None)


_SESSIONS = _Sessions()


def close() -> None:
    """Ends the workers of this process; the next feed starts others."""
    _SESSIONS.close()


atexit.register(close)


_Call = tuple[Program, Limits, tuple[tuple[str, str], ...]]
_answers: ContextVar[dict[_Call, str] | None] = ContextVar("synthtools_sandbox_answers", default=None)


@contextmanager
def remembering() -> Generator[None]:
    """A block of which no call is made twice, but for those that fail: a program answers equal inputs alike.

    For whoever tries many variants of one thing, and not for whoever wants to see whether a program does that.
    """
    token = _answers.set({})
    try:
        yield
    finally:
        _answers.reset(token)


def feed(program: Program, inputs: Mapping[str, str], limits: Limits = DEFAULT_LIMITS) -> str:
    """Makes a call of a program and returns the text that it evaluates to; in a block that remembers, once.

    Raises:
        SandboxError: It crashed, ran out of its limits or gave no text; the message is `line N: Type: text` where a
            line of the program is to blame.
        UsageError: This process was forked from one that has used the sandbox.
    """
    answers = _answers.get()
    if answers is None:
        return _fed(program, inputs, limits)
    call = (program, limits, tuple(inputs.items()))
    if call not in answers:
        answers[call] = _fed(program, inputs, limits)
    return answers[call]


def _fed(program: Program, inputs: Mapping[str, str], limits: Limits) -> str:
    try:
        answer = _SESSIONS.answer(program, inputs, limits)
    except pydantic_monty.MontyError as error:
        raise SandboxError(_reason(error)) from None
    if not isinstance(answer, str):
        raise SandboxError(f"gave {type(answer).__name__} instead of text")
    if len(answer) > limits.output:
        raise SandboxError(f"OutputLimit: the answer has {len(answer)} characters; at most {limits.output} are allowed")
    return answer


def _reason(error: pydantic_monty.MontyError) -> str:
    text = error.display("type-msg") if isinstance(error, pydantic_monty.MontyRuntimeError) else str(error)
    text = text.splitlines()[0] if text else type(error).__name__
    if isinstance(error, pydantic_monty.MontyRuntimeError | pydantic_monty.MontySyntaxError):
        frames = error.traceback()
        if frames:
            return f"line {frames[-1].line}: {text}"
    return text
