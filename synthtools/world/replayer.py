"""A process beside this one, with another hash seed, that replays tasks as they come, each in a fresh process.

A run certifies its tasks one by one. Starting Python for each would take five times as long, so the process beside this
one has its imports done, and forks for every task; `fingerprints_elsewhere` starts a new one for a whole batch.
"""

import atexit
import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from typing import IO, NamedTuple

import orjson

from synthtools.errors import ReplayError
from synthtools.types import Task
from synthtools.types.record import JsonObject
from synthtools.world.replay import COMMAND, SECONDS_A_TASK, replaying_environment

_TOLD = 400
"""Most characters of what a process said as it ended."""


class _Process(NamedTuple):
    """A process that replays, and what it says on its standard error."""

    running: subprocess.Popen[bytes]
    said: IO[bytes]


class Replayer:
    """Starts its process on first use, and another one where that has ended; a forked process has its own.

    The process ends when its standard input closes, so that it outlives nobody.
    """

    def __init__(self, seconds: float = SECONDS_A_TASK) -> None:
        """Starts nothing yet. `seconds`: most that one task may take."""
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._owner = 0

    def fingerprint(self, task: Task) -> str:
        """The fingerprint that the other process gets; `error: ...` where the replay fails.

        Raises:
            ReplayError: The process itself failed.
        """
        line = task.model_dump_json(by_alias=True).encode() + b"\n"
        with self._lock:
            answer = self._asked(line)
            if answer is None:  # it died between two tasks, or of this one: a new one tells
                self._end()
                answer = self._asked(line)
            if answer is None:
                raise ReplayError(f"the replaying process failed: {self._end()}")
        row: JsonObject = orjson.loads(answer)
        return str(row.get("fingerprint") or f"error: {row.get('error')}")

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            self._end()

    def _asked(self, line: bytes) -> bytes | None:
        """The process's answer to a line; None: it ended, or was ended for taking too long."""
        process = self._started()
        assert process.stdin is not None and process.stdout is not None
        overdue = threading.Timer(self._seconds, _kill, [process])
        overdue.start()
        try:
            process.stdin.write(line)
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            return None
        finally:
            overdue.cancel()
        return answer if answer.endswith(b"\n") else None

    def _started(self) -> subprocess.Popen[bytes]:
        process = self._process
        if process is not None and self._owner == os.getpid() and process.running.poll() is None:
            return process.running
        self._end()
        said = tempfile.TemporaryFile()  # noqa: SIM115 - it is open as long as the process runs
        running = subprocess.Popen(
            (*COMMAND, "--apart"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env=replaying_environment(),
            start_new_session=True,  # Ctrl-C is for the run, which finishes what is in flight; and to end all at once
        )
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
    """Ends a process that was not waited for yet, and those it forked."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


REPLAYER = Replayer()
"""That of this process."""
atexit.register(REPLAYER.close)
