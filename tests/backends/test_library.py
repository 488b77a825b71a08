"""The scripted library: honest about what it is, and enough of a world for every profile and seed."""

import json
import subprocess
import sys
import urllib.request

import pytest

import synthtools as st
from synthtools.backends.scripted import STAND_IN, script_named
from synthtools.types import SMALL, STANDARD

WIDE = STANDARD.model_copy(update={"sequences": 6, "certification_draws": 40, "records": 4, "scenarios": 2})
"""Everything that the standard profile asks for, less often."""


@pytest.mark.parametrize(
    ("profile", "seed", "environments"), [(SMALL, 11, 3), (SMALL, 1234, 1), (WIDE, 0, 1)], ids=["three", "seed", "wide"]
)
def test_certified_tasks_and_solved_rollouts_come_of_it(profile: st.Profile, seed: int, environments: int) -> None:
    with st.model("scripted/library", seed=seed):
        made = st.Pipeline(profile)(field="Choir management", environments=environments)
    assert len(made.environments) == environments
    for audited in made.environments:
        assert "Scripted" in audited.env.scenario.title
        assert len(audited.env.collections) == profile.collections
        assert len(audited.env.tools) == profile.tools
        assert len(audited.reliable) == profile.tools
    changing = [task for task in made.tasks if task.initial_state != task.final_state]
    assert len(changing) >= 2 * environments
    assert {task.certificate.grade for task in made.tasks if task.certificate} == {"certified"}
    solved = [rollout for rollout in made.trajectories if rollout.verdict and rollout.verdict.passed]
    assert len(solved) >= 0.8 * len(made.tasks)
    assert "scripted stand-in" in str(solved[0].answer)


def test_a_role_it_does_not_know_gets_fitting_data_and_the_name_of_the_stand_in() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    shape = {"type": "json_schema", "json_schema": {"name": "Unheard", "schema": schema}}
    completion = script_named("library").completion({"messages": [], "response_format": shape})
    assert completion["model"] == STAND_IN


def test_it_is_served_as_a_command() -> None:
    command = [sys.executable, "-m", "synthtools.backends.scripted", "--port", "0", "library"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[-1]
            count = {"type": "array", "items": {"type": "string"}, "minItems": 3, "maxItems": 3}
            schema = {"title": "GenerateSubfields", "type": "object", "properties": {"subfields": count}}
            shape = {"type": "json_schema", "json_schema": {"name": "GenerateSubfields", "schema": schema}}
            body = {"messages": [{"role": "user", "content": "[[ ## field ## ]]\nBikes"}], "response_format": shape}
            request = urllib.request.Request(
                f"{address}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request) as answer:
                said = json.load(answer)
        finally:
            process.terminate()
    assert said["model"] == STAND_IN
    assert len(json.loads(said["choices"][0]["message"]["content"])["subfields"]) == 3
