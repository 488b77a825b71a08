"""What a run keeps of compiles, and that runs from before there were any take them."""

import sqlite3
from pathlib import Path

from synthtools.runs.compiles import CompileRows, Evaluation
from synthtools.runs.reader import STORE_NAME
from synthtools.runs.schema import SCHEMA_VERSION
from synthtools.runs.store import Store
from synthtools.types.usage import Usage


def evaluation(score: float, seconds: float) -> Evaluation:
    return Evaluation(candidate="c", case="1", part="test", score=score, reason="r", usage=Usage(calls=1),
                      seconds=seconds)  # fmt: skip


def test_a_run_of_the_version_before_takes_compiles(tmp_path: Path) -> None:
    Store(tmp_path / "run", create=True).close()
    with sqlite3.connect(tmp_path / "run" / STORE_NAME) as connection:
        for table in ("compiles", "candidates", "evaluations", "in_flight"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version = 3")
    with Store(tmp_path / "run") as store:
        assert store.rows("PRAGMA user_version") == [(SCHEMA_VERSION,)]
        rows = CompileRows(store, "id")
        rows.begin("judge", "gepa", {})
        assert rows.result() is None
        rows.finish(b"{}")
        assert rows.result() == b"{}"


def test_the_first_measurement_of_an_answer_stays(tmp_path: Path) -> None:
    with Store(tmp_path / "run", create=True) as store:
        rows = CompileRows(store, "id")
        rows.evaluation(evaluation(1.0, 2.0))
        rows.evaluation(evaluation(1.0, 0.0))
        store.write(lambda connection: None)
        assert rows.seconds() == {"c": 2.0}
