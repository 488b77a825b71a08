"""A judge whose bar is in the wrong place gets it moved, by what its tokens say of its verdicts."""

import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import dspy
import orjson
import pytest

from synthtools.backends import model
from synthtools.backends.registry import build_lm
from synthtools.backends.scripted import register_script
from synthtools.backends.scripted_server import serve
from synthtools.errors import ConfigError, DataError, ProviderError
from synthtools.modules.compiled import read_compiled
from synthtools.modules.solver import AgentSolver
from synthtools.modules.validator import ResponseJudge
from synthtools.optimizers.compile.caps import Limits
from synthtools.optimizers.compile.compiling import carry_out
from synthtools.optimizers.compile.methods import method_named
from synthtools.optimizers.compile.plan import Plan
from synthtools.optimizers.compile.progress import Progress
from synthtools.optimizers.compile.result import CompileResult
from synthtools.optimizers.compile.speakers import Speakers
from synthtools.optimizers.target import Target
from synthtools.optimizers.targets import TARGETS
from synthtools.optimizers.trainsets import write_cases
from synthtools.programs.env_audit import EnvAudit
from synthtools.runs.store import Store
from synthtools.types import SMALL
from tests.cli.shared import error_of, invoke
from tests.library import playing
from tests.optimizers.test_artifact import compiled
from tests.optimizers.unsure import BAR, RIPE, SIZE, FruitJudge, FruitSizer, Unsure, cases

PARTS = cases()
ONCE = len(PARTS.validation) + len(PARTS.train) + len(PARTS.test)
"""Cases, of which each is asked as the judge is, and once more with probabilities."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "run", create=True) as opened:
        yield opened


@pytest.fixture
def unsure() -> Unsure:
    made = Unsure()
    register_script("unsure", made)
    return made


def plan(target: Target = RIPE, module: dspy.Module | None = None, lm: dspy.LM | None = None) -> Plan:
    student: Any = lm or build_lm("scripted/unsure")
    speakers = Speakers(
        student=student, teacher=student, names={"student": student.model, "teacher": student.model}, settings={}
    )
    kind = "ripe" if target is RIPE else "size"
    return Plan(target, module or target.build(SMALL), method_named("reanchor"), cases(kind), speakers, threads=4)


def run(store: Store, made: Plan, limits: Limits | None = None) -> CompileResult:
    return carry_out(made, store, limits or Limits(), Progress())


@dataclass(frozen=True)
class Whole:
    """A calibration that nothing disturbed."""

    result: CompileResult
    estimated: int
    script: Unsure
    answers: tuple[str, ...]
    """As the journal has them."""


@cache
def whole() -> Whole:
    script = Unsure()
    register_script("unsure", script)
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "run", create=True) as store:
        made = plan()
        result = run(store, made)
        kept = [zlib.decompress(cast(bytes, answer)).decode() for (answer,) in store.rows("SELECT answer FROM journal")]
    return Whole(result, made.preflight().total.calls, script, tuple(kept))


def test_the_threshold_is_found_and_the_test_score_rises() -> None:
    result = whole().result
    scores = result.program.scores
    assert (scores.before.mean, scores.after.mean) == (0.75, 1.0)
    assert result.program.recommended
    threshold = result.program.predictors["predict"].decisions["ripe"]["threshold"]
    assert isinstance(threshold, float) and abs(threshold - BAR) < 1 / len(PARTS.train)
    assert f'+ripe: {{"threshold":{threshold}}}' in result.program.diff["predict"]
    assert result.program.predictors["predict"].instructions == FruitJudge.signature.instructions
    assert result.usage.calls == len(whole().script.bodies) == 2 * ONCE == whole().estimated
    assert whole().script.repeated == 0


def test_the_weights_of_a_choice_are_found(store: Store, unsure: Unsure) -> None:
    result = run(store, plan(SIZE))
    assert (result.program.scores.before.mean, result.program.scores.after.mean) == (0.75, 1.0)
    assert set(result.program.predictors["predict"].decisions["size"]["weights"]) == {"small", "middling", "large"}


@pytest.mark.parametrize("name", ["direct/scripted", pytest.param("hosted_vllm/scripted", marks=pytest.mark.slow)])
def test_probabilities_come_over_http(store: Store, unsure: Unsure, name: str) -> None:
    with serve(unsure) as server:
        result = run(store, plan(lm=build_lm(name, api_base=server.url)))
    assert (result.program.scores.before.mean, result.program.scores.after.mean) == (0.75, 1.0)
    asked = [body for body in unsure.bodies if "logprobs" in body]
    assert len(asked) == ONCE
    plain = [{**body, "logprobs": True, "top_logprobs": 20} for body in unsure.bodies if body not in asked]
    same = [sorted(orjson.dumps(body, option=orjson.OPT_SORT_KEYS) for body in bodies) for bodies in (plain, asked)]
    assert same[0] == same[1], "prompt and schema are the same with and without probabilities"


def test_a_judge_that_is_calibrated_stays_as_it_is(store: Store, unsure: Unsure) -> None:
    made = plan()
    made.cases = made.cases._replace(
        **{
            name: tuple(
                case.model_copy(update={"expected": case.inputs["fruit"] > f"{case.field} 0.5"}) for case in part
            )
            for name, part in made.cases._asdict().items()
        }
    )
    result = run(store, made)
    assert result.program.predictors["predict"].decisions == {}
    assert not result.program.recommended and result.program.diff == {}


def test_an_interrupted_calibration_goes_on_and_pays_nothing_twice(store: Store, unsure: Unsure) -> None:
    least = len(PARTS.validation) + 2 * len(PARTS.test)
    capped = run(store, plan(), Limits(calls=least + 10))
    assert "before the search was over" in capped.ended_by and capped.usage.calls <= least + 10
    result = run(store, plan())
    assert result.program.scores.after.mean == 1.0
    assert unsure.repeated == 0


def test_only_the_verdicts_alternatives_are_journalled() -> None:
    answers = whole().answers
    assert sum("logprobs" in answer for answer in answers) == ONCE
    assert max(answer.count("top_logprobs") for answer in answers) == 1


def test_the_file_decides_wherever_the_role_is(unsure: Unsure, tmp_path: Path) -> None:
    path = tmp_path / "judge.json"
    whole().result.program.write(path)
    judge = FruitJudge()
    with model("scripted/unsure"):
        assert not judge(fruit="kiwi 0.4")
        judge.load(path)
        assert judge(fruit="kiwi 0.4") and not judge(fruit="kiwi 0.1")
        saved, again = tmp_path / "state.json", FruitJudge()
        cast(Any, judge).save(saved)
        again.load(saved)
        assert again(fruit="kiwi 0.4")
    path.write_text(path.read_text().replace('"threshold": 0.', '"threshold": 1.'))
    with pytest.raises(DataError, match="was changed after it was compiled"):
        read_compiled(path)


def test_decisions_that_do_not_fit_the_role_are_refused() -> None:
    program = whole().result.program
    state = program.predictors["predict"].model_copy(update={"decisions": {"ripe": {"threshold": 7}}})
    judge: Any = FruitJudge()
    with pytest.raises(DataError, match=r"f.json was compiled for another predict .*Threshold for 'ripe' must be in"):
        program.model_copy(update={"predictors": {"predict": state}}).apply(judge, "f.json")
    assert judge.predict.fields == {}


def test_a_model_without_probabilities_is_refused_before_the_first_call(
    unsure: Unsure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synthtools.backends.scripted.ScriptedTransport.logprobs", False)
    with pytest.raises(ConfigError, match=r"--method reanchor: .*logprobs.*scripted/unsure does not give"):
        plan()
    judge = FruitJudge()
    judge.predict.fields = {"ripe": {"threshold": 0.3}}
    with model("scripted/unsure"), pytest.raises(ConfigError, match="scripted/unsure gives no probabilities of tokens"):
        judge(fruit="kiwi 0.4")
    assert unsure.bodies == []


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (AgentSolver(), "AgentSolver has no verdict"),
        (EnvAudit(SMALL), "it calibrates the verdict of one role, and EnvAudit is none"),
    ],
)
def test_what_has_no_verdict_of_its_own_is_refused(unsure: Unsure, module: dspy.Module, said: str) -> None:
    with pytest.raises(ConfigError, match=f"--method reanchor: {said}"):
        plan(module=module)


def test_the_command_line_calibrates_and_refuses_in_one_line(
    unsure: Unsure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TARGETS, RIPE.name, RIPE)
    write_cases(tmp_path / "cases.jsonl", [case for part in PARTS for case in part])
    told = ("optimize", RIPE.name, "--run", tmp_path / "run", "--cases", tmp_path / "cases.jsonl", "--json",
            "--model", "scripted/unsure", "--method", "reanchor", "--train", "20", "--validation", "12")  # fmt: skip
    result = invoke(*told)
    assert result.exit_code == 0, result.stderr
    found = orjson.loads(result.stdout)["program"]
    assert (found["method"], found["scores"]["before"]["mean"], found["scores"]["after"]["mean"]) == (
        "reanchor",
        0.75,
        1,
    )
    paid = len(unsure.bodies)
    monkeypatch.setattr("synthtools.backends.scripted.ScriptedTransport.logprobs", False)
    result = invoke(*told, "--seed", "7")
    assert (result.exit_code, len(unsure.bodies)) == (2, paid)
    assert "(logprobs), which scripted/unsure does not give" in error_of(result)


def test_a_stage_on_a_model_without_probabilities_refuses_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synthtools.backends.scripted.ScriptedTransport.logprobs", False)
    script = playing("calibrated")
    judge: Any = ResponseJudge()
    judge.predict.fields = {"verdict": {"weights": {"correct": 0.5}}}
    compiled(judge).write(tmp_path / "judge.json")
    result = invoke("run", "--run", tmp_path / "run", "--model", "scripted/calibrated", "--profile", "small",
                    "--field", "Bicycle rental", "--limit", "1", "--program", tmp_path / "judge.json")  # fmt: skip
    assert (result.exit_code, script.bodies) == (2, {})
    said = "ResponseJudge is calibrated on token probabilities (logprobs), which scripted/calibrated does not give"
    assert said in error_of(result)


def test_a_stage_decides_as_the_file_says(tmp_path: Path) -> None:
    script = playing("calibrated")
    judge: Any = ResponseJudge()
    judge.predict.fields = {"verdict": {"weights": {"correct": 0.5}}}
    compiled(judge).write(tmp_path / "judge.json")
    result = invoke("run", "--run", tmp_path / "run", "--model", "scripted/calibrated", "--profile", "small",
                    "--field", "Bicycle rental", "--limit", "1", "--program", tmp_path / "judge.json")  # fmt: skip
    assert result.exit_code == 0, result.stderr
    asked = {role: ["logprobs" in body for body in bodies] for role, bodies in script.bodies.items()}
    assert all(asked.pop("JudgeResponse", [True]))
    assert not any(any(bodies) for bodies in asked.values())


def test_a_server_that_leaves_probabilities_out_is_told(unsure: Unsure) -> None:
    class Mute(Unsure):
        """Does not know what it is asked for."""

        def completion(self, body: Any) -> Any:
            """The answer to a body."""
            return super().completion({key: value for key, value in body.items() if key != "logprobs"})

    judge = FruitSizer()
    judge.predict.fields = {"size": {"weights": {"large": 2.0}}}
    said = "direct/scripted: the answer came without the probabilities of its tokens"
    with (
        serve(Mute()) as server,
        model("direct/scripted", api_base=server.url),
        pytest.raises(ProviderError, match=said),
    ):
        judge(fruit="kiwi 0.4")
