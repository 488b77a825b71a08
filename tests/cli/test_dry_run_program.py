"""A dry run with `--program`: refuses what the run would refuse, and forecasts the prompts as they will be."""

import re
from pathlib import Path
from typing import Any

import pytest

from synthtools.modules.solver import AgentSolver
from synthtools.modules.validator import ResponseJudge
from synthtools.programs.env_generation import EnvGeneration
from synthtools.runs.reader import StoreReader
from synthtools.types import SMALL
from tests.cli.shared import error_of, invoke
from tests.library import playing
from tests.optimizers.test_artifact import compiled

LONG = "Judge with care, as a compile found. " * 100
WHERE = ("--field", "Bicycle rental", "--model", "scripted/library", "--profile", "small")


@pytest.fixture
def solver(tmp_path: Path) -> Path:
    """A compiled solver: another instruction, and one demo."""
    compiled(AgentSolver(), LONG).write(tmp_path / "solver.json")
    return tmp_path / "solver.json"


def prompt_tokens(result: Any) -> int:
    found = re.search(r"calls, ([\d,]+) prompt tokens", result.stderr)
    assert result.exit_code == 0 and found is not None, result.stderr
    return int(found[1].replace(",", ""))


def test_it_refuses_what_the_run_refuses_and_makes_no_folder(tmp_path: Path) -> None:
    judge = tmp_path / "judge.json"
    compiled(ResponseJudge()).write(judge)
    changed: Any = ResponseJudge()
    changed.predict.signature = changed.predict.signature.with_updated_fields("reason", type_=int)
    compiled(changed).write(tmp_path / "int.json")
    for verb, program in (
        ("env-generation", judge),
        ("env-generation", f"env-generation={judge}"),
        ("run", tmp_path / "none.json"),
        ("run", tmp_path / "int.json"),
    ):
        command = (verb, "--run", tmp_path / "run", *WHERE, "--program", program)
        dry, real = invoke(*command, "--dry-run"), invoke(*command)
        assert dry.exit_code == real.exit_code == 2
        assert error_of(dry) == error_of(real) and str(program).split("=")[-1] in error_of(dry)
        assert not (tmp_path / "run").exists()


def test_it_refuses_a_calibrated_program_on_a_model_without_probabilities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge: Any = ResponseJudge()
    judge.predict.fields = {"verdict": {"weights": {"correct": 0.5}}}
    compiled(judge).write(tmp_path / "judge.json")
    command = ("run", "--run", tmp_path / "run", *WHERE, "--program", tmp_path / "judge.json")
    assert invoke(*command, "--dry-run").exit_code == 0
    monkeypatch.setattr("synthtools.backends.scripted.ScriptedTransport.logprobs", False)
    dry = invoke(*command, "--dry-run")
    assert dry.exit_code == 2 and not (tmp_path / "run").exists()
    said = "ResponseJudge is calibrated on token probabilities (logprobs), which scripted/library does not give"
    assert said in error_of(dry) == error_of(invoke(*command))


def test_its_forecast_has_the_longer_prompts(tmp_path: Path, solver: Path) -> None:
    command = ("run", "--run", tmp_path / "run", *WHERE, "--limit", "2", "--dry-run")
    plain, longer = invoke(*command), invoke(*command, "--program", solver)
    found = re.search(r"--program in trajectory-generation: a prompt is (\d+) tokens longer", longer.stderr)
    assert found is not None, longer.stderr
    # 2 tasks, of which 0.85 are kept and rolled out in 2.5 calls each, all of them the solver's.
    assert prompt_tokens(longer) - prompt_tokens(plain) == pytest.approx(4.25 * int(found[1]), abs=5)


def test_with_rates_of_its_own_it_says_what_the_prompts_come_to(tmp_path: Path, solver: Path) -> None:
    playing("library-here")
    run = tmp_path / "run"
    where = ("--run", run, "--model", "scripted/library-here", "--profile", "small")
    assert invoke("env-generation", *where, "--field", "Bicycle rental", "--limit", "3").exit_code == 0
    for verb in ("env-audit", "task-sequences", "task-generation", "task-audit"):
        assert invoke(verb, *where).exit_code == 0
    rest = ("trajectory-generation", *where)
    assert invoke(*rest, "--limit", "2").exit_code == 0
    plain = prompt_tokens(invoke(*rest, "--dry-run"))
    with_it = (*rest, "--program", solver, "--accept-changes")
    forecast = prompt_tokens(invoke(*with_it, "--dry-run"))
    refused = invoke(*rest, "--program", solver, "--dry-run")
    assert refused.exit_code == 2 and "made with other settings: program was" in error_of(refused)
    before = asked(run)
    made = invoke(*with_it, "--limit", "4")
    assert made.exit_code == 0, made.stderr
    share = (asked(run) - before) / (forecast / rollouts_left(run, 2))
    assert share == pytest.approx(2, rel=0.15) and forecast > 1.3 * plain
    again = invoke(*with_it, "--dry-run")
    assert "--program in trajectory-generation: the run's own rates are with it already" in again.stderr
    assert "--program" not in invoke(*rest, "--accept-changes", "--dry-run").stderr


def test_a_role_that_no_rate_has_is_named(tmp_path: Path) -> None:
    compiled(ResponseJudge(), LONG).write(tmp_path / "judge.json")
    result = invoke("run", "--run", tmp_path / "run", *WHERE, "--program", tmp_path / "judge.json", "--dry-run")
    assert "calls of JudgeResponse are in no built-in rate" in result.stderr
    assert result.exit_code == 0 and not (tmp_path / "run").exists()


def test_a_program_as_a_whole_changes_only_its_stage(tmp_path: Path) -> None:
    compiled(EnvGeneration(SMALL), LONG).write(tmp_path / "env.json")
    result = invoke("run", "--run", tmp_path / "run", *WHERE, "--program", tmp_path / "env.json", "--dry-run")
    assert result.stderr.count("--program in ") == 1 and "--program in env-generation: a prompt is" in result.stderr


def asked(folder: Path) -> int:
    """Prompt tokens of the rollouts so far."""
    return number(folder, "SELECT sum(prompt_tokens) FROM ledger WHERE stage = 'trajectory-generation'")


def rollouts_left(folder: Path, since: int) -> int:
    """Rollouts that were left when so many were done."""
    return number(folder, "SELECT count(*) FROM items WHERE stage = 'trajectory-generation'") - since


def number(folder: Path, query: str) -> int:
    reader = StoreReader(folder)
    try:
        ((found,),) = reader.rows(query)
    finally:
        reader.close()
    assert isinstance(found, int)
    return found
