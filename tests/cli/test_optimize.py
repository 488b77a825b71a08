"""`synthtools optimize`: what it prints, writes, refuses and returns."""

import dataclasses
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from synthtools.backends.scripted import register_script
from synthtools.errors import DataError
from synthtools.modules.compiled import read_compiled
from synthtools.optimizers.compile.search import Search
from synthtools.optimizers.score import Score
from synthtools.optimizers.targets import TARGETS
from synthtools.optimizers.trainsets import write_cases
from synthtools.runs.store import Store
from tests.cli.shared import error_of, invoke
from tests.library import Recorded
from tests.optimizers.library_run import drawn
from tests.optimizers.quiz import SECRET, TARGET, Quiz, quiz, words

SEARCH = ("--candidates", "4", "--rounds", "6", "--seed", "3", "--train", "8", "--validation", "8")
MODEL = ("--model", "scripted/quiz")


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Quiz:
    """The student's model, and the word sorter among the targets; `scripted/wise` teaches."""
    monkeypatch.setitem(TARGETS, TARGET.name, TARGET)
    quiz("wise", knows="")
    return quiz()


@pytest.fixture
def case_file(tmp_path: Path) -> Path:
    write_cases(tmp_path / "cases.jsonl", [case for field in ("t", "v", "e") for case in words(field, 16)])
    return tmp_path / "cases.jsonl"


def optimize(folder: Path, cases: Path, *more: str | Path) -> Any:
    return invoke("optimize", "word-sorter", "--run", folder, "--cases", cases, *MODEL, *SEARCH, *more)


def test_it_says_what_it_will_use_what_came_of_it_and_how_to_use_it(tmp_path: Path, case_file: Path) -> None:
    result = optimize(tmp_path / "run", case_file, "--method", "gepa")
    assert result.exit_code == 0, result.stderr
    (path,) = (tmp_path / "run").glob("word-sorter.gepa.*.json")
    program = read_compiled(path)
    assert program.recommended and SECRET in program.predictors["predict"].instructions
    for words_ in (
        "baseline",
        "reflecting",
        "in all",
        "8 training",
        "no cap (--max-calls, --budget-tokens, --budget-usd)",
        f"use it: --program {path}",
    ):
        assert words_ in result.stderr
    shown = " ".join(result.stdout.split())
    assert "before 0.500" in shown and "after 1.000" in shown and "The gain is significant" in shown
    assert "take the 16 cases of 1 field as independent: they speak of this field, not of others" in shown
    assert f"+{SECRET}: even is red, odd is blue." in result.stdout
    assert "--- predict before" in program.diff["predict"]
    assert "Candidates on the validation cases" in result.stdout
    assert "GEPA" not in result.stdout + result.stderr and "it/s" not in result.stderr


def test_json_holds_the_scores_the_front_and_the_file(tmp_path: Path, case_file: Path) -> None:
    out = tmp_path / "mine.json"
    result = optimize(tmp_path / "run", case_file, "--method", "copro", "--json", "--out", out)
    assert result.exit_code == 0, result.stderr
    told = orjson.loads(result.stdout)
    assert told["file"] == str(out) and out.is_file()
    assert told["program"]["scores"]["gain"]["mean"] == 0.5
    assert {"candidate", "quality", "tokens", "on_front"} <= set(told["front"][0])
    again = optimize(tmp_path / "run", case_file, "--method", "copro", "--json", "--out", out)
    assert orjson.loads(again.stdout) == told


def test_a_teacher_makes_the_demos(tmp_path: Path, case_file: Path) -> None:
    result = optimize(tmp_path / "run", case_file, "--teacher-model", "scripted/wise", "--json")
    assert result.exit_code == 0, result.stderr
    program = orjson.loads(result.stdout)["program"]
    assert {demo["group"] for demo in program["predictors"]["predict"]["demos"]} == {"red", "blue"}
    assert program["models"] == {"student": "scripted/quiz", "teacher": "scripted/wise"}


def test_a_judge_is_compiled_for_the_model_that_judges(tmp_path: Path) -> None:
    judge, other = Recorded(), Recorded()
    register_script("judge", judge)
    register_script("other", other)
    fields = [case.model_copy(update={"field": f"f{n % 3}"}) for n, case in enumerate(drawn("response-judge")[:9])]
    write_cases(tmp_path / "cases.jsonl", fields)
    result = invoke("optimize", "response-judge", "--run", tmp_path / "run", "--cases", tmp_path / "cases.jsonl",
                    "--model", "scripted/other", "--judge-model", "scripted/judge", "--json")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert orjson.loads(result.stdout)["program"]["models"] == {
        "student": "scripted/judge",
        "teacher": "scripted/judge",
    }
    assert other.bodies == {} and judge.asked("JudgeResponse") > 6


def test_a_metric_that_asks_a_model_asks_the_judge(tmp_path: Path) -> None:
    judge = Recorded()
    register_script("judge", judge)
    turns = drawn("first-turn-writer")
    cases = [turns[n % len(turns)].model_copy(update={"id": str(n), "field": f"f{n}"}) for n in range(3)]
    write_cases(tmp_path / "cases.jsonl", cases)
    options = ("--run", tmp_path / "run", "--cases", tmp_path / "cases.jsonl", "--candidates", "1", "--json")
    models = ("--model", "scripted/library", "--judge-model", "scripted/judge")
    told = orjson.loads(invoke("optimize", "first-turn-writer", *options, *models, "--dry-run").stdout)
    assert told["phases"][0]["calls"] == 2
    result = invoke("optimize", "first-turn-writer", *options, *models)
    assert result.exit_code == 0, result.stderr
    assert orjson.loads(result.stdout)["program"]["models"]["judge"] == "scripted/judge"
    assert judge.asked("WriteFirstTurn") == 0
    # Only what code lets pass is read by another.
    parts = orjson.loads(result.stdout)["program"]["scores"]["parts"]
    assert ("understood" in parts) == (parts["says all"] == [1.0, 1.0]) == (judge.asked("SolveTurn") > 0)


def test_without_a_gain_it_is_written_and_not_recommended(tmp_path: Path, case_file: Path) -> None:
    result = optimize(tmp_path / "run", case_file)
    assert result.exit_code == 0, result.stderr
    assert "nothing better than the program as it is was found" in result.stderr
    assert "The gain is not significant" in result.stdout
    (path,) = (tmp_path / "run").glob("*.json")
    assert not read_compiled(path).recommended


def test_a_dry_run_calls_nothing_and_writes_nothing(tmp_path: Path, case_file: Path, asked: Quiz) -> None:
    result = optimize(tmp_path / "run", case_file, "--dry-run", "--json")
    assert result.exit_code == 0, result.stderr
    told = orjson.loads(result.stdout)
    assert [phase["phase"] for phase in told["phases"]] == ["baseline", "demos", "scoring", "test"]
    assert told["total"]["calls"] == 8 + 8 + 5 * 8 + 32 and told["total"]["usd"] == 0.0
    assert asked.bodies == [] and not (tmp_path / "run").exists()


def test_a_cap_ends_the_search_and_the_same_command_goes_on(tmp_path: Path, case_file: Path, asked: Quiz) -> None:
    method = ("--method", "copro")
    result = optimize(tmp_path / "run", case_file, *method, "--max-calls", "60")
    assert result.exit_code == 0, result.stderr
    assert "calls were made (of 60; the rest is kept for the test) before the search was over" in result.stderr
    assert len(asked.bodies) <= 60
    result = optimize(tmp_path / "run", case_file, *method)
    assert result.exit_code == 0 and "search was over" not in result.stderr
    refused = optimize(tmp_path / "other", case_file, "--max-calls", "9")
    assert refused.exit_code == 2
    assert "--max-calls 9: scoring 8 validation cases once and 16 test cases twice" in refused.stderr


def test_a_cap_before_the_comparison_says_what_is_left_and_how_to_go_on(
    tmp_path: Path, case_file: Path, asked: Quiz
) -> None:
    asked.refusing = True  # every answer is asked for three times, which no estimate knows
    run, capped = tmp_path / "run", ("--max-calls", "40", "--concurrency", "1")
    for more in ((), ("--json",)):
        result = optimize(run, case_file, *capped, *more)
        assert result.exit_code == 0, result.stderr
        (line,) = [line for line in result.stderr.splitlines() if "before there was anything to compare" in line]
        assert "cases left: " in line and line.endswith("the same command goes on with a larger --max-calls")
        assert not list(run.glob("*.json"))
    told = orjson.loads(result.stdout)
    assert told["status"] == "stopped" and told["stopped_by"] == "calls" and told["reason"] in line
    assert told["usage"]["calls"] == len(asked.bodies) == 3, "a test at three calls a case would take 96"
    assert told["reason"] == "3 calls were made (of 40; the rest is kept for the test)"
    assert told["best_on_validation"] is None and told["usd"] == 0.0
    assert told["cases_left"] == {"validation": 7, "test": 16} and told["calls_left"] == 3 * (7 + 32)
    assert "cases left: 7 validation, 16 test, about 117 calls" in line
    asked.refusing = False
    told = orjson.loads(optimize(run, case_file, "--json").stdout)
    assert told["status"] == "finished" and Path(told["file"]).is_file()


def test_the_file_names_the_metric_and_another_one_is_another_compile(
    tmp_path: Path, case_file: Path, asked: Quiz, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = orjson.loads(optimize(tmp_path / "run", case_file, "--json").stdout)
    assert told["program"]["metric"]["name"] == "score_group"
    paid = len(asked.bodies)

    def severe(inputs: Any, expected: Any, answer: Any) -> Score:
        return Score(value=0.0, reason="Never right.")

    monkeypatch.setitem(TARGETS, TARGET.name, dataclasses.replace(TARGET, metric=severe))
    result = optimize(tmp_path / "run", case_file, "--json")
    assert f"the run has this compile by another metric ({told['id']}): its scores do not count here" in result.stderr
    scored = orjson.loads(result.stdout)
    assert scored["id"] != told["id"] and scored["program"]["scores"]["before"]["mean"] == 0.0
    assert len(asked.bodies) - paid < paid, "answers that were paid for are scored anew"


def test_a_model_that_fails_ends_it_and_the_same_command_goes_on(tmp_path: Path, case_file: Path, asked: Quiz) -> None:
    asked.failing = lambda: len(asked.bodies) > 20
    result = optimize(tmp_path / "run", case_file, "--method", "gepa")
    assert result.exit_code == 3
    assert "what was paid is kept: the same command goes on" in result.stderr and "error: made to fail" in result.stderr
    paid = len(asked.bodies)
    result = optimize(tmp_path / "run", case_file, "--method", "gepa", "--json")
    told = orjson.loads(result.stdout)
    assert (told["status"], told["stopped_by"], told["reason"]) == ("stopped", "failed", "made to fail")
    assert result.exit_code == 3 and told["best_on_validation"] == 0.5
    asked.failing = lambda: False
    result = optimize(tmp_path / "run", case_file, "--method", "gepa", "--json")
    assert result.exit_code == 0, result.stderr
    # The ledger counts the calls that failed, too.
    assert orjson.loads(result.stdout)["usage"]["calls"] == len(asked.bodies) > paid


def test_sizes_are_of_the_parts(tmp_path: Path, case_file: Path) -> None:
    result = optimize(tmp_path / "run", case_file, "--train", "2", "--validation", "4", "--test", "6", "--dry-run")
    assert "2 training, 4 validation and 6 test cases" in result.stderr


def test_a_size_of_the_whole_is_divided_as_the_cases_are(tmp_path: Path, case_file: Path) -> None:
    for size, said in (
        ("3", "1 training, 1 validation and 1 test cases"),
        ("3", "1 test cases cannot tell a gain from chance: that takes at least 6"),
        ("20", "8 training, 5 validation and 5 test"),
    ):
        result = optimize(tmp_path / "run", case_file, "--size", size, "--dry-run")
        assert said in result.stderr


def test_status_shows_the_tokens_and_no_stage_of_it(tmp_path: Path, case_file: Path) -> None:
    assert optimize(tmp_path / "run", case_file).exit_code == 0
    result = invoke("status", "--run", tmp_path / "run", "--json", "--cost")
    assert result.exit_code == 0, result.stderr
    told = orjson.loads(result.stdout)
    assert "optimize" not in told["stages"] and told["usage"]["calls"] > 0 and told["models"] == {}
    assert {call["stage"] for call in told["calls"]} == {"optimize"}
    assert invoke("status", "--run", tmp_path / "run", "--cost").exit_code == 0
    assert invoke("status", "--run", tmp_path / "run", "--check").exit_code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("word-sorte",), "there is nothing named word-sorte to compile; there are"),
        (("word-sorter", "--method", "magic"), "there are bootstrap, mipro, gepa"),
        (("word-sorter", "--demos", "0"), "--method bootstrap: it finds demos"),
        (("word-sorter", "--seed", str(2**70)), "a compile takes seeds from 0 to"),
        (("word-sorter", "--method", "mipro", "--seed", str(2**32 - 1)), "a compile takes seeds from 0 to"),
        (("word-sorter", "--out", "none/x.json"), "--out none/x.json: there is no folder none"),
        (("word-sorter", "--out", "x.txt"), "--program takes files whose name ends with .json"),
        (("word-sorter", "--program", "none.json"), "none.json: No such file"),
        (("word-sorter", "--only", "Judge"), "--only Judge: WordSorter has no such role"),
        (("word-sorter", "--teacher-api-base", "http://x"), "is for --teacher-model"),
        (("word-sorter", "--budget-usd", "1", "--model", "direct/x", "--api-base", "http://127.0.0.1:9/v1"),
         "the price of direct/x is not known"),
        (("response-judge",), "jsonl:1: tool: Field required"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, case_file: Path, options: tuple[str, ...], said: str
) -> None:
    result = invoke("optimize", *options[:1], "--run", tmp_path / "run", "--cases", case_file, *MODEL, *options[1:])
    assert result.exit_code == 2, result.stderr
    assert said in error_of(result)
    assert not (tmp_path / "run" / "run.sqlite").exists()


def test_without_cases_a_run_is_needed_and_must_hold_some(tmp_path: Path) -> None:
    result = invoke("optimize", "word-sorter", "--run", tmp_path / "absent", *MODEL)
    assert result.exit_code == 2 and "--cases FILE gives cases" in error_of(result)
    Store(tmp_path / "empty", create=True).close()
    result = invoke("optimize", "word-sorter", "--run", tmp_path / "empty", *MODEL)
    assert result.exit_code == 2 and "has no cases for word-sorter" in error_of(result)


def test_a_compiled_program_may_be_compiled_on(tmp_path: Path, case_file: Path) -> None:
    first = optimize(tmp_path / "run", case_file, "--method", "gepa", "--out", tmp_path / "one.json")
    assert first.exit_code == 0, first.stderr
    result = optimize(tmp_path / "run", case_file, "--program", tmp_path / "one.json", "--json")
    assert result.exit_code == 0, result.stderr
    scores = cast(dict[str, Any], orjson.loads(result.stdout)["program"]["scores"])
    assert scores["before"]["mean"] == scores["after"]["mean"] == 1.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"expected": "Right"}, "expected: Input should be 'correct'"),
        ({"expected": None}, "expected: Input should be 'correct'"),
        ({"inputs": {"tool": 5}}, "tool: Input should be an object"),
    ],
)
def test_every_case_is_looked_at_before_anything_is_paid(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    listed = [case.model_copy(update={"field": f"f{n % 3}"}) for n, case in enumerate(drawn("response-judge")[:15])]
    write_cases(tmp_path / "cases.jsonl", [*listed[:-1], listed[-1].model_copy(update={**change, "source": "mine:15"})])
    result = invoke("optimize", "response-judge", "--run", tmp_path / "run", "--cases", tmp_path / "cases.jsonl",
                    "--model", "scripted/library")  # fmt: skip
    assert result.exit_code == 2
    assert f"mine:15: {said}" in error_of(result)
    assert not (tmp_path / "run").exists()


def test_a_fallback_model_counts_in_dollars_too(tmp_path: Path, case_file: Path) -> None:
    result = optimize(tmp_path / "run", case_file, "--budget-usd", "1", "--fallback-model", "openai/x")
    assert result.exit_code == 2
    assert "the price of openai/x is not known" in error_of(result)


@pytest.mark.parametrize("option", ["--limit", "--executor", "--ray-address", "--retry-failed", "--accept-changes"])
def test_options_of_stages_are_none_of_it(tmp_path: Path, case_file: Path, option: str) -> None:
    result = optimize(tmp_path / "run", case_file, option)
    assert result.exit_code == 2 and "No such option" in result.stderr
    assert option not in invoke("optimize", "--help").stdout


@pytest.mark.parametrize("option", ["--candidates", "--rounds", "--demos"])
def test_a_search_that_is_too_wide_to_be_meant_is_refused(tmp_path: Path, case_file: Path, option: str) -> None:
    assert optimize(tmp_path / "run", case_file, option, "1000000000").exit_code == 2
    with pytest.raises(DataError, match=f"{option[2:]}: Input should be less than or equal to 1000"):
        Search(**{option[2:]: 1_000_000_000})
