"""A process beside this one that answers each line on its standard input with one on its standard output."""

import contextlib
import os
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from synthtools.errors import WorldError

_TOLD = 400
"""Most characters of what a process said as it ended."""
_PART = 1 << 16
"""Most bytes of an answer that are read at once."""


def package_environment() -> dict[str, str]:
    """The variables of this process, so that another one finds this package wherever it was imported from."""
    folder = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))}


class _Process(NamedTuple):
    """A process, and what it says on its standard error."""

    running: subprocess.Popen[bytes]
    said: IO[bytes]


class Beside:
    """Starts its process on first use, and another one where that has ended; a forked process has its own.

    The process ends when its standard input closes, so that it outlives nobody. Lines of several threads wait for each
    other.
    """

    def __init__(self, command: Sequence[str], environment: Callable[[], Mapping[str, str]], seconds: float) -> None:
        """Starts nothing yet.

        Args:
            command: Starts the process.
            environment: Called at a start for the process's variables.
            seconds: Most that one line may take.
        """
        self._command = tuple(command)
        self._environment = environment
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._owner = 0

    @property
    def pid(self) -> int | None:
        """Of the process; None: none runs."""
        return None if self._process is None else self._process.running.pid

    def ask(self, line: bytes) -> bytes:
        """The process's answer to a line, both without line ends; a process that has died is replaced once.

        Raises:
            WorldError: The process fails; with what it said.
        """
        with self._lock:
            answer = self._asked(line)
            if answer is None:  # it died between two lines, or of this one: a new one tells
                self._end()
                answer = self._asked(line)
            if answer is None:
                raise WorldError(self._end() or "it was ended for taking too long, or by someone else")
            return answer

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            self._end()

    def _asked(self, line: bytes) -> bytes | None:
        """The answer to a line; None: the process ended, or was ended for taking too long."""
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        overdue = time.monotonic() + self._seconds
        unsent, answer = memoryview(line + b"\n"), bytearray()
        with selectors.PollSelector() as pipes:
            pipes.register(process.stdin, selectors.EVENT_WRITE)
            pipes.register(process.stdout, selectors.EVENT_READ)
            while not answer.endswith(b"\n"):
                ready = [key.fileobj for key, _ in pipes.select(max(0.0, overdue - time.monotonic()))]
                if not ready:
                    _kill(process)
                    return None
                if process.stdin in ready:
                    try:
                        unsent = unsent[os.write(process.stdin.fileno(), unsent) :]
                    except BrokenPipeError:
                        return None
                    if not unsent:
                        pipes.unregister(process.stdin)
                if process.stdout in ready:
                    if not (part := os.read(process.stdout.fileno(), _PART)):
                        return None
                    answer += part
        return bytes(answer[:-1])

    def _started(self) -> subprocess.Popen[bytes]:
        process = self._process
        if process is not None and self._owner == os.getpid() and process.running.poll() is None:
            return process.running
        self._end()
        said = tempfile.TemporaryFile()  # noqa: SIM115 - it is open as long as the process runs
        running = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            bufsize=0,
            env=dict(self._environment()),
            # A group: Ctrl-C is for the run, which finishes what is in flight; and to end all at once. Not a session:
            # Linux shares its cores out among sessions, and niceness counts within one alone.
            process_group=0,
        )
        assert running.stdin is not None
        os.set_blocking(running.stdin.fileno(), False)  # a write takes what there is room for
        self._process, self._owner = _Process(running, said), os.getpid()
        return running

    def _end(self) -> str:
        """Ends the process, where it is this one's own. Returns the end of what it said."""
        process, self._process = self._process, None
        if process is None:
            return ""
        if self._owner != os.getpid():  # forked: it belongs to the process that started it
            return ""
        running, said = process
        assert running.stdin is not None and running.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it is gone already
            running.stdin.close()
        if running.poll() is None:
            _kill(running)
            running.wait()
        running.stdout.close()
        with said:
            said.seek(0)
            return said.read().decode(errors="replace")[-_TOLD:]


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends a process that was not waited for yet, and those it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
