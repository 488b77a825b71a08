"""People's labels of a judge's verdicts, as a run keeps them.

A label is the right verdict of a case, whoever judged it: it stays when the judge is asked again about the same thing.
The files are written whole or not at all, in a folder of their own with a lock of its own: a run may go on meanwhile.
"""

from pathlib import Path
from typing import Literal, Self

import orjson

from synthtools.errors import DataError
from synthtools.files import replacing
from synthtools.runs.judges import FOLDER, calibration_path
from synthtools.runs.lock import RunLock
from synthtools.types.calibration import Calibration
from synthtools.types.record import Record


class LabelFile(Record):
    """The labels of one judge in a run."""

    format: Literal[1]
    """Of this record."""
    size: int
    """Cases that people were last asked to label."""
    seed: int
    """Of their choice."""
    labels: dict[str, str] = {}
    """The right verdict by the case's key."""


class Labels:
    """The labels of a judge in a run; use it in a `with` block to write, which holds the lock of the labels."""

    def __init__(self, folder: Path, judge: str) -> None:
        """Reads what there is. Raises: DataError where the file is damaged."""
        self._folder, self._judge = folder, judge
        self._path = folder / FOLDER / f"{judge}.labels.json"
        self._lock = RunLock(folder / FOLDER)
        self.file = self._read()

    def __enter__(self) -> Self:
        """Takes the lock and reads again. Raises: RunError where somebody else labels."""
        self._path.parent.mkdir(exist_ok=True)
        self._lock.__enter__()
        self.file = self._read()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.__exit__(None, None, None)

    def choose(self, size: int, seed: int) -> None:
        """Notes which sample people are asked about."""
        if (size, seed) != (self.file.size, self.file.seed) or not self._path.is_file():
            self._write(self.file.model_copy(update={"size": size, "seed": seed}))

    def keep(self, labels: dict[str, str]) -> None:
        """Adds labels to those there are, on disk at once."""
        self._write(self.file.model_copy(update={"labels": {**self.file.labels, **labels}}))

    def keep_calibration(self, calibration: Calibration) -> None:
        """Writes what the labels say of the judge."""
        _replace(calibration_path(self._folder, self._judge), calibration)

    def _read(self) -> LabelFile:
        try:
            return LabelFile.from_json(orjson.loads(self._path.read_bytes()), str(self._path))
        except FileNotFoundError:
            return LabelFile(format=1, size=0, seed=0)
        except ValueError as error:
            raise DataError(f"{self._path} is no JSON: {error}") from error

    def _write(self, file: LabelFile) -> None:
        _replace(self._path, file)
        self.file = file


def _replace(path: Path, record: Record) -> None:
    """Writes a record's file, whole or not at all."""
    with replacing(path) as (file,):
        file.write(orjson.dumps(record.to_json(), option=orjson.OPT_INDENT_2))
