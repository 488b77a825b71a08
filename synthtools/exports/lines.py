"""JSON Lines files, plain or gzipped: rows with line numbers, an index by key, and writing all or nothing."""

import codecs
import contextlib
import gzip
import shutil
import tempfile
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

import orjson

from synthtools.errors import DataError, RunError
from synthtools.files import replacing
from synthtools.types.canonical import check_json
from synthtools.types.record import Json, JsonObject


class JsonLines:
    """The rows of a `.jsonl` or `.jsonl.gz` file, read one at a time; a gzipped file is unpacked to a temporary one.

    Raises: DataError, when the file does not exist or cannot be read, and for a row that is no JSON object.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._file = self._opened()
            self._start = _after_bom(self._file)
        except FileNotFoundError as error:
            raise DataError(f"{self.path}: no such file") from error
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{self.path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
        self._offsets: dict[str, tuple[int, int]] = {}

    def _opened(self) -> IO[bytes]:
        if self.path.suffix != ".gz":
            return self.path.open("rb")
        unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this object
        with gzip.open(self.path, "rb") as packed:
            shutil.copyfileobj(cast("IO[bytes]", packed), unpacked)
        unpacked.seek(0)
        return unpacked

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def where(self, line: int) -> str:
        """`FILE line N`, for a message."""
        return f"{self.path} line {line}"

    def __iter__(self) -> Iterator[tuple[int, JsonObject]]:
        """Every row with its line number (from 1); blank lines are passed over."""
        for line, _, row in self._rows():
            yield line, row

    def _rows(self) -> Iterator[tuple[int, int, JsonObject]]:
        offset, line = self._start, 0
        while True:
            self._file.seek(offset)
            text = self._file.readline()
            if not text:
                return
            line += 1
            if text.strip():
                yield line, offset, self._parsed(text, line)
            offset += len(text)

    def _parsed(self, text: bytes, line: int) -> JsonObject:
        try:
            row: Json = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise DataError(f"{self.where(line)}: not JSON ({error}); expected one JSON object a line") from error
        if not isinstance(row, dict):
            raise DataError(f"{self.where(line)}: expected a JSON object, found {str(row)[:40]!r}")
        return row

    def index(self, key: str) -> list[str]:
        """Reads the file once and remembers where the last row of each value of `key` stands, for `get`.

        Only offsets are kept in memory. Returns the values in the order of those rows.
        Raises: DataError naming file and line, for a row without that key as a text.
        """
        self._offsets.clear()
        for line, offset, row in self._rows():
            value = row.get(key)
            if not isinstance(value, str) or not value:
                raise DataError(f"{self.where(line)}: {key}: expected a text, found {str(value)[:40]!r}")
            self._offsets.pop(value, None)
            self._offsets[value] = (offset, line)
        return list(self._offsets)

    def get(self, value: str) -> tuple[int, JsonObject] | None:
        """The line number and row that `index` found for a value; None: no such row."""
        found = self._offsets.get(value)
        if found is None:
            return None
        offset, line = found
        self._file.seek(offset)
        return line, self._parsed(self._file.readline(), line)


def _after_bom(file: IO[bytes]) -> int:
    """Where the text begins: some editors write the UTF-8 byte order mark before it."""
    return len(codecs.BOM_UTF8) if file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8 else 0


def beside(path: Path, name: str) -> Path | None:
    """The file `name.jsonl` (or its gzipped twin) in the folder of a path; None: neither is there."""
    for suffix in (".jsonl", ".jsonl.gz"):
        found = path.parent / f"{name}{suffix}"
        if found.is_file():
            return found
    return None


class Whole:
    """JSON Lines files that take the places of their targets together at the end, so that readers see all or nothing.

    Used as a context manager; an error inside leaves the targets as they were. Raises: RunError, when writing fails
    (disk full, no permission).
    """

    def __init__(self, *targets: Path) -> None:
        self.targets = targets
        self._files: dict[Path, IO[bytes]] = {}
        self._replacing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with self._failures():
            for target in self.targets:
                target.parent.mkdir(parents=True, exist_ok=True)
            files = self._replacing.enter_context(replacing(*self.targets))
        self._files = dict(zip(self.targets, files, strict=True))
        return self

    def write(self, target: Path, row: JsonObject) -> None:
        """Adds a row. Raises: StateError for what JSON cannot carry."""
        check_json(row)
        self.write_json(target, orjson.dumps(row))

    def write_json(self, target: Path, line: bytes) -> None:
        """Adds a row that is JSON already, checked and on one line."""
        with self._failures():
            self._files[target].write(line + b"\n")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._failures():
            self._replacing.__exit__(kind, error, trace)

    @contextlib.contextmanager
    def _failures(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            where = error.filename or self.targets[0].parent
            raise RunError(f"cannot write {where}: {error.strerror}; files that were there are unchanged") from error
