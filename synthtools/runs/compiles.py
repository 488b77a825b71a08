"""What a run keeps of its compiles: every candidate that was tried, and every answer that was scored."""

import sqlite3
import time
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar, cast

import orjson

from synthtools.runs.item import Item
from synthtools.runs.journal import Rows
from synthtools.types.record import JsonObject, Record
from synthtools.types.usage import Usage

STAGE = "optimize"
"""The stage of a compile's calls in journal and ledger; in the ledger, their item is the id of the compile."""

ANSWERS = Item(STAGE, "answers")
"""In the journal, the item of all compiles of a run: another method asks no question again that one has paid for."""

T = TypeVar("T")


class CompileStore(Rows, Protocol):
    """What the rows of a compile need of a store."""

    def submit(self, operation: Callable[[sqlite3.Connection], T]) -> "Future[T]":
        """Queues a write."""
        ...

    def write(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """Writes, and waits for the commit."""
        ...


class Evaluation(Record):
    """One answer of a candidate to a case, scored."""

    candidate: str
    case: str
    variation: str = ""
    """Other than empty where it was not asked as in use: by the teacher, or sampled anew at another temperature."""
    part: str
    """train, validation or test."""
    score: float
    reason: str
    parts: dict[str, float] = {}
    usage: Usage
    seconds: float

    @property
    def tokens(self) -> int:
        """Prompt and generated tokens."""
        return self.usage.prompt_tokens + self.usage.completion_tokens


class CompileRows:
    """The rows of one compile."""

    def __init__(self, store: CompileStore, id: str) -> None:
        self._store = store
        self.item = Item(STAGE, id)

    def begin(self, target: str, method: str, settings: JsonObject) -> None:
        """Notes that the compile exists; one that is there already stays."""
        values = (self.item.id, target, method, orjson.dumps(settings).decode(), time.time())
        self._store.write(
            lambda connection: connection.execute(
                "INSERT OR IGNORE INTO compiles (id, target, method, settings, started) VALUES (?, ?, ?, ?, ?)", values
            )
        )

    def by_other_metrics(self, settings: JsonObject) -> tuple[str, ...]:
        """Ids of the compiles that differ from this one in their metric alone, the latest first."""
        found = self._store.rows(
            "SELECT id, settings FROM compiles WHERE id != ? ORDER BY started DESC", (self.item.id,)
        )
        same = {**settings, "metric": None}
        known = ((str(id), cast(JsonObject, orjson.loads(cast(str, text)))) for id, text in found)
        return tuple(id for id, noted in known if {**noted, "metric": None} == same)

    def result(self) -> bytes | None:
        """What the compile came to; None: it has not ended."""
        found = self._store.rows("SELECT result FROM compiles WHERE id = ?", (self.item.id,))
        body = cast("bytes | None", found[0][0]) if found else None
        return None if body is None else zlib.decompress(body)

    def finish(self, result: bytes) -> None:
        """Keeps what the compile came to."""
        values = (zlib.compress(result, 1), self.item.id)
        self._store.write(lambda connection: connection.execute("UPDATE compiles SET result = ? WHERE id = ?", values))

    def candidate(self, candidate: str, position: int, parent: str, origin: str, state: bytes) -> None:
        """Keeps a candidate's state."""
        values = (self.item.id, candidate, position, parent, origin, zlib.compress(state, 1))
        self._store.submit(
            lambda connection: connection.execute(
                "INSERT OR IGNORE INTO candidates (compile, candidate, position, parent, origin, state) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                values,
            )
        )

    def descent(self, candidate: str, parent: str) -> None:
        """Corrects which candidate another one was made from."""
        values = (parent, self.item.id, candidate)
        self._store.submit(
            lambda connection: connection.execute(
                "UPDATE candidates SET parent = ? WHERE compile = ? AND candidate = ?", values
            )
        )

    def evaluation(self, one: Evaluation) -> None:
        """Keeps a scored answer; the first measurement of one stays when a killed compile is repeated."""
        values = (
            *(self.item.id, one.candidate, one.case, one.variation, one.part, one.score, one.reason),
            *(orjson.dumps(one.parts).decode(), one.usage.calls, one.usage.prompt_tokens, one.usage.completion_tokens),
            one.seconds,
        )
        self._store.submit(
            lambda connection: connection.execute(
                "INSERT OR IGNORE INTO evaluations (compile, candidate, case_id, variation, part, score, reason, "
                "parts, calls, prompt_tokens, completion_tokens, seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
        )

    def answered(self) -> dict[str, int]:
        """By part of the cases: how many the program as it was has answered. Waits for what is being written."""
        return self._store.write(
            lambda connection: dict(
                connection.execute(
                    "SELECT part, count(*) FROM evaluations JOIN candidates USING (compile, candidate) "
                    "WHERE compile = ? AND position = 0 AND variation = '' GROUP BY part",
                    (self.item.id,),
                ).fetchall()
            )
        )

    def spent(self) -> dict[str, Usage]:
        """What the compile's calls have cost over all its processes, by model."""
        found = self._store.rows(
            "SELECT model, count(*), sum(prompt_tokens), sum(cached_tokens), sum(completion_tokens) "
            "FROM ledger WHERE stage = ? AND item = ? GROUP BY model",
            self.item.key,
        )
        return {
            str(model): Usage(calls=calls, prompt_tokens=prompt, cached_tokens=cached, completion_tokens=completion)
            for model, calls, prompt, cached, completion in cast("list[tuple[str, int, int, int, int]]", found)
        }

    def seconds(self) -> dict[str, float]:
        """Mean seconds of an answer by candidate, as first measured."""
        found = self._store.rows(
            "SELECT candidate, avg(seconds) FROM evaluations WHERE compile = ? AND variation = '' GROUP BY candidate",
            (self.item.id,),
        )
        return {str(candidate): float(cast(float, mean)) for candidate, mean in found}
