import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from synthtools.errors import RunError
from synthtools.runs.item import Item, Loss, Outcome, content_hash
from synthtools.runs.reader import STORE_NAME, StoreReader
from synthtools.runs.schema import APPLICATION_ID, SCHEMA_VERSION
from synthtools.runs.store import Store


def done(item: Item, payload: bytes = b'{"a":1}', **more: object) -> Outcome:
    return Outcome(item, "done", payload, content_hash(payload), **more)  # type: ignore[arg-type]


def test_a_record_comes_back_as_it_was_with_its_children_planned(tmp_path: Path) -> None:
    with Store(tmp_path / "run", create=True) as store:
        parent = Item("env-generation", "x_spec_001", field="x")
        store.plan([parent])
        store.put(done(parent, b'{"b":2,"a":1}', children=[Item("env-audit", "x_spec_001", "x_spec_001", 0, "x")]))
        store.put(done(parent, b'{"b":2,"a":1}', losses=[Loss("tool:A", "not certified")]))
    reader = StoreReader(tmp_path / "run")
    assert reader.payload("env-generation", "x_spec_001") == b'{"b":2,"a":1}'
    assert [item.id for item in reader.each("env-audit", "todo")] == ["x_spec_001"]
    assert reader.counts() == {"env-generation": {"done": 1}, "env-audit": {"todo": 1}}
    assert reader.losses() == [("env-generation", "not certified", 1)]


def test_the_content_hash_ignores_the_order_of_keys_and_what_is_no_result() -> None:
    assert content_hash(b'{"a":1,"b":2}') == content_hash(b'{"b":2,"a":1}')
    assert content_hash(b'{"a":1,"usage":{"calls":3}}', ("usage",)) == content_hash(b'{"a":1}')
    assert content_hash(b'{"a":1}') != content_hash(b'{"a":1.0}')


def test_ids_sha256_depends_on_ids_and_contents_of_done_records_only(tmp_path: Path) -> None:
    hashes: list[str] = []
    for folder, order in (("one", ("a", "b")), ("two", ("b", "a"))):
        with Store(tmp_path / folder, create=True) as store:
            store.plan([Item("s", "c")])
            for id in order:
                store.put(done(Item("s", id)))
            hashes.append(store.ids_sha256("s"))
            store.put(done(Item("s", "b"), b'{"a":2}'))
            assert store.ids_sha256("s") != hashes[-1]
    assert hashes[0] == hashes[1]


def test_iterating_a_long_stage_gives_every_item_once_in_order(tmp_path: Path) -> None:
    with Store(tmp_path / "run", create=True) as store:
        store.plan([Item("s", f"{number:04d}") for number in range(1050)])
        assert [item.id for item in store.each("s", "todo")] == [f"{number:04d}" for number in range(1050)]


def test_what_is_done_again_in_vain_keeps_its_record(tmp_path: Path) -> None:
    with Store(tmp_path / "run", create=True) as store:
        item = Item("task-audit", "t")
        store.put(done(item))
        assert store.redo("task-audit") == 1
        store.put(Outcome(item, "dropped", reason="leaks"))
        assert store.payload("task-audit", "t") == b'{"a":1}'
        assert store.counts() == {"task-audit": {"done": 1}}
        assert store.losses() == [("task-audit", "leaks", 1)]


def test_a_record_replaced_by_another_has_its_children_done_again(tmp_path: Path) -> None:
    with Store(tmp_path / "run", create=True) as store:
        task, rollout = Item("task-audit", "t"), Item("trajectory-generation", "t#0", "t")
        store.put(done(task, children=[rollout]))
        store.put(done(rollout))
        store.put(done(task, children=[rollout]))
        assert store.counts()["trajectory-generation"] == {"done": 1}
        store.put(done(task, b'{"a":2}', children=[rollout]))
        assert store.counts()["trajectory-generation"] == {"todo": 1}


def test_failed_items_are_tried_again_only_when_asked(tmp_path: Path) -> None:
    with Store(tmp_path / "run", create=True) as store:
        store.put(Outcome(Item("s", "a"), "failed", reason="parse"))
        store.put(Outcome(Item("s", "b"), "failed", reason="provider"))
        store.put(Outcome(Item("s", "c"), "dropped", reason="dull"))
        assert store.items("s", "todo") == []
        assert store.reopen_failed(["s"]) == 2
        assert [(item.id, item.tries) for item in store.items("s", "todo")] == [("a", 1), ("b", 0)]


def test_a_run_in_use_is_refused_with_the_holder(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from synthtools.runs.store import Store\n"
        "s = Store(pathlib.Path(sys.argv[1]), create=True); print('held', flush=True); sys.stdin.read(); s.close()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdin is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunError, match=f"in use by process {other.pid}"):
            Store(tmp_path / "run")
        StoreReader(tmp_path / "run").close()
        other.kill()
    with Store(tmp_path / "run"):
        pass


def test_a_newer_run_another_database_and_a_damaged_file_are_refused(tmp_path: Path) -> None:
    for folder in ("newer", "other", "noise"):
        (tmp_path / folder).mkdir()
    with sqlite3.connect(tmp_path / "newer" / STORE_NAME) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with sqlite3.connect(tmp_path / "other" / STORE_NAME) as connection:
        connection.execute("CREATE TABLE t (a)")
    (tmp_path / "noise" / STORE_NAME).write_bytes(b"no database at all, only words" * 100)
    for folder, words in (("newer", "newer SynthTools"), ("other", "not a SynthTools run"), ("noise", "damaged")):
        with pytest.raises(RunError, match=words):
            Store(tmp_path / folder)
        with pytest.raises(RunError, match=words):
            StoreReader(tmp_path / folder)


def test_a_folder_that_holds_something_else_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RunError, match=r"is no run \(it holds thesis.txt\)"):
        Store(tmp_path, create=True)
    with pytest.raises(RunError, match="no run at"):
        Store(tmp_path / "absent")
    with pytest.raises(RunError, match="no folder"):
        Store(tmp_path / "thesis.txt", create=True)


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path) -> None:
    with Store(tmp_path / "run", create=True) as store:
        store.put(done(Item("s", "a")))
        store.write(lambda connection: connection.execute("PRAGMA max_page_count = 1"))
        big = b'"' + os.urandom(200_000).hex().encode() + b'"'
        with pytest.raises(RunError, match="disk full"):
            store.put(done(Item("s", "b"), big))
        assert store.counts() == {"s": {"done": 1}}
    with Store(tmp_path / "run") as store:
        store.put(done(Item("s", "b"), big))
        assert list(store.damage({})) == []


def test_damage_is_found_and_named(tmp_path: Path) -> None:
    with Store(tmp_path / "run", create=True) as store:
        for id in "abc":
            store.put(done(Item("s", id)))
        store.write(lambda connection: connection.execute("UPDATE payloads SET body = x'00' WHERE seq = 2"))
        assert list(store.damage({})) == ["the s record b does not match its content hash"]
        with pytest.raises(RunError, match=r"the s record b .* is damaged"):
            store.payload("s", "b")


def test_an_operation_that_fails_loses_only_itself(tmp_path: Path) -> None:
    with Store(tmp_path / "run", create=True) as store:
        first = store.submit(lambda connection: connection.execute("INSERT INTO meta VALUES ('a', '1')"))
        wrong = store.submit(lambda connection: connection.execute("INSERT INTO meta VALUES ('a', '2')"))
        last = store.submit(lambda connection: connection.execute("INSERT INTO meta VALUES ('b', '3')"))
        first.result(), last.result()
        with pytest.raises(RunError, match="UNIQUE"):
            wrong.result()
        assert (store.meta("a"), store.meta("b")) == ("1", "3")


def test_a_run_of_the_version_before_gets_what_it_lacks(tmp_path: Path) -> None:
    Store(tmp_path / "run", create=True).close()
    with sqlite3.connect(tmp_path / "run" / STORE_NAME) as connection:
        # as the fourth version left its files, but for the index, which only runs on Ray had
        connection.executescript("DROP TABLE in_flight; PRAGMA user_version = 4;")
    reader = StoreReader(tmp_path / "run")
    assert reader.begun("env-audit") == []
    reader.close()
    with Store(tmp_path / "run") as store:
        assert store.begun("env-audit") == []
        assert store.rows("PRAGMA index_list(transitions)")[0][1] == "transitions_by_tool"
        assert store.rows("PRAGMA user_version") == [(SCHEMA_VERSION,)]
