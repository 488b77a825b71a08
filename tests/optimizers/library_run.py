"""A small run of the scripted library, made once a process, that cases are drawn from."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from synthtools.optimizers.case import Case
from synthtools.optimizers.targets import TARGETS
from synthtools.runs.run import Run, open_run
from tests.cli.shared import invoke

_COUNTS = {"subfields": 1, "scenarios": 1, "sequences": 4}
_SMALL = ("--profile", "small", *(word for key, n in _COUNTS.items() for word in ("--set", f"profile.{key}={n}")))


@cache
def _made() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="library-run-")
    model = ("--model", "scripted/library")
    made = invoke("run", "--run", Path(folder.name) / "run", "--field", "Bicycle rental", *model, *_SMALL)
    assert made.exit_code == 0, made.stderr
    return folder


@contextmanager
def library_run() -> Iterator[Run]:
    with open_run(Path(_made().name) / "run") as run:
        yield run


@cache
def drawn(target: str) -> tuple[Case, ...]:
    """The cases of a target."""
    with library_run() as run:
        return tuple(TARGETS[target].cases(run))
