"""Reading a run's store, beside a process that writes it or without one."""

import hashlib
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self, cast
from urllib.parse import quote

from synthtools.errors import DamagedRecord, RunError
from synthtools.runs.item import Item, Status, content_hash
from synthtools.runs.lock import holder_lives
from synthtools.runs.schema import check_version
from synthtools.runs.writer import store_error

STORE_NAME = "run.sqlite"

_ITEM = "stage, id, parent, position, field, status, reason, detail, tries"
_PAGE = 200
_TALLIED = 2
"""Schema version since which records are counted."""
_NOTED = 5
"""Schema version since which it is noted what is begun."""


class StoreReader:
    """Read access to a run's store, from any thread; takes no lock and changes nothing.

    Iterators page by id, so that memory does not grow with the run and the writer's log can be folded back meanwhile.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / STORE_NAME
        if not self.path.is_file():
            raise RunError(f"no run at {folder}: there is no {STORE_NAME} in it")
        self._lock = threading.Lock()
        try:
            self._connection = _connect(self.path)
            self._version = check_version(self._connection, str(self.path))
        except sqlite3.Error as error:
            raise store_error(self.path, error) from error
        if self._version == 0:
            raise RunError(f"{self.path} is empty: its run was ended before it began; remove the folder")

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """All rows of a query that is known to be small. Raises: RunError where the file cannot be read."""
        try:
            with self._lock:
                return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise store_error(self.path, error) from error

    def meta(self, key: str) -> str | None:
        """A value of the run as a whole."""
        found = self.rows("SELECT value FROM meta WHERE key = ?", (key,))
        return str(found[0][0]) if found else None

    def item(self, stage: str, id: str) -> Item | None:
        """One item, whatever came of it."""
        found = self.rows(f"SELECT {_ITEM} FROM items WHERE stage = ? AND id = ?", (stage, id))
        return _item(found[0]) if found else None

    def stages_of(self, id: str) -> list[Item]:
        """Every item of that id, in the order they were made."""
        return [_item(row) for row in self.rows(f"SELECT {_ITEM} FROM items WHERE id = ? ORDER BY seq", (id,))]

    def similar_ids(self, start: str, limit: int = 5) -> list[str]:
        """Ids that begin so, for a message that helps."""
        found = self.rows(
            "SELECT DISTINCT id FROM items WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
            (start, start + "\U0010ffff", limit),
        )
        return [str(row[0]) for row in found]

    def items(self, stage: str, status: Status, after: str = "", limit: int = _PAGE) -> list[Item]:
        """The next items of a status by id."""
        found = self.rows(
            f"SELECT {_ITEM} FROM items WHERE stage = ? AND status = ? AND id > ? ORDER BY id LIMIT ?",
            (stage, status, after, limit),
        )
        return [_item(row) for row in found]

    def each(self, stage: str, status: Status = "done") -> Iterator[Item]:
        """Every item of a status, by id."""
        after = ""
        while page := self.items(stage, status, after):
            yield from page
            after = page[-1].id

    def unexpanded(self, stage: str, expansion: str, after: str = "", limit: int = _PAGE) -> list[Item]:
        """Done items whose children were planned otherwise than `expansion` says, by id."""
        found = self.rows(
            f"SELECT {_ITEM} FROM items WHERE stage = ? AND status = 'done' AND id > ? AND expanded != ? "
            "ORDER BY id LIMIT ?",
            (stage, after, expansion, limit),
        )
        return [_item(row) for row in found]

    def payload(self, stage: str, id: str) -> bytes:
        """JSON of a done record. Raises: RunError where there is none; DamagedRecord."""
        found = self.rows("SELECT body FROM payloads JOIN items USING (seq) WHERE stage = ? AND id = ?", (stage, id))
        if not found:
            raise RunError(f"the run {self.folder} has no {stage} record {id}")
        try:
            return zlib.decompress(cast(bytes, found[0][0]))
        except zlib.error as error:
            raise DamagedRecord(f"the {stage} record {id} in {self.path} is damaged: see `status --check`") from error

    def hash_of(self, stage: str, id: str) -> str | None:
        """Content hash of a done record; None: there is none."""
        found = self.rows("SELECT hash FROM items WHERE stage = ? AND id = ? AND status = 'done'", (stage, id))
        return str(found[0][0]) if found else None

    def count(self, stage: str, statuses: Iterable[Status]) -> int:
        """How many items of a stage have one of these statuses."""
        chosen = tuple(statuses)
        marks = ", ".join("?" * len(chosen))
        found = self.rows(f"SELECT count(*) FROM items WHERE stage = ? AND status IN ({marks})", (stage, *chosen))
        return cast(int, found[0][0])

    def counts(self) -> dict[str, dict[Status, int]]:
        """Items by stage and status."""
        counts: dict[str, dict[Status, int]] = {}
        for stage, status, number in self.rows("SELECT stage, status, count(*) FROM items GROUP BY stage, status"):
            counts.setdefault(str(stage), {})[cast(Status, status)] = cast(int, number)
        return counts

    def reasons(self, status: Status) -> list[tuple[str, str, int]]:
        """(stage, reason, how many) of the dropped or failed items, the most frequent first."""
        found = self.rows(
            "SELECT stage, reason, count(*) AS n FROM items WHERE status = ? GROUP BY stage, reason "
            "ORDER BY n DESC, stage, reason",
            (status,),
        )
        return [(str(stage), str(reason), cast(int, number)) for stage, reason, number in found]

    def losses(self) -> list[tuple[str, str, int]]:
        """(stage, reason, how many) of the parts that records lost, the most frequent first."""
        found = self.rows(
            "SELECT stage, reason, count(*) AS n FROM losses GROUP BY stage, reason ORDER BY n DESC, stage, reason"
        )
        return [(str(stage), str(reason), cast(int, number)) for stage, reason, number in found]

    def tallies(self) -> dict[str, dict[str, int]]:
        """What the done records count for, by stage and name; records of an older version count for nothing."""
        found: dict[str, dict[str, int]] = {}
        if self._version < _TALLIED:
            return found
        for stage, name, number in self.rows(
            "SELECT stage, name, sum(number) FROM items CROSS JOIN tallies USING (stage, id) WHERE status = 'done' "
            "GROUP BY stage, name ORDER BY stage, name"
        ):
            found.setdefault(str(stage), {})[str(name)] = cast(int, number)
        return found

    def begun(self, stage: str) -> list[tuple[str, float]]:
        """The items of a stage that are begun and not ended, with the time of that (seconds since 1970), oldest first.

        What a killed process left is not in flight.
        """
        if self._version < _NOTED or not holder_lives(self.folder):
            return []
        found = self.rows("SELECT id, begun FROM in_flight WHERE stage = ? ORDER BY begun, id", (stage,))
        return [(str(id), cast(float, begun)) for id, begun in found]

    def ids_sha256(self, stage: str) -> str:
        """SHA-256 over the sorted ids and content hashes of the done records (`id`, tab, hash, newline each)."""
        return self._sha256_of(stage, "hash")

    def makings_sha256(self, stage: str) -> str:
        """The same with the seconds that each record took: another one, too, where a record was made again alike."""
        return self._sha256_of(stage, "hash || char(9) || seconds")

    def _sha256_of(self, stage: str, what: str) -> str:
        digest = hashlib.sha256()
        after = ""
        sql = f"SELECT id, {what} FROM items WHERE stage = ? AND status = 'done' AND id > ? ORDER BY id LIMIT 5000"
        while page := self.rows(sql, (stage, after)):
            digest.update("".join(f"{id}\t{value}\n" for id, value in page).encode())
            after = str(page[-1][0])
        return digest.hexdigest()

    def damage(
        self, ignored: dict[str, tuple[str, ...]], checked: Callable[[int], None] = lambda number: None
    ) -> Iterator[str]:
        """Checks the file, every payload against its hash and every recorded call; a line for each thing found wrong.

        Args:
            ignored: By stage, the keys of a payload that its hash leaves out.
            checked: Told how many further records were checked, now and then.
        """
        for (line,) in self.rows("PRAGMA integrity_check"):
            if line != "ok":
                yield f"{self.path}: {line}"
        sql = (
            "SELECT seq, stage, id, hash, body FROM items LEFT JOIN payloads USING (seq) "
            "WHERE status = 'done' AND seq > ? ORDER BY seq LIMIT 100"
        )
        last: object = 0
        while page := self.rows(sql, (last,)):
            for _, stage, id, hash, body in page:
                if not _is_whole(cast("bytes | None", body), str(hash), ignored.get(str(stage), ())):
                    yield f"the {stage} record {id} does not match its content hash"
            last = page[-1][0]
            checked(len(page))
        key: object = ""
        while page := self.rows("SELECT key, body FROM transitions WHERE key > ? ORDER BY key LIMIT 1000", (key,)):
            for key, body in page:
                if not _unpacks(cast(bytes, body)):
                    yield f"the recorded call {key} is damaged"
        orphans = self.rows("SELECT count(*) FROM payloads WHERE seq NOT IN (SELECT seq FROM items)")[0][0]
        if orphans:
            yield f"{orphans} payloads belong to no record"


def _is_whole(body: bytes | None, hash: str, ignored: tuple[str, ...]) -> bool:
    if body is None:
        return False
    try:
        return content_hash(zlib.decompress(body), ignored) == hash
    except (zlib.error, ValueError):
        return False


def _unpacks(body: bytes) -> bool:
    try:
        zlib.decompress(body)
    except zlib.error:
        return False
    return True


def _item(row: tuple[object, ...]) -> Item:
    return Item(*row)  # type: ignore[arg-type]


def _connect(path: Path) -> sqlite3.Connection:
    address = f"file:{quote(str(path.absolute()))}"
    connection = sqlite3.connect(f"{address}?mode=ro", uri=True, check_same_thread=False, timeout=30.0)
    try:
        connection.execute("SELECT 1 FROM sqlite_master")
    except sqlite3.OperationalError:
        connection.close()
        if path.with_name(path.name + "-wal").exists():
            raise
        # A read-only folder without a log: nobody writes, and SQLite cannot make the log's index there.
        return sqlite3.connect(f"{address}?immutable=1", uri=True, check_same_thread=False)
    return connection
