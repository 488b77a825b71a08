"""A compile whose process is killed or interrupted goes on where it was, and pays no answer twice."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import orjson
import pytest

from synthtools.backends.scripted_server import ScriptedServer, serve
from synthtools.optimizers.targets import TARGETS
from synthtools.optimizers.trainsets import write_cases
from synthtools.types.record import JsonObject
from tests.cli.shared import invoke
from tests.optimizers.quiz import TARGET, Quiz, words

pytestmark = pytest.mark.slow  # processes are killed and started again

THREADS = 3


class Striker:
    """Sends a signal to a process when a server has been asked so often."""

    def __init__(self) -> None:
        self.at = 0
        self.signal = signal.SIGKILL
        self.process: subprocess.Popen[str] | None = None
        self.begun = threading.Event()
        self._asked = 0

    def __call__(self) -> float:
        """Called by the server with each request; the seconds to wait before the answer."""
        self._asked += 1
        if self._asked == self.at:
            self.begun.wait()
            assert self.process is not None
            os.kill(self.process.pid, self.signal)
        return 0.0

    def strike(self, after: int, number: signal.Signals) -> None:
        self.at, self.signal = self._asked + after, number
        self.process, self.begun = None, threading.Event()


def command(folder: Path, cases: Path, server: ScriptedServer, method: str) -> list[str]:
    return [
        *("optimize", "word-sorter", "--run", str(folder), "--cases", str(cases), "--method", method, "--json"),
        *("--model", "direct/quiz", "--api-base", server.url, "--concurrency", str(THREADS)),
        *("--candidates", "4", "--rounds", "6"),
    ]


def struck(striker: Striker, after: int, number: signal.Signals, arguments: list[str]) -> tuple[int, str, str]:
    """A process of its own that gets a signal when it has asked so often."""
    striker.strike(after, number)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.optimizers.word_sorter_cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        striker.process = process
        striker.begun.set()
        out, err = process.communicate(timeout=120)
    striker.at = -1
    return process.returncode, out, err


def finished(arguments: list[str]) -> JsonObject:
    """The program of a command that is left alone."""
    result = invoke(*arguments)
    assert result.exit_code == 0, result.stderr
    return orjson.loads(result.stdout)["program"]


def counted(server: ScriptedServer) -> Counter[bytes]:
    return Counter(orjson.dumps(body, option=orjson.OPT_SORT_KEYS) for body in server.requests)


@pytest.fixture
def case_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(TARGETS, TARGET.name, TARGET)
    write_cases(tmp_path / "cases.jsonl", [case for field in ("t", "v", "e") for case in words(field, 8)])
    return tmp_path / "cases.jsonl"


@pytest.mark.parametrize("method", ["mipro", "gepa"])
def test_a_killed_compile_goes_on_and_repeats_only_what_was_in_flight(
    tmp_path: Path, case_file: Path, method: str
) -> None:
    with serve(Quiz()) as server:
        undisturbed = finished(command(tmp_path / "whole", case_file, server, method))
        expected = counted(server)
    striker = Striker()
    with serve(Quiz(), latency=striker) as server:
        arguments = command(tmp_path / "killed", case_file, server, method)
        code, _, err = struck(striker, 2 * expected.total() // 3, signal.SIGKILL, arguments)
        assert code == -signal.SIGKILL, err
        resumed = finished(arguments)
        asked = counted(server)
    assert set(asked) == set(expected)
    assert asked.total() <= expected.total() + THREADS
    assert resumed == undisturbed


def test_an_interrupted_compile_says_how_to_go_on_and_does(tmp_path: Path, case_file: Path) -> None:
    striker = Striker()
    with serve(Quiz(), latency=striker) as server:
        arguments = command(tmp_path / "run", case_file, server, "gepa")
        code, out, err = struck(striker, 14, signal.SIGINT, arguments)
        assert code == 130, err
        told = orjson.loads(out)
        assert (told["status"], told["stopped_by"]) == ("stopped", "interrupted")
        assert told["usage"]["calls"] == counted(server).total() and told["cases_left"]["test"] == 8
        last = err.strip().splitlines()[-1]
        assert last.startswith("interrupted") and last.endswith("the same command goes on, and pays nothing twice")
        assert "Traceback" not in err
        assert finished(arguments)["scores"]
        # What was in flight was finished: nothing was asked twice.
        assert set(counted(server).values()) == {1}
