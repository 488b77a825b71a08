"""What goes wrong with a run's file is one clear line, loses nothing, and stops only what needs what is gone."""

import asyncio
import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import pytest

from synthtools.cli.corpus import write_files
from synthtools.errors import DamagedRecord, RunError
from synthtools.exports.task_content import CONTENT, write_corpus
from synthtools.runs.costs import read_costs
from synthtools.runs.executors import LocalExecutor
from synthtools.runs.item import Item, Outcome, content_hash
from synthtools.runs.journal import ItemJournal, RunLedger
from synthtools.runs.reader import STORE_NAME, StoreReader
from synthtools.runs.run import open_run
from synthtools.runs.scheduler import Limits, Scheduler, Summary
from synthtools.runs.stages import STAGES, UNHASHED
from synthtools.runs.store import Store
from synthtools.runs.transitions import RunTransitions
from synthtools.types import LedgerEntry, Response, Transition
from tests.cli.shared import PROFILE, error_of, fake_run, invoke
from tests.runs.fake_programs import FakeModel, fake_programs

ROOT = Path(__file__).parents[2]


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, 120_000))


@contextmanager
def as_anybody() -> Generator[None]:
    """Takes from this thread, where it is root's, what lets it read and write whatever the permissions."""
    libc, header, sets = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    effective = sets[0]
    sets[0] &= ~0b110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert libc.capset(header, sets) == 0
    yield
    sets[0] = effective
    assert libc.capset(header, sets) == 0


def work_on(folder: Path) -> Summary:
    with Store(folder) as store:
        executor = LocalExecutor(store, RunLedger(store), fake_programs(FakeModel()))
        scheduler = Scheduler(store, executor, tuple(STAGES.values()), PROFILE, Limits(concurrency=4))
        return asyncio.run(scheduler.run())


def check(folder: Path) -> list[str]:
    reader = StoreReader(folder)
    try:
        return list(reader.damage(UNHASHED))
    finally:
        reader.close()


def flip(store: Store, stage: str, id: str) -> bytes:
    """Changes a byte in the middle of a record; returns what stood there."""
    where = "WHERE seq = (SELECT seq FROM items WHERE stage = ? AND id = ?)"
    ((body,),) = store.rows(f"SELECT body FROM payloads {where}", (stage, id))
    assert isinstance(body, bytes)
    middle = len(body) // 2
    put_back(store, stage, id, body[:middle] + bytes([body[middle] ^ 0xFF]) + body[middle + 1 :])
    return body


def put_back(store: Store, stage: str, id: str, body: bytes) -> None:
    sql = "UPDATE payloads SET body = ? WHERE seq = (SELECT seq FROM items WHERE stage = ? AND id = ?)"
    store.write(lambda connection: connection.execute(sql, (body, stage, id)))


def test_a_disk_that_fills_up_ends_a_run_with_one_line_and_the_rest_is_done_later(tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = ("run", "--run", run, "--model", "scripted/schema", "--profile", "small", "--field", "Bikes")
    limited = [sys.executable, "-c", "from synthtools.cli import app; app()", *map(str, command)]
    ended = subprocess.run(limited, check=False, capture_output=True, text=True, preexec_fn=small_files)
    (said,) = ended.stderr.splitlines()
    assert (ended.returncode, said.startswith("error: "), "everything committed is kept" in said) == (2, True, True)
    assert check(run) == []
    reader = StoreReader(run)
    kept = {item.id: reader.hash_of("scenarios", item.id) for item in reader.each("scenarios")}
    reader.close()
    assert invoke(*command).exit_code in (0, 1)
    assert check(run) == []
    reader = StoreReader(run)
    assert kept == {id: reader.hash_of("scenarios", id) for id in kept}
    reader.close()


def test_a_disk_that_fills_up_under_the_corpus_leaves_the_old_one_and_the_next_command_writes_it(
    tmp_path: Path,
) -> None:
    run = fake_run(tmp_path / "run")
    stages = tuple(STAGES.values())
    written = {path.name: path.read_bytes() for path in write_files(run, stages)}
    with Store(run) as store:
        store.redo("task-audit")
    work_on(run)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open_run(run):  # the index of SQLite's log is there before the files may not grow
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            with pytest.raises(RunError, match=r"cannot write .*: File too large; files that were there are unchanged"):
                write_files(run, stages)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {name: (run / name).read_bytes() for name in written} == written
    assert [path.name for path in run.iterdir() if path.name.endswith(".part")] == []
    assert next(iter(write_files(run, stages))).name == f"{CONTENT}.jsonl"
    assert write_files(run, stages) == []


def test_after_an_error_of_the_file_nothing_later_is_written_without_what_was_before(tmp_path: Path) -> None:
    with Store(tmp_path / "run", create=True) as store:
        store.write(lambda connection: connection.execute("PRAGMA max_page_count = 1"))
        with pytest.raises(RunError, match="disk full"):
            big = b'"' + os.urandom(200_000).hex().encode() + b'"'
            store.put(Outcome(Item("s", "a"), "done", big, content_hash(big)))
        with pytest.raises(RunError, match="disk full"):
            store.set_meta("later", "1")
    with Store(tmp_path / "run") as store:
        assert (store.counts(), store.meta("later")) == ({}, None)
        store.set_meta("later", "1")


def test_a_file_and_a_folder_that_may_not_be_written_are_read(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run")
    command = ("env-audit", "--run", run, "--model", "scripted/schema", "--profile", "small")
    for path, mode in ((run / STORE_NAME, 0o444), (run, 0o555)):
        os.chmod(path, mode)
        with as_anybody():
            refused, read = invoke(*command), invoke("status", "--run", run)
        assert (refused.exit_code, "cannot be written" in error_of(refused), read.exit_code) == (2, True, 0)
    os.chmod(run / STORE_NAME, 0)
    with as_anybody():
        refused = invoke("status", "--run", run)
    os.chmod(run, 0o755)
    os.chmod(run / STORE_NAME, 0o644)
    assert (refused.exit_code, "cannot be opened" in error_of(refused)) == (2, True)
    assert check(run) == []


@pytest.mark.parametrize("share", [0.0005, 0.01, 0.3, 0.75])
def test_a_file_that_was_cut_is_damaged_whoever_opens_it(tmp_path: Path, share: float) -> None:
    path = fake_run(tmp_path / "run") / STORE_NAME
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    for opened in (StoreReader, Store):
        with pytest.raises(RunError, match=r"is damaged \(.*\): restore it from a copy"):
            opened(tmp_path / "run")


def test_a_file_that_lost_its_last_bytes_does_not_pass_the_check(tmp_path: Path) -> None:
    path = fake_run(tmp_path / "run") / STORE_NAME
    path.write_bytes(path.read_bytes()[:-10])
    assert invoke("status", "--run", tmp_path / "run", "--check").exit_code == 2


def test_a_damaged_record_fails_what_is_made_from_it_and_nothing_else(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run")
    with Store(run) as store:
        before = {stage: store.ids_sha256(stage) for stage in STAGES}
        store.redo("task-generation")
        body = flip(store, "env-audit", "bikes_spec_001")
        assert check(run) == ["the env-audit record bikes_spec_001 does not match its content hash"]
    summary = work_on(run)
    assert (summary.ending, summary.done, summary.failed) == ("finished", 6, 2)
    with Store(run) as store:
        notes = store.losses()
        assert notes == [("task-generation", "task", 2)]
        ((detail,), _) = store.rows("SELECT detail FROM losses")
        assert "the env-audit record bikes_spec_001" in str(detail) and "is damaged" in str(detail)
        put_back(store, "env-audit", "bikes_spec_001", body)
        store.redo("task-generation")
    work_on(run)
    with Store(run) as store:
        assert {stage: store.ids_sha256(stage) for stage in STAGES} == before
    assert check(run) == []


def test_a_damaged_task_leaves_the_corpus_as_it_was(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run")
    with open_run(run) as opened:
        write_corpus(opened.tasks(), run)
    content = (run / f"{CONTENT}.jsonl").read_bytes()
    with Store(run) as store:
        flip(store, "task-audit", "bikes_spec_002_seq01")
    with open_run(run) as opened, pytest.raises(DamagedRecord, match="task-audit record bikes_spec_002_seq01"):
        write_corpus(opened.tasks(), run)
    assert (run / f"{CONTENT}.jsonl").read_bytes() == content
    assert [path.name for path in run.iterdir() if path.name.endswith(".part")] == []


def test_a_damaged_answer_and_a_damaged_call_are_told(tmp_path: Path) -> None:
    with Store(tmp_path / "run", create=True) as store:
        journal = ItemJournal(store, Item("env-audit", "a"))
        journal.put("k", {"text": "yes"})
        call = Transition(
            tool="AddLoan", tool_version="1", arguments={}, reads_hash="", now="", response=Response(status_code=200)
        )
        RunTransitions(store).put("key", call)
        store.write(lambda connection: connection.execute("UPDATE journal SET answer = x'00'"))
        store.write(lambda connection: connection.execute("UPDATE transitions SET body = x'00'"))
        with pytest.raises(DamagedRecord, match="--retry-failed"):
            journal.get("k")
        with pytest.raises(DamagedRecord, match="--check"):
            RunTransitions(store).get("key")
        assert list(store.damage({})) == ["the recorded call key is damaged"]


def test_a_clock_that_jumps_changes_no_result_and_no_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steady = fake_run(tmp_path / "steady")
    jumps = cycle((0.0, 86_400.0, -86_400.0, 3_600.0, -7_200.0))
    real = time.time
    monkeypatch.setattr("time.time", lambda: real() + next(jumps))
    run = fake_run(tmp_path / "run")
    one, other = StoreReader(steady), StoreReader(run)
    assert {stage: one.ids_sha256(stage) for stage in STAGES} == {stage: other.ids_sha256(stage) for stage in STAGES}
    one.close()
    other.close()
    with Store(run) as store:
        ledger = RunLedger(store)
        for _ in range(5):
            ledger.write(LedgerEntry(stage="env-audit", item="a", role="r", model="m", seconds=2.0))
        store.set_meta("all", "written")
        found = read_costs(store)
    assert found.seconds == pytest.approx(10.0, abs=1.0)
    assert found.calls_per_second > 0


def test_processes_that_begin_one_run_together_make_it_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.runs.killed_run", tmp_path / "run", tmp_path / "asked", "4", "-1"]
    together = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate()[1] for process in together]
    assert 0 in {process.returncode for process in together}
    for process, error in zip(together, said, strict=True):
        assert process.returncode == 0 or "is in use by" in error.splitlines()[-1]
    asked = (tmp_path / "asked").read_text().splitlines()
    assert len(asked) == len(set(asked))
    assert check(tmp_path / "run") == []
    with Store(tmp_path / "run") as store:
        assert {status for of in store.counts().values() for status in of} == {"done"}


def test_a_lock_file_that_nobody_holds_is_no_lock(tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run")
    for left in ("4194304", "no number", ""):
        (run / "run.lock").write_text(left)
        with Store(run):
            assert (run / "run.lock").read_text() == str(os.getpid())


def test_what_a_killed_process_left_is_read_where_nothing_may_be_written(tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-m", "tests.runs.killed_run", run, tmp_path / "log", "1", "9"]
    assert subprocess.run(command, cwd=ROOT).returncode == -signal.SIGKILL
    os.chmod(run, 0o555)
    with as_anybody():
        assert invoke("status", "--run", run).exit_code == 0
    (run / f"{STORE_NAME}-shm").unlink()
    with as_anybody():
        refused = invoke("status", "--run", run)
    os.chmod(run, 0o755)
    assert (refused.exit_code, "its folder must be there, and writable" in error_of(refused)) == (2, True)
    assert invoke("status", "--run", run).exit_code == 0


def test_a_reader_sees_every_record_once_while_others_are_written(tmp_path: Path) -> None:
    payload = b'{"a":1}'
    outcomes = [Outcome(Item("s", f"{n:04d}"), "done", payload, content_hash(payload)) for n in range(900)]
    with Store(tmp_path / "run", create=True) as store:
        store.put_all(outcomes[::2])
        reader = StoreReader(tmp_path / "run")
        seen: list[str] = []
        for item in reader.each("s"):
            if not seen:
                store.put_all(outcomes[1::2])
            seen.append(item.id)
            assert reader.payload("s", item.id) == payload
        reader.close()
    assert seen == sorted(set(seen))
    assert {outcome.item.id for outcome in outcomes[::2]} <= set(seen)
