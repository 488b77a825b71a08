"""The whole in memory, sequences, and programs that are saved and loaded."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

import synthtools as st
from synthtools.backends import model
from synthtools.backends.library.roles import ROLES
from synthtools.errors import Dropped
from synthtools.programs.task_sequences import TaskSequences
from synthtools.types import SMALL, STANDARD
from tests.library import environment, made, playing


def test_a_field_becomes_certified_tasks_and_solved_rollouts() -> None:
    result, _ = made()
    assert {task.certificate.grade for task in result.tasks if task.certificate} == {"certified"}
    assert len(result.tasks) == len(result.trajectories) >= 3
    assert any(rollout.verdict and rollout.verdict.passed for rollout in result.trajectories)


def test_the_same_seed_makes_the_same_and_another_seed_something_else() -> None:
    def ids(seed: int) -> list[str]:
        with model("scripted/library", seed=seed):
            found = asyncio.run(st.EnvGeneration(SMALL).acall(scenario=environment().env.scenario, env_id="x_spec_001"))
        return [tool.name for tool in found.tools]

    assert ids(0) == ids(0)
    assert ids(0) != ids(10)


def test_what_is_not_good_enough_is_told_and_the_rest_goes_on() -> None:
    def picky(inputs: dict[str, Any], schema: dict[str, Any], seed: int) -> Any:
        answer: Any = ROLES["MergeTurns"](inputs, schema, seed)
        return {"request": "Nothing of the kind, thanks."} if "mark a loan" in answer["request"] else answer

    playing("picky", {"MergeTurns": picky})
    with model("scripted/picky", seed=7):
        result = st.Pipeline(SMALL)(field="Bicycle rental")
    assert "no natural summary" in {drop.reason for drop in result.drops}
    assert all("These values are missing" in drop.detail for drop in result.drops)
    assert result.tasks


@pytest.mark.parametrize("profile", [SMALL, STANDARD], ids=lambda profile: profile.name)
def test_sequences_are_different_and_can_be_carried_out(profile: st.Profile) -> None:
    env = environment()
    with model("scripted/library"):
        sequences = TaskSequences(profile)(env=env)
    plans = [sequence.tools for sequence in sequences]
    assert len(plans) == len(set(plans)) <= profile.sequences
    assert len({plan[0] for plan in plans}) >= 3
    changing = {tool.name for tool in env.env.tools if tool.changes_state}
    assert sum(bool(changing & set(plan)) for plan in plans) / len(plans) >= profile.changing_tasks
    assert all(2 <= len(plan) <= len(env.reliable) for plan in plans)


def test_an_environment_with_one_reliable_tool_has_no_sequences() -> None:
    first, *others = environment().audits
    audits = (first, *(audit.model_copy(update={"kept": False}) for audit in others))
    with model("scripted/library"), pytest.raises(Dropped, match="fewer than two reliable tools"):
        TaskSequences(SMALL)(env=environment().model_copy(update={"audits": audits}))


PROGRAMS = (
    *(st.Subfields, st.Scenarios, st.EnvGeneration, st.EnvAudit, st.TaskSequences, st.TaskGeneration, st.TaskAudit),
    *(st.TrajectoryGeneration, st.Pipeline),
)


@pytest.mark.parametrize("kind", PROGRAMS, ids=lambda kind: kind.__name__)
def test_a_saved_program_is_json_and_loads_into_another(kind: type[Any], tmp_path: Path) -> None:
    program, path = kind(SMALL), tmp_path / "program.json"
    for number, (_, predictor) in enumerate(program.named_predictors()):
        predictor.signature = predictor.signature.with_instructions(f"Instructions {number}.")
    program.save(str(path))
    saved = json.loads(path.read_text())
    names = [name for name, _ in program.named_predictors()]
    assert names
    assert set(names) <= set(saved)
    other = kind(SMALL)
    other.load(str(path))
    assert [predictor.signature.instructions for _, predictor in other.named_predictors()] == [
        f"Instructions {number}." for number in range(len(names))
    ]
    assert other.dump_state() == program.dump_state()


def test_a_loaded_pipeline_still_works(tmp_path: Path) -> None:
    st.Pipeline(SMALL).save(str(tmp_path / "p.json"))
    pipeline = st.Pipeline(SMALL)
    pipeline.load(str(tmp_path / "p.json"))
    script = playing("reloaded")
    with model("scripted/reloaded", seed=7):
        result = pipeline(field="Bicycle rental")
    assert [task.id for task in result.tasks] == [task.id for task in made()[0].tasks]
    assert "WriteBehaviour" in script.bodies
