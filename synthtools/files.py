"""Files that are written whole or not at all."""

import contextlib
import glob
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import IO

_PART = ".part"


@contextlib.contextmanager
def replacing(*targets: Path) -> Generator[tuple[IO[bytes], ...]]:
    """Files to write in the block, which take the places of the targets together when it ends.

    They are made in the folders of the targets, and are on disk before the first is renamed. A new file can be read by
    whoever may read the folder; one that was there keeps its mode. An error in the block or in writing leaves the
    targets as they were and nothing beside them; what a killed process left there is removed.

    Raises: OSError (disk full, no permission, no such folder).
    """
    files: list[IO[bytes]] = []
    places = [target.resolve() for target in targets]  # a link goes on pointing at the file
    try:
        for target in places:
            _clear(target)
            prefix = f".{target.name}.{os.getpid()}."
            part = tempfile.NamedTemporaryFile(dir=target.parent, prefix=prefix, suffix=_PART, delete=False)  # noqa: SIM115
            files.append(part)
        yield tuple(files)
        for file in files:
            file.flush()
            os.fsync(file.fileno())
        for file, target in zip(files, places, strict=True):
            os.chmod(file.name, target.stat().st_mode & 0o777 if target.exists() else 0o644)
        for file, target in zip(files, places, strict=True):
            os.replace(file.name, target)
    finally:
        for file in files:
            with contextlib.suppress(OSError):  # closing a file that a full disk left unflushed
                file.close()
            Path(file.name).unlink(missing_ok=True)


def _clear(target: Path) -> None:
    """Removes what killed processes had written of a file: the parts that name a process which is no more."""
    for part in target.parent.glob(f".{glob.escape(target.name)}.*{_PART}"):
        owner = part.name.removeprefix(f".{target.name}.").partition(".")[0]
        if owner.isdigit() and not _lives(int(owner)):
            part.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True
