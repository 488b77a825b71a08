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


def test_what_was_replayed_before_makes_no_difference(replayer: Replayer) -> None:
    tasks = (BOOK, ASK, BOOK, ASK, ASK, BOOK)
    assert [replayer.fingerprint(one) for one in tasks] == [fingerprint(one) for one in tasks]


def test_a_task_that_takes_too_long_ends_the_process() -> None:
    replayer = Replayer(seconds=0.0)
    with pytest.raises(ReplayError, match="failed"):
        replayer.fingerprint(BOOK)
    replayer.beside.close()
