"""Whole runs on the workers of a real Ray cluster, over a real socket. Skipped where Ray is not installed."""

import importlib
import importlib.util
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from synthtools.backends.scripted import script_named
from synthtools.backends.scripted_server import ScriptedServer, serve
from synthtools.runs.ray.cluster import reached
from synthtools.runs.run import open_run
from tests.cli.shared import error_of, invoke
from tests.e2e.shared import SMALL, command, hashes

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
RAY = ("--executor", "ray", "--set", "run.ray_workers=2")
FEW = (*SMALL, "--set", "profile.sequences=3")


class Whole(NamedTuple):
    """A finished local run of all stages, and what it took."""

    folder: Path
    requests: int
    tokens: int


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole") / "run"
    with serve(script_named("library")) as server:
        result = invoke("run", "--run", folder, *field(server), *FEW)
        assert result.exit_code == 0, result.stderr
        with open_run(folder) as run:
            usage = run.status().usage
        return Whole(folder, len(server.requests), usage.prompt_tokens + usage.completion_tokens)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster on loopback that this process is connected to: commands run in it use it."""
    with reached(None, 2):
        yield str(importlib.import_module("ray").get_runtime_context().gcs_address)


def field(server: ScriptedServer) -> tuple[str, ...]:
    return ("--field", "Bicycle rental", "--model", "openai/library", "--api-base", server.url)


@needs_ray
@pytest.mark.slow
def test_a_killed_worker_loses_nothing(whole: Whole, cluster: str, tmp_path: Path) -> None:
    concurrency = 4
    killed: list[int] = []

    def kill_one(number: int) -> None:
        if number == whole.requests // 2:
            killed.append(workers()[0])
            os.kill(killed[0], signal.SIGKILL)

    with serve(script_named("library"), latency=0.002, faults=kill_one) as server:
        run = tmp_path / "run"
        result = invoke("run", "--run", run, *field(server), *FEW, *RAY, "--concurrency", str(concurrency))
        assert result.exit_code == 0, result.stderr
        asked = len(server.requests)
    assert len(killed) == 1
    assert hashes(run) == hashes(whole.folder)
    assert whole.requests <= asked <= whole.requests + 2 * concurrency


@needs_ray
@pytest.mark.slow
def test_a_run_that_goes_on_elsewhere_after_each_budget_repeats_nothing(
    whole: Whole, cluster: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    concurrency = 4
    with serve(script_named("library")) as server:
        for budget, executor in (
            (whole.tokens // 4, ()),
            (whole.tokens // 2, RAY),
            (whole.tokens, ("--executor", "local")),
        ):
            more = ("--budget-tokens", str(budget + 1), "--concurrency", str(concurrency), *executor)
            result = invoke("run", "--run", run, *field(server), *FEW, *more)
            assert result.exit_code == 0, result.stderr
            with open_run(run) as opened:
                spent = opened.status().usage.prompt_tokens + opened.status().usage.completion_tokens
            assert ("is spent" in result.stderr) == (spent > budget)
        assert len(server.requests) == whole.requests
    assert hashes(run) == hashes(whole.folder)


@needs_ray
@pytest.mark.slow
def test_an_interrupt_finishes_what_is_in_flight(whole: Whole, cluster: str, tmp_path: Path) -> None:
    begun = threading.Event()
    with serve(
        script_named("library"), faults=lambda number: begun.set() if number == whole.requests // 2 else None
    ) as server:
        # A group of its own, since a terminal interrupts the whole group and workers must not be ended by that.
        with subprocess.Popen(
            command("run", "--run", tmp_path / "run", *field(server), *FEW, *RAY, "--ray-address", cluster),
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            assert begun.wait(120)
            os.killpg(process.pid, signal.SIGINT)
            _, said = process.communicate(timeout=60)
        assert process.returncode == 130, said
        assert "interrupted: the same command resumes" in said
        assert "Traceback" not in said
        resumed = invoke("run", "--run", tmp_path / "run", "--executor", "local")
        assert resumed.exit_code == 0, resumed.stderr
        assert len(server.requests) == whole.requests
    assert hashes(tmp_path / "run") == hashes(whole.folder)


@needs_ray
def test_the_cluster_of_the_documentation_is_one_that_ray_takes() -> None:
    launcher = importlib.import_module("ray.autoscaler._private.util")
    given = yaml.safe_load((Path(__file__).parents[2] / "docs" / "ray-cluster.yaml").read_text(encoding="utf-8"))
    launcher.validate_config(launcher.prepare_config(given))


def test_without_ray_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    result = invoke("run", "--run", tmp_path / "run", "--field", "Bikes", "--model", "scripted/library", *RAY)
    assert result.exit_code == 2
    assert "pip install 'synthtools[ray]'" in error_of(result)


def test_an_address_is_for_ray_only(tmp_path: Path) -> None:
    result = invoke("run", "--run", tmp_path / "run", "--field", "Bikes", "--ray-address", "127.0.0.1:6379")
    assert result.exit_code == 2
    assert "--ray-address is for --executor ray" in error_of(result)


def workers() -> list[int]:
    """The processes of the workers of this process's cluster."""
    parents: dict[int, int] = {}
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(path.name)] = int(path.joinpath("stat").read_text().rpartition(")")[2].split()[1])
            name = path.joinpath("cmdline").read_bytes()
        except OSError:  # it has just ended
            continue
        if name.startswith(b"ray::Worker"):
            found.append(int(path.name))
    return sorted(pid for pid in found if parents.get(parents[pid]) == os.getpid())
