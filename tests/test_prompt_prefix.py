"""Calls of one role on one environment and tool share the front of their prompts, so that a prompt cache works."""

import importlib
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise, takewhile
from typing import Any

import dspy
import orjson
import pytest

from synthtools.backends import model
from synthtools.backends.prompt import parse_prompt
from synthtools.modules.generator import ScenarioGenerator, SubfieldGenerator
from synthtools.modules.judges import DisagreementJudge, SolutionJudge, TrajectoryJudge, TurnJudge
from synthtools.modules.solver import OneShotSolver
from synthtools.programs.env_audit import EnvAudit
from synthtools.signatures.families import FAMILIES
from synthtools.types import SMALL
from synthtools.types.schema_from import Hidden
from synthtools.world.agreement import Disagreement, Ended
from tests.library import Recorded, always, made, playing, served

SHARED: Mapping[str, tuple[str, ...]] = {
    "GenerateSubfields": ("field",),
    "GenerateScenarios": ("field",),
    "DesignCollection": ("scenario", "collections"),
    "PopulateCollection": ("scenario",),
    "DesignTool": ("scenario", "collections", "existing_tools"),
    "WriteBehaviour": ("state_example", "tool"),
    "PlanSequences": ("scenario", "tools", "taken"),
    "CheckRules": ("tool", "records"),
    "SimulateResponse": ("tool", "now", "records"),
    "WriteTestCalls": ("records", "tool"),
    "JudgeResponse": ("records", "tool"),
    "FirstTurn": ("scenario", "purpose"),
    "NextTurn": ("scenario", "conversation"),
    "SolveTurn": ("tools", "conversation"),
    "PlanSolution": ("tools",),
    "NextStep": ("tools", "request", "calls_so_far"),
    "JudgeTurn": ("conversation", "request"),
    "JudgeSolution": ("request", "expected_calls"),
    "JudgeDisagreement": ("tool", "now"),
    "JudgeTrajectory": ("request", "expected_calls"),
    "MergeTurns": ("turns", "values"),
}
"""What calls of a role have in common or add to at the end, the most shared first; what is new in each comes after."""

LEAST: Mapping[str, float] = {
    "GenerateSubfields": 0.95,
    "GenerateScenarios": 0.95,
    "DesignCollection": 0.95,
    "PopulateCollection": 0.95,
    "DesignTool": 0.94,
    "WriteBehaviour": 0.89,
    "PlanSequences": 0.85,
    "CheckRules": 0.85,
    "SimulateResponse": 0.8,
    "WriteTestCalls": 0.88,
    "JudgeResponse": 0.78,
    "FirstTurn": 0.9,
    "NextTurn": 0.78,
    "SolveTurn": 0.85,
    "PlanSolution": 0.86,
    "NextStep": 0.86,
    "JudgeTurn": 0.7,
    "JudgeSolution": 0.95,
    "JudgeDisagreement": 0.92,
    "JudgeTrajectory": 0.95,
    "MergeTurns": 0.8,
}
"""Least share of the characters of a role's calls after its first that an earlier one began with: what they have, but
for a few points."""


def signature(role: str) -> type[dspy.Signature]:
    family = next(family for family, names in FAMILIES.items() if role in names)
    return getattr(importlib.import_module(f"synthtools.signatures.{family}"), role)


def shown_inputs(role: str) -> list[str]:
    """The inputs that a prompt shows, in its order."""
    fields = signature(role).input_fields
    return [name for name, info in fields.items() if not any(isinstance(mark, Hidden) for mark in info.metadata)]


@lru_cache(maxsize=1)
def asked() -> dict[str, list[Any]]:
    """Bodies of several calls of every role on one environment: of the pipeline, and where that asks none, of roles."""
    result, script = made()
    disagreeing = {"JudgeDisagreement": always({"reason": "So it says.", "right": "neither"})}
    more: Recorded = playing("prefixes", disagreeing)
    env, task = result.environments[0].env, result.tasks[0]
    changing = next(tool for tool in env.tools if tool.writes and tool.name in env.code)
    trajectories = [one for one in result.trajectories if one.task_id == task.id]
    expected = task.gt_tool_calls
    with model("scripted/prefixes", seed=7):
        for field in ("Bicycle rental", "Veterinary clinics"):
            SubfieldGenerator()(field=field, count=3)
            ScenarioGenerator()(field=field, subfield="Repairs", count=1)
        EnvAudit(SMALL)(env=served().env)
        for one in result.tasks:
            OneShotSolver()(tools=one.tools, request=one.summary, most=len(one.gt_tool_calls) + 2)
        answered = trajectories[0].steps[0].responses[0]
        for call in expected:
            pair = (call, answered)
            TurnJudge()(conversation=[], request=task.summary, expected=pair, actual=pair, in_question=[])
        for said in ("loans LOA-1: status", "loans LOA-1: reader"):
            SolutionJudge()(request=task.summary, expected=expected, actual=expected, differences=[said])
        for number in (1, 2):
            ended = Ended(status=404)
            case = Disagreement(arguments={"id": f"LOA-{number}"}, before=env.initial_state, first=ended,
                                second=Ended(status=None), what=f"{number}")  # fmt: skip
            DisagreementJudge()(tool=changing, now=env.now, case=case)
        for answer in ("It is done.", "Nothing was done."):
            rollout = trajectories[0].model_copy(update={"answer": answer})
            TrajectoryJudge()(request=task.summary, expected=expected, trajectory=rollout)
    return {role: [*script.bodies.get(role, ()), *more.bodies.get(role, ())] for role in SHARED}


def whole_prompt(body: Any) -> str:
    return "\n".join(f"{message['role']}: {message['content']}" for message in body["messages"])


def shared(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def test_every_role_is_looked_at() -> None:
    assert set(SHARED) == {name for names in FAMILIES.values() for name in names}


@pytest.mark.parametrize("role", SHARED)
def test_what_calls_share_is_shown_first_and_what_went_wrong_last(role: str) -> None:
    inputs = shown_inputs(role)
    assert tuple(inputs[: len(SHARED[role])]) == SHARED[role]
    assert inputs[-1] == "feedback" or "feedback" not in inputs


@pytest.mark.parametrize("role", SHARED)
def test_calls_of_a_role_begin_like_earlier_ones(role: str) -> None:
    """In sorted order each prompt stands beside the one that it has most in common with."""
    prompts = sorted(map(whole_prompt, asked()[role]))
    assert len(prompts) >= 2
    kept = sum(shared(one, other) for one, other in pairwise(prompts))
    assert kept / sum(map(len, prompts[1:])) >= LEAST[role]


@pytest.mark.parametrize(("role", "name"), [("WriteTestCalls", "records"), ("WriteBehaviour", "state_example")])
def test_records_begin_with_the_tools_own_collection(role: str, name: str) -> None:
    tools = {tool.name: tool for tool in made()[0].environments[0].env.tools}
    seen: set[str] = set()
    for body in made()[1].bodies[role]:
        inputs = parse_prompt(body["messages"])  # type: ignore[arg-type]
        tool = next(tool for tool in tools.values() if tool.name in inputs["tool"])
        assert next(iter(orjson.loads(inputs[name]))) == tool.reads[0]
        seen.add(tool.name)
    assert seen == set(tools)


@pytest.mark.parametrize("role", SHARED)
def test_the_front_of_a_prompt_is_its_signature_alone(role: str) -> None:
    assert len({body["messages"][0]["content"] for body in asked()[role]}) == 1
