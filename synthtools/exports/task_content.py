"""The files of a corpus: `task_content.jsonl`, and beside it `task_worlds.jsonl` and `task_certificates.jsonl`.

A row of `task_content.jsonl` is all that an agent may see. What is needed to run and verify a task stands beside it:
worlds once an environment version, addressed by their content, and certificates by task id. Reading resolves both;
without them a task is still a task, whose world an LLM serves.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from synthtools.errors import DataError
from synthtools.exports.lines import JsonLines, Whole, beside
from synthtools.types.call import Transition
from synthtools.types.record import Json, JsonObject
from synthtools.types.task import Certificate, Task, TaskWorld
from synthtools.types.verdict import VerifyPolicy

CONTENT, WORLDS, CERTIFICATES = "task_content", "task_worlds", "task_certificates"

_CERTIFICATE_KEYS = frozenset({"id", "world", "policy", "gold", "provenance", *Certificate.model_fields})
_WORLDS_HELD = 64


class CorpusFiles(NamedTuple):
    """Where a corpus was written, and how much of it."""

    content: Path
    worlds: Path
    certificates: Path
    tasks: int
    distinct_worlds: int


def read_tasks(path: str | Path) -> Iterator[Task]:
    """The tasks of a `task_content.jsonl` (or `.jsonl.gz`), with the worlds and certificates that are beside it.

    Of rows with one id the last wins. The file is read as a stream: memory holds the position of each id, not the rows.

    Raises: DataError naming file, line and field, and what would be right: at once for a missing file, a line that is
        no JSON and a row without an id, and when its task is reached for any other malformed row.
    """
    with ExitStack() as opened:
        rows = opened.enter_context(JsonLines(path))
        ids = rows.index("id")
        return _tasks(rows, ids, opened.pop_all())


def _tasks(rows: JsonLines, ids: list[str], opened: ExitStack) -> Iterator[Task]:
    with opened:
        proofs = _Beside(rows.path, opened)
        for id in ids:
            found = rows.get(id)
            assert found is not None  # the index has just named it
            line, row = found
            try:
                task = Task.from_row(row)
            except DataError as error:
                raise DataError(f"{rows.where(line)}: {error}") from error
            yield proofs.resolved(task)


class _Beside:
    """The worlds and certificates beside a corpus, by the positions of their rows; `opened` closes their files."""

    def __init__(self, path: Path, opened: ExitStack) -> None:
        self._opened = opened
        self._certificates = self._indexed(path, CERTIFICATES, "id")
        self._worlds = self._indexed(path, WORLDS, "hash")
        self._world = lru_cache(_WORLDS_HELD)(self._read_world)

    def _indexed(self, path: Path, name: str, key: str) -> JsonLines | None:
        found = beside(path, name)
        if found is None:
            return None
        lines = self._opened.enter_context(JsonLines(found))
        lines.index(key)
        return lines

    def resolved(self, task: Task) -> Task:
        found = self._certificates.get(task.id) if self._certificates else None
        if found is None or self._certificates is None:
            return task
        line, row = found
        where = self._certificates.where(line)
        unknown = sorted(row.keys() - _CERTIFICATE_KEYS)
        if unknown:
            raise DataError(f"{where}: unknown key {unknown[0]!r}")
        update: dict[str, object] = {"provenance": {**task.provenance, **_object(row, "provenance", where)}}
        if "grade" in row:
            fields = {key: row[key] for key in Certificate.model_fields if key in row}
            update["certificate"] = Certificate.from_json(fields, where)
        if "policy" in row:
            update["policy"] = VerifyPolicy.from_json(_object(row, "policy", where), f"{where}: policy")
        update["gold"] = _transitions(row, where)
        world = row.get("world")
        if isinstance(world, str):
            update["world"] = self._world(world)
        return task.model_copy(update=update)

    def _read_world(self, hash: str) -> TaskWorld | None:
        found = self._worlds.get(hash) if self._worlds else None
        if found is None or self._worlds is None:
            return None
        line, row = found
        where = self._worlds.where(line)
        world = TaskWorld.from_json({key: value for key, value in row.items() if key != "hash"}, where)
        if world.hash != hash:
            raise DataError(f"{where}: hash: the content is not that of {hash[:16]}...; the row was changed or damaged")
        return world


def write_corpus(tasks: Iterable[Task], folder: str | Path) -> CorpusFiles:
    """Writes the three files of a corpus into a folder, replacing what was there only when all of it is written.

    Raises: RunError, when writing fails; StateError, when a state cannot be written as JSON.
    """
    targets = tuple(Path(folder) / f"{name}.jsonl" for name in (WORLDS, CERTIFICATES, CONTENT))
    worlds, certificates, content = targets
    seen: set[str] = set()
    count = 0
    with Whole(*targets) as out:
        for task in tasks:
            if task.world is not None and task.world.hash not in seen:
                seen.add(task.world.hash)
                out.write(worlds, {"hash": task.world.hash, **task.world.to_json()})
            out.write(certificates, certificate_row(task))
            out.write_json(content, task.row_json())
            count += 1
    return CorpusFiles(content, worlds, certificates, count, len(seen))


def certificate_row(task: Task) -> JsonObject:
    """What stands beside a task's row: its world's hash, its certificate, policy, gold transitions and provenance."""
    row: JsonObject = {"id": task.id}
    if task.world is not None:
        row["world"] = task.world.hash
    if task.certificate is not None:
        row.update(task.certificate.to_json())
    policy = task.policy.to_json()
    if policy:
        row["policy"] = policy
    if task.gold:
        row["gold"] = [transition.to_json() for transition in task.gold]
    if task.provenance:
        row["provenance"] = task.provenance
    return row


def _transitions(row: JsonObject, where: str) -> tuple[Transition, ...]:
    rows: Json = row.get("gold", [])
    if not isinstance(rows, list):
        raise DataError(f"{where}: gold: expected a list of transitions")
    found: list[Transition] = []
    for index, value in enumerate(rows):
        if not isinstance(value, dict):
            raise DataError(f"{where}: gold[{index}]: expected an object")
        found.append(Transition.from_json(value, f"{where}: gold[{index}]"))
    return tuple(found)


def _object(row: JsonObject, key: str, where: str) -> JsonObject:
    value = row.get(key, {})
    if not isinstance(value, dict):
        raise DataError(f"{where}: {key}: expected an object")
    return value
