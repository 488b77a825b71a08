"""What `--dry-run` and `status --cost` say of calls, tokens, money and time."""

from pathlib import Path

import orjson

from synthtools.runs.item import Item, Outcome
from synthtools.runs.journal import RunLedger
from synthtools.runs.store import Store
from synthtools.types import LedgerEntry
from tests.cli.shared import error_of, invoke

PRICE = 'prices."hosted_vllm/q2.5"={prompt=1000, cached=100, completion=4000}'
REPLICAS = ("http://one", "http://two")


def costly_run(folder: Path) -> Path:
    """A run with two models, of which one environment is audited and three are left."""
    with Store(folder, create=True) as store:
        store.plan(Item("env-audit", f"x{number}") for number in range(4))
        ledger = RunLedger(store)
        for replica in (*REPLICAS, ""):
            ledger.write(
                LedgerEntry(
                    stage="env-audit",
                    item="x0",
                    role="JudgeResponse",
                    model="hosted_vllm/q2.5" if replica else "direct/[x]",
                    replica=replica,
                    prompt_tokens=1000,
                    cached_tokens=500,
                    completion_tokens=100,
                    seconds=2.0,
                    outcome="ok" if replica else "ParseError",
                )
            )
        store.put(Outcome(Item("env-audit", "x0"), "done", b"{}", "h"))
    return folder


def test_status_tells_what_a_run_has_cost(tmp_path: Path) -> None:
    run = costly_run(tmp_path / "run")
    told = " ".join(invoke("status", "--run", run, "--cost", "--set", PRICE).stdout.split())
    assert "hosted_vllm/q2.5 @ http://two" in told
    assert "answers thrown away (cut, malformed or refused by a check): 1, with 1,100 of 3,300 tokens" in told
    assert "hosted_vllm/q2.5: $1.9000" in told  # 2 x (500 x 1000 + 500 x 100 + 100 x 4000) / 1e6
    assert "direct/[x]: its price is not known" in told
    assert "estimate: at this rate, 3 more env-audit items take about 6 seconds" in told


def test_the_same_figures_are_there_for_scripts(tmp_path: Path) -> None:
    run = costly_run(tmp_path / "run")
    prices = tmp_path / "prices.toml"
    prices.write_text('[prices."direct/[x]"]\nprompt = 1\ncompletion = 2\n')
    status = orjson.loads(invoke("status", "--run", run, "--json", "--cost", "--config", prices).stdout)
    assert [(row["replica"], row["calls"]) for row in status["calls"]] == [("", 1), *((name, 1) for name in REPLICAS)]
    costs = status["costs"]
    assert costs["usd"] == {"direct/[x]": 0.0012, "hosted_vllm/q2.5": None}
    assert (costs["total"]["cached_share"], costs["total"]["wasted_tokens"]) == (0.5, 1100)
    assert costs["latency_seconds"] == {"JudgeResponse": {"p50": 2.0, "p95": 2.0}}
    assert status["forecast"] == {}


def test_a_price_that_is_none_is_one_line(tmp_path: Path) -> None:
    run = costly_run(tmp_path / "run")
    result = invoke("status", "--run", run, "--cost", "--set", 'prices."hosted_vllm/q2.5".prompt=-1')
    assert result.exit_code == 2
    assert "prices" in error_of(result)


def test_a_dry_run_forecasts_and_the_run_keeps_the_forecast_beside_what_came(tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = ("env-generation", "--run", run, "--field", "Community libraries", "--model", "scripted/library")
    small = ("--profile", "small", "--set", "profile.subfields=1", "--concurrency", "2")
    dry = invoke(*command, *small, "--dry-run", "--set", 'prices."scripted/library"={prompt=1000, completion=1000}')
    assert dry.exit_code == 0
    assert not run.exists()
    # 1.2 + 1 + 11.7 calls; 162 + 198 + 5,597 and 16 + 55 + 995 tokens
    assert "about 14 calls, 5,957 prompt tokens, 1,066 generated (by built-in rates); $7.02 at" in dry.stderr
    told = orjson.loads(invoke(*command, *small, "--dry-run", "--json").stdout)
    assert (told["run"], list(told["stages"])) == (str(run), ["subfields", "scenarios", "env-generation"])
    assert told["stages"]["env-generation"]["calls"] == 11.7
    assert invoke(*command, *small).exit_code == 0
    forecast = orjson.loads(invoke("status", "--run", run, "--json", "--cost").stdout)["forecast"]
    assert list(forecast) == ["subfields", "scenarios", "env-generation"]
    row = forecast["env-generation"]
    assert (row["items"], row["ended"], row["left"], row["tokens"]) == (1, 1, 0, 5597 + 995)
    assert row["error_percent"] == round((row["tokens"] - row["used"]) / row["used"] * 100, 1)
    told = invoke("status", "--run", run, "--cost").stdout
    assert "Forecast, and what came of it so far" in told
    again = invoke(*command, *small, "--dry-run")
    assert "about 0 calls" in again.stderr
