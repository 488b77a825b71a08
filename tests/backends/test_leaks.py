"""Two thousand calls that fail, hang or are cancelled leave no task, thread, socket, process or place behind."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from synthtools.backends.scripted_server import Fault, serve
from tests.backends import failing_calls
from tests.backends.shared import ECHO

CALLS = 2000
FAULTS = {
    failing_calls.RESET: Fault(reset=True),
    failing_calls.HALF: Fault(half=True),
    failing_calls.FAILS: Fault(status=500),
    failing_calls.BUSY: Fault(status=429),
    failing_calls.REFUSED: Fault(status=401),
    failing_calls.NO_JSON: Fault(body="<html>Bad gateway</html>"),
}


def left_by(prefix: str) -> dict[str, Any]:
    """What the calls leave in a process of their own."""
    bodies: list[dict[str, Any]] = []

    def kind(number: int) -> int:
        return int(bodies[number]["seed"]) % failing_calls.KINDS

    with serve(
        ECHO,
        latency=lambda: 3600.0 if kind(-1) == failing_calls.HANGS else 0.0,
        faults=lambda number: FAULTS.get(kind(number)),
    ) as server:
        bodies = cast("list[dict[str, Any]]", server.requests)
        command = [sys.executable, "-m", "tests.backends.failing_calls", prefix, server.url, "--calls", str(CALLS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        assert "never retrieved" not in done.stderr
        server.idle.wait(60)
        assert server.in_flight == 0
    return cast("dict[str, Any]", json.loads(done.stdout))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="what is open is read from /proc")
@pytest.mark.parametrize("prefix", ["direct", pytest.param("hosted_vllm", marks=pytest.mark.slow)])
def test_two_thousand_failing_and_hanging_calls_leave_nothing(prefix: str) -> None:
    left = left_by(prefix)
    outcomes = left["outcomes"]
    assert sum(outcomes.values()) == CALLS
    assert outcomes["CancelledError"] == CALLS // 4
    assert set(outcomes) <= {"ProviderError", "ModelUnreachable", "CancelledError"}
    assert all(left["after"][name] <= left["before"][name] for name in ("threads", "sockets", "processes")), left
    assert (left["tasks"], left["in_flight"]) == ([], 0)
    assert set(left["free"]) == {failing_calls.IN_FLIGHT}
    assert set(left["next"]) == {"ok"}
