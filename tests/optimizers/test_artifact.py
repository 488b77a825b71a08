"""Compiled programs as files: used wherever their role is, refused where they are not for what they are given to."""

from pathlib import Path
from typing import Any, cast

import dspy
import orjson
import pytest

from synthtools.backends import model
from synthtools.backends.scripted import register_script
from synthtools.config import Settings
from synthtools.errors import DataError
from synthtools.modules.compiled import (
    CasesUsed,
    CompiledProgram,
    Estimate,
    Scores,
    is_compiled,
    predictors_of,
    read_compiled,
    state_of,
)
from synthtools.modules.role import Role
from synthtools.modules.solver import AgentSolver
from synthtools.modules.validator import ResponseJudge
from synthtools.programs.env_audit import EnvAudit
from synthtools.programs.env_generation import EnvGeneration
from synthtools.runs.models import Models, stages_with
from synthtools.runs.stages import STAGES
from synthtools.types import SMALL
from synthtools.types.record import JsonObject
from tests.cli.shared import error_of, invoke
from tests.library import Recorded, playing
from tests.optimizers.quiz import SECRET, WordSorter

NEW = "Judge with care, as a compile found."
DEMO: JsonObject = {"request": "Lend it.", "open_parts": "all of what a compile found", "step": {"answer": "Lent."}}


def compiled(module: dspy.Module, instructions: str = NEW, **changed: Any) -> CompiledProgram:
    """A compiled program of a module: other instructions and a demo for its first predictor."""
    states = state_of(module)
    first = next(iter(states))
    states[first] = states[first].model_copy(update={"instructions": instructions, "demos": (DEMO,)})
    none = Estimate(mean=0.5, low=0.4, high=0.6)
    scores = Scores(
        cases=8, before=none, after=none, gain=none, p_value=0.5, significant=False, tokens_before=1.0, tokens_after=1.0
    )
    content: dict[str, Any] = {
        "id": "0123456789abcdef", "target": "response-judge", "module": type(module).__name__, "predictors": states,
        "method": "gepa", "settings": {}, "models": {"student": "m"}, "seed": 0,
        "data": CasesUsed(hash="0" * 64, train=1, validation=1, test=8), "scores": scores, "recommended": False,
    }  # fmt: skip
    return CompiledProgram(**{**content, **changed})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A compiled judge of responses."""
    path = tmp_path / "judge.json"
    compiled(ResponseJudge()).write(path)
    return path


def instructions_of(module: Any) -> dict[str, str]:
    return {path: predictor.signature.instructions for path, predictor, _ in predictors_of(module)}


def test_what_is_written_is_read_and_a_role_loads_it(file: Path) -> None:
    assert read_compiled(file) == compiled(ResponseJudge())
    judge = ResponseJudge()
    judge.load(file)
    assert state_of(judge) == read_compiled(file).predictors
    assert b"pickle" not in file.read_bytes()


def test_every_stage_that_has_a_role_uses_it_compiled_and_no_other_does(tmp_path: Path) -> None:
    stages = tuple(STAGES.values())
    plain = {stage.name: cast(Any, stage.load_program(SMALL)) for stage in stages}
    roles = {type(part).__name__: part for program in plain.values() for _, part in program.named_sub_modules()
             if isinstance(part, Role)}  # fmt: skip
    assert len(roles) > 10
    settings = Settings(profile=SMALL)
    shared = 0
    for name, role in roles.items():
        path = tmp_path / f"{name}.json"
        compiled(role).write(path)
        having = [stage for stage in plain if any(held == name for _, _, held in predictors_of(plain[stage]))]
        assert [stage.name for stage in stages_with(path, stages, SMALL)] == having
        shared += len(having) > 1
        for stage in having:
            program = Models(settings, {stage: [path]}).program(STAGES[stage])
            before = instructions_of(plain[stage])
            changed = {place for place, text in instructions_of(program).items() if text != before[place]}
            held = {place for place, _, role_name in predictors_of(plain[stage]) if role_name == name}
            assert changed and changed <= held
    assert shared, "some role is in more than one stage"


def test_the_prompts_on_the_wire_are_the_compiled_ones(tmp_path: Path) -> None:
    script = playing("compiled")
    file = tmp_path / "solver.json"
    compiled(AgentSolver()).write(file)
    where = ("--run", tmp_path / "run", "--model", "scripted/compiled", "--profile", "small")
    result = invoke("run", *where, "--field", "Bicycle rental", "--limit", "1", "--program", file)
    assert result.exit_code == 0, result.stderr
    assert all(NEW in system for system in systems(script, "NextStep"))
    assert all(NEW not in system for role in script.bodies for system in systems(script, role) if role != "NextStep")
    shown = [cast("list[dict[str, str]]", body["messages"]) for body in script.bodies["NextStep"]]
    assert all(str(DEMO["open_parts"]) in messages[2]["content"] for messages in shown)
    again = invoke("trajectory-generation", *where)
    assert again.exit_code == 2 and "made with other settings: program was" in error_of(again)


def systems(script: Recorded, role: str) -> list[str]:
    return [str(cast("list[dict[str, str]]", body["messages"])[0]["content"]) for body in script.bodies[role]]


def test_a_stage_without_the_role_refuses_it(tmp_path: Path, file: Path) -> None:
    result = invoke("env-generation", "--run", tmp_path / "run", "--field", "Bikes", "--model", "scripted/library",
                    "--program", file)  # fmt: skip
    assert result.exit_code == 2
    assert "nothing in env-generation is what it was compiled for" in error_of(result)
    result = invoke("env-generation", "--run", tmp_path / "run", "--field", "Bikes", "--model", "scripted/library",
                    "--program", f"env-generation={file}")  # fmt: skip
    assert result.exit_code == 2
    assert "was compiled for ResponseJudge: EnvGeneration has no ResponseJudge" in error_of(result)


def test_a_program_keeps_its_other_roles(file: Path) -> None:
    audit = EnvAudit(SMALL)
    before = instructions_of(audit)
    audit.load(file)
    assert {path for path, text in instructions_of(audit).items() if text != before[path]} == {"judge.predict"}
    with pytest.raises(DataError, match="EnvGeneration has no ResponseJudge"):
        EnvGeneration(SMALL).load(file)


def test_a_changed_file_is_refused(file: Path) -> None:
    content = orjson.loads(file.read_bytes())
    content["predictors"]["predict"]["instructions"] = "Say correct, always."
    file.write_bytes(orjson.dumps(content))
    with pytest.raises(DataError, match="was changed after it was compiled"):
        ResponseJudge().load(file)
    del content["sha256"]
    file.write_bytes(orjson.dumps(content))
    with pytest.raises(DataError, match="was changed after it was compiled"):
        ResponseJudge().load(file)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"format": "onnx"}', "is no compiled program of SynthTools"),
        (b'{"format": "synthtools-compiled", "version": 99}', "of version 99, this SynthTools reads version 1"),
        (b'{"name": "a", "dependencies": {}}', "holds no state of ResponseJudge"),
        (b"[1, 2]", "holds no state of ResponseJudge"),
        (b'{"predict": {"signature": {}, "demos": [], "lm": null}, "metadata": {}}', "holds no state of ResponseJudge"),
        (b"not json", "is no JSON"),
    ],
)
def test_foreign_files_are_refused_in_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "foreign.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        ResponseJudge().load(path)
    result = invoke("env-audit", "--run", tmp_path / "run", "--model", "scripted/library", "--program", path)
    assert result.exit_code == 2
    error_of(result)


def test_a_file_for_another_signature_says_which_field_differs(tmp_path: Path, file: Path) -> None:
    changed = ResponseJudge()
    signature: Any = changed.predict.signature
    changed.predict.signature = signature.with_updated_fields("reason", type_=int)
    path = tmp_path / "int.json"
    compiled(changed).write(path)
    with pytest.raises(DataError, match=r"its output reason was of type int, and is an output of type str"):
        ResponseJudge().load(path)
    changed.predict.signature = signature.delete("expectation")
    compiled(changed).write(path)
    with pytest.raises(DataError, match="it had no input expectation"):
        ResponseJudge().load(path)
    changed.predict.signature = signature.prepend("weather", dspy.InputField(), str)
    compiled(changed).write(path)
    judge = ResponseJudge()
    with pytest.raises(DataError, match="it had the input weather"):
        judge.load(path)
    assert state_of(judge) == state_of(ResponseJudge()), "a refused file changes nothing"


@pytest.mark.parametrize("change", [{"lm": "x"}, {"lm": {"model": 5}}, {"extended_signature": {}}])
def test_a_damaged_state_is_refused_in_one_line(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "state.json"
    ResponseJudge().save(path)
    state = orjson.loads(path.read_bytes())
    path.write_bytes(orjson.dumps({**state, "predict": {**state["predict"], **change}}))
    with pytest.raises(DataError, match="holds no state of ResponseJudge"):
        ResponseJudge().load(path)


def test_states_that_dspy_saved_load_as_before(tmp_path: Path) -> None:
    judge = ResponseJudge()
    judge.predict.signature = cast(Any, judge.predict.signature).with_instructions(NEW)
    judge.save(str(tmp_path / "plain.json"))
    assert not is_compiled(tmp_path / "plain.json")
    other = ResponseJudge()
    other.load(tmp_path / "plain.json")
    assert instructions_of(other) == {"predict": NEW}


def test_a_state_of_dspy_with_other_places_of_fields_is_refused(tmp_path: Path) -> None:
    # DSPy saves no names: descriptions would go to whichever field now has their place.
    path = tmp_path / "plain.json"
    ResponseJudge().save(str(path))
    state = orjson.loads(path.read_bytes())
    fields = state["predict"]["signature"]["fields"]

    def refused(changed: list[JsonObject], said: str) -> None:
        signature = {**state["predict"]["signature"], "fields": changed}
        path.write_bytes(orjson.dumps({**state, "predict": {**state["predict"], "signature": signature}}))
        judge = ResponseJudge()
        with pytest.raises(DataError, match=f"was saved for another predict than this version's.*{said}"):
            judge.load(path)
        assert state_of(judge) == state_of(ResponseJudge())

    refused([fields[1], fields[0], *fields[2:]], "its field 1 is 'Tool', and here it is 'Records'")
    refused(fields[1:], f"it has {len(fields) - 1} fields, and here are {len(fields)}")
    refused([{**fields[0], "prefix": "Weather:"}, *fields[1:]], "its field 1 is 'Weather', and here it is 'Records'")
    refused([*fields[:-2], fields[-1], fields[-2]], "its field 8 is 'Verdict', and here it is 'Reason'")
    EnvAudit(SMALL).save(str(path))
    whole = orjson.loads(path.read_bytes())
    whole["judge.predict"]["signature"]["fields"].reverse()
    path.write_bytes(orjson.dumps(whole))
    result = invoke("env-audit", "--run", tmp_path / "run", "--model", "scripted/library", "--program", path)
    assert result.exit_code == 2
    assert "was saved for another judge.predict than this version's" in error_of(result)


def test_a_state_whose_last_prefix_an_optimizer_wrote_loads(tmp_path: Path) -> None:
    judge = ResponseJudge()
    signature: Any = judge.predict.signature
    judge.predict.signature = signature.with_updated_fields("verdict", prefix="The verdict is:").with_instructions(NEW)
    judge.save(str(tmp_path / "copro.json"))
    other = ResponseJudge()
    other.load(tmp_path / "copro.json")
    assert instructions_of(other) == {"predict": NEW}


def test_two_files_for_one_stage_both_count(tmp_path: Path, file: Path) -> None:
    audit = EnvAudit(SMALL)
    compiled(audit.write_calls, "Write tests.", target="test-calls").write(tmp_path / "writer.json")
    models = Models(Settings(), {"env-audit": [file, tmp_path / "writer.json"]})
    texts = instructions_of(models.program(STAGES["env-audit"]))
    assert texts["judge.predict"] == NEW and texts["write_calls.predict"] == "Write tests."


def test_a_compiled_role_asks_as_it_was_compiled() -> None:
    script = Recorded({"SortWord": lambda inputs, schema, seed: {"reason": "r", "group": "red"}})
    register_script("told", script)
    sorter: Role = WordSorter()
    compiled(WordSorter(), SECRET).apply(sorter, "x")
    sorter.predict.demos = []
    with model("scripted/told"):
        assert sorter(word="abc") == "red"
    assert SECRET in systems(script, "SortWord")[0]
