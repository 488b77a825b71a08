"""One process a run: a lock file beside the store that says who holds it."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout

from synthtools.errors import RunError

_NAME = "run.lock"


def holder_lives(folder: Path) -> bool:
    """Whether the process of this machine that took a run's lock last is still there. Takes no lock itself."""
    try:
        os.kill(int((folder / _NAME).read_text(encoding="utf-8")), 0)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True  # somebody else's
    return True


class RunLock:
    """Holds a run's lock for as long as its block lasts; the kernel frees it when the process dies."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._lock = FileLock(self._path)

    def __enter__(self) -> Self:
        """Takes the lock at once. Raises: RunError with the holder's process id where the run is in use."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            holder = self._path.read_text(encoding="utf-8", errors="replace").strip()
            who = f"process {holder}" if holder.isdigit() else "another process"
            raise RunError(f"the run {self._path.parent} is in use by {who}: wait for it, or end it") from None
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self._path.write_text(str(os.getpid()), encoding="utf-8")
        except OSError as error:
            self._lock.release()
            raise self._unwritable(error) from error
        return self

    def _unwritable(self, error: OSError) -> RunError:
        return RunError(f"the run folder {self._path.parent} cannot be written: {error.strerror}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
