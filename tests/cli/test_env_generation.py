"""A verb from the command line to a real HTTP server and back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from synthtools.backends.scripted_server import Fault, ScriptedServer, serve
from synthtools.config import read_file
from tests.cli.shared import error_of, invoke

MADE = (0, 1)
"""Exit codes of a command that ran: random data that fits every schema still fails some items."""


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serve() as running:
        yield running


def generate(run: Path, server: ScriptedServer, *more: str) -> Any:
    return invoke(
        *("env-generation", "--run", run, "--field", "Tea shops", "--model", "openai/scripted"),
        *("--api-base", server.url, "--profile", "small", "--set", "profile.tool_attempts=1", *more),
    )


def status(run: Path) -> Any:
    return orjson.loads(invoke("status", "--run", run, "--json").stdout)


def test_settings_reach_the_wire_and_a_second_run_asks_nothing(tmp_path: Path, server: ScriptedServer) -> None:
    run = tmp_path / "run"
    first = generate(run, server, "--temperature", "0.7", "--top-p", "0.9", "--seed", "11", "--max-tokens", "4000")
    assert first.exit_code in MADE, first.stderr
    sent = server.requests[0]
    assert (sent["temperature"], sent["top_p"], sent["seed"]) == (0.7, 0.9, 11)
    assert (sent["max_tokens"], sent["model"]) == (4000, "scripted")
    asked = len(server.requests)
    again = invoke("env-generation", "--run", run)
    assert (again.exit_code, again.stdout) == (0, "")
    assert "nothing to do" in again.stderr
    assert len(server.requests) == asked
    assert status(run)["usage"]["calls"] == asked


def test_other_settings_that_change_results_must_be_accepted(tmp_path: Path, server: ScriptedServer) -> None:
    run = tmp_path / "run"
    generate(run, server)
    refused = invoke("env-generation", "--run", run, "--temperature", "0.9", "--set", "profile.tools=2")
    assert refused.exit_code == 2
    assert "model.temperature was 0.2, is 0.9; profile.tools was 4, is 2" in error_of(refused)
    assert read_file(run / "config.toml")["model"]["temperature"] == 0.2
    accepted = invoke("env-generation", "--run", run, "--temperature", "0.9", "--accept-changes")
    assert accepted.exit_code in MADE
    assert read_file(run / "config.toml")["model"]["temperature"] == 0.9
    assert invoke("env-generation", "--run", run, "--concurrency", "3", "--model", "openai/scripted").exit_code in MADE


def test_no_more_environments_than_the_limit(tmp_path: Path, server: ScriptedServer) -> None:
    result = generate(tmp_path / "run", server, "--limit", "1", "--json")
    stages = orjson.loads(result.stdout)["stages"]
    tried = stages["env-generation"]
    assert tried["done"] + tried["dropped"] + tried["failed"] == 1
    assert tried["left"] == 2
    assert stages["scenarios"]["done"] == 3
    assert "the limit of 1 is reached" in result.stderr


def test_a_token_budget_stops_cleanly_and_a_larger_one_goes_on(tmp_path: Path, server: ScriptedServer) -> None:
    run = tmp_path / "run"
    result = generate(run, server, "--budget-tokens", "600")
    assert (result.exit_code, "the budget of 600 tokens is spent" in result.stderr) == (0, True)
    asked = len(server.requests)
    assert invoke("env-generation", "--run", run).exit_code == 0
    assert len(server.requests) == asked
    result = invoke("env-generation", "--run", run, "--budget-tokens", "10000000")
    assert result.exit_code in MADE
    assert status(run)["stages"]["env-generation"]["left"] == 0
    bodies = [orjson.dumps(body) for body in server.requests]
    assert len(bodies) == len(set(bodies))


def test_a_dry_run_asks_and_writes_nothing(tmp_path: Path, server: ScriptedServer) -> None:
    result = generate(tmp_path / "run", server, "--dry-run")
    assert (result.exit_code, "no model is called" in result.stdout) == (0, True)
    assert (server.requests, (tmp_path / "run").exists()) == ([], False)


def test_a_server_that_only_refuses_ends_with_3(tmp_path: Path) -> None:
    with serve(faults=lambda number: Fault(status=401, message="bad key", kind="auth")) as server:
        result = generate(tmp_path / "run", server)
        assert result.exit_code == 3
        assert "bad key" in error_of(result)
        assert len(server.requests) < 10
    stages = status(tmp_path / "run")["stages"]
    assert (stages["subfields"]["left"], stages["subfields"]["failed"]) == (1, 0)


def test_a_context_that_is_too_small_ends_with_2(tmp_path: Path) -> None:
    message = "This model's maximum context length is 16 tokens. However, you requested 400 tokens."
    with serve(faults=lambda number: Fault(status=400, message=message, kind="invalid_request_error")) as server:
        result = generate(tmp_path / "run", server)
    assert result.exit_code == 2
    assert "16 tokens" in error_of(result)


def test_failed_items_end_with_1_and_are_retried_when_asked(tmp_path: Path) -> None:
    with serve(faults=lambda number: Fault(text="no JSON") if 1 <= number <= 3 else None) as server:
        result = generate(tmp_path / "run", server, "--concurrency", "1")
        assert result.exit_code == 1
        failures = status(tmp_path / "run")["failures"]
        assert failures["parse"] == 1
        again = invoke("env-generation", "--run", tmp_path / "run")
        assert f"{sum(failures.values())} failed earlier: --retry-failed" in again.stderr
        asked = len(server.requests)
        invoke("env-generation", "--run", tmp_path / "run", "--retry-failed")
        assert "parse" not in status(tmp_path / "run")["failures"]
        assert server.requests[asked]["seed"] != server.requests[1]["seed"]
