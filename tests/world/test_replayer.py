import os
import signal
from pathlib import Path

import pytest

from synthtools.errors import ReplayError
from synthtools.world.replay import fingerprint
from synthtools.world.replayer import Replayer
from tests.world.test_certificate import ASK, BOOK, call, task


@pytest.fixture
def replayer() -> object:
    made = Replayer()
    yield made
    made.beside.close()


def test_tasks_are_replayed_elsewhere_as_they_come_by_one_process(replayer: Replayer) -> None:
    assert replayer.fingerprint(BOOK) == fingerprint(BOOK)
    first = replayer.beside.pid
    assert replayer.fingerprint(task("x", call("Nope"))).startswith("error: ")
    assert replayer.fingerprint(ASK) == fingerprint(ASK)
    assert replayer.beside.pid == first is not None


def test_a_process_that_was_killed_is_replaced(replayer: Replayer) -> None:
    replayer.fingerprint(BOOK)
    pid = replayer.beside.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert replayer.fingerprint(BOOK) == fingerprint(BOOK)


def test_a_process_that_cannot_run_is_an_error_with_what_it_said(
    replayer: Replayer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\nsys.stderr.write('no room')\nsys.stderr.flush()\nos._exit(3)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ReplayError, match="no room"):
        replayer.fingerprint(BOOK)


def test_each_task_has_a_fresh_process(replayer: Replayer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os\n"
        f"write = lambda: open({str(tmp_path / 'forks')!r}, 'a').write('one ')\n"
        "os.register_at_fork(after_in_child=write)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert [replayer.fingerprint(one) for one in (BOOK, ASK, BOOK)] == [fingerprint(one) for one in (BOOK, ASK, BOOK)]
    assert (tmp_path / "forks").read_text().split() == ["one"] * 3


def test_a_task_that_takes_too_long_ends_the_process() -> None:
    replayer = Replayer(seconds=0.0)
    with pytest.raises(ReplayError, match="failed"):
        replayer.fingerprint(BOOK)
    replayer.beside.close()
