"""Whole runs on servers that are busy, break off, hang, talk nonsense or die: every item ends, nobody is stormed."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import orjson
import pytest

from synthtools.backends.faults import BAD_DAY, Fault, Faults
from synthtools.backends.scripted import script_named
from synthtools.backends.scripted_server import serve
from synthtools.runs.run import open_run
from tests.cli.shared import invoke
from tests.e2e.shared import SMALL, hashes

FIELD = ("--field", "Bicycle rental", *SMALL)


class Clean(NamedTuple):
    """A run on a server that answers everything."""

    hashes: dict[str, str]
    requests: int


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clean]:
    folder = tmp_path_factory.mktemp("clean") / "run"
    with serve(script_named("library")) as server:
        result = invoke("run", "--run", folder, *FIELD, "--model", "direct/library", "--api-base", server.url)
        assert result.exit_code == 0, result.stderr
        yield Clean(hashes(folder), len(server.requests))


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["direct", "hosted_vllm"])
def test_every_item_ends_where_one_request_in_four_goes_wrong(prefix: str, clean: Clean, tmp_path: Path) -> None:
    faults = Faults(BAD_DAY)
    with serve(script_named("library"), latency=0.01, faults=faults) as server:
        model = ("--model", f"{prefix}/library", "--api-base", server.url, "--set", "model.timeout=2")
        result = invoke("run", "--run", tmp_path / "run", *FIELD, *model)
        asked = len(server.requests)
    assert set(faults.met) == set(BAD_DAY)
    assert clean.requests < asked <= 1.6 * clean.requests
    with open_run(tmp_path / "run") as run:
        status = run.status()
        outcomes = dict(run.store.rows("SELECT outcome, count(*) FROM ledger GROUP BY 1"))
    assert {stage.left for stage in status.stages.values()} == {0}
    assert result.exit_code == bool(status.failures), result.stderr
    assert status.failures.keys() <= {"provider", "parse"}
    assert outcomes == {
        "ok": asked - faults.met.total(),
        "ParseError": faults.met["no JSON"],
        "TruncatedAnswer": faults.met["cut"],
    }


@pytest.mark.slow
def test_requests_that_get_no_answer_change_nothing_of_what_is_made(clean: Clean, tmp_path: Path) -> None:
    faults = Faults({name: BAD_DAY[name] for name in ("limited", "failed", "reset")})
    with serve(script_named("library"), faults=faults) as server:
        model = ("--model", "direct/library", "--api-base", server.url)
        result = invoke("run", "--run", tmp_path / "run", *FIELD, *model)
        assert result.exit_code == 0, result.stderr
        assert len(server.requests) == clean.requests + faults.met.total()
    assert hashes(tmp_path / "run") == clean.hashes


@pytest.mark.parametrize(
    ("asked", "fault", "stage", "code", "drops", "failures"),
    [
        ("GenerateScenarios", Fault(text="No."), "scenarios", 1, {}, {"parse": 1}),
        ("GenerateScenarios", Fault(cut=True), "scenarios", 1, {}, {"parse": 1}),
        ("MergeTurns", Fault(text="No."), "task-audit", 0, {"no natural summary": 12}, {}),
        ("MergeTurns", Fault(status=400, message="refused"), "task-audit", 1, {}, {"provider": 12}),
    ],
)
def test_an_item_that_gets_no_usable_answer_ends_with_the_cause(
    asked: str, fault: Fault, stage: str, code: int, drops: dict[str, int], failures: dict[str, int], tmp_path: Path
) -> None:
    def wrong(number: int) -> Fault | None:
        return fault if f'"name":"{asked}"' in orjson.dumps(server.requests[number]).decode() else None

    with serve(script_named("library"), faults=wrong) as server:
        model = ("--model", "direct/library", "--api-base", server.url, "--set", "run.provider_failures=100")
        result = invoke("run", "--run", tmp_path / "run", *FIELD, *model)
    assert result.exit_code == code, result.stderr
    with open_run(tmp_path / "run") as run:
        status = run.status()
        details = [item.detail for item in run.store.each(stage, "failed")]
    assert (status.drops, status.failures) == (drops, failures)
    assert {one.left for one in status.stages.values()} == {0}
    assert all(details)


def test_a_server_that_asks_for_a_rest_gets_one(clean: Clean, tmp_path: Path) -> None:
    concurrency, rest = 4, 2.0

    def busy(number: int) -> Fault | None:
        return Fault(status=429, retry_after=rest) if number == 10 else None

    with (
        serve(script_named("library"), latency=0.005, faults=busy) as tired,
        serve(script_named("library"), latency=0.005) as fresh,
    ):
        model = ("--model", "direct/library", "--api-base", tired.url, "--api-base", fresh.url)
        result = invoke("run", "--run", tmp_path / "run", *FIELD, *model, "--concurrency", str(concurrency))
        assert result.exit_code == 0, result.stderr
    refused = tired.arrivals[10]
    meanwhile = [moment for moment in tired.arrivals[11:] if moment < refused + rest]
    assert len(meanwhile) < concurrency  # those that were on their way
    assert len(tired.requests) + len(fresh.requests) == clean.requests + 1
    assert hashes(tmp_path / "run") == clean.hashes


@pytest.mark.parametrize(("left", "failures"), [(0.5, 3), (0.03, 10)])
def test_a_server_that_dies_ends_the_run_and_another_one_finishes_it(
    left: float, failures: int, clean: Clean, tmp_path: Path
) -> None:
    def dies(number: int) -> Fault | None:
        if number == int(clean.requests * (1 - left)):
            server.die()
            return Fault(hangs=True)
        return None

    with serve(script_named("library"), latency=0.005, faults=dies) as server:
        model = ("--model", "direct/library", "--api-base", server.url, "--concurrency", "4")
        bounds = ("--set", f"run.provider_failures={failures}")
        result = invoke("run", "--run", tmp_path / "run", *FIELD, *model, *bounds)
        asked = len(server.requests)
    assert result.exit_code == 3
    assert "nothing answers for direct/library" in result.stderr.splitlines()[-1]
    with open_run(tmp_path / "run") as run:
        status = run.status()
    assert sum(stage.failed for stage in status.stages.values()) == 0
    assert sum(stage.left for stage in status.stages.values()) > 0
    with serve(script_named("library")) as other:
        result = invoke("run", "--run", tmp_path / "run", "--api-base", other.url)
        assert result.exit_code == 0, result.stderr
        assert asked + len(other.requests) <= clean.requests + 4
    assert hashes(tmp_path / "run") == clean.hashes


def test_an_item_whose_server_hangs_is_given_up_and_gone_on_with(clean: Clean, tmp_path: Path) -> None:
    with serve(script_named("library"), faults=lambda number: Fault(hangs=True) if number == 0 else None) as server:
        model = ("--model", "direct/library", "--api-base", server.url, "--set", "run.item_seconds=0.5")
        given_up = invoke("env-generation", "--run", tmp_path / "run", *FIELD, *model)
        assert (given_up.exit_code, len(server.requests)) == (1, 1)
        with open_run(tmp_path / "run") as run:
            assert run.status().failures == {"budget": 1}
        patient = ("--retry-failed", "--set", "run.item_seconds=600")
        result = invoke("env-generation", "--run", tmp_path / "run", *patient)
        assert result.exit_code == 0, result.stderr
    assert hashes(tmp_path / "run")["env-generation"] == clean.hashes["env-generation"]


def test_a_budget_ends_a_run_which_says_what_is_left_and_goes_on_with_more(clean: Clean, tmp_path: Path) -> None:
    concurrency = 4
    with serve(script_named("library")) as server:
        model = ("--model", "direct/library", "--api-base", server.url, "--concurrency", str(concurrency))
        spent = invoke("run", "--run", tmp_path / "run", *FIELD, *model, "--budget-tokens", "30000")
        assert spent.exit_code == 0
        assert "the budget of 30,000 tokens is spent" in spent.stderr
        assert "left" in spent.stderr.split("is spent")[1]
        assert clean.requests // 4 < len(server.requests) < clean.requests
        result = invoke("run", "--run", tmp_path / "run", "--budget-tokens", "30000000")
        assert result.exit_code == 0, result.stderr
        assert clean.requests <= len(server.requests) <= clean.requests + concurrency
    assert hashes(tmp_path / "run") == clean.hashes
