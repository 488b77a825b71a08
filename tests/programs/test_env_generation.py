"""Environments: code that is wrong is told where it fails, and a tool whose code stays wrong is dropped."""

from typing import Any

import pytest

from synthtools.backends import model
from synthtools.backends.library.roles import ROLES
from synthtools.errors import Dropped
from synthtools.programs.env_generation import EnvGeneration, Scenarios, Subfields
from synthtools.types import SMALL, Scenario
from tests.library import playing

ENV = "library_spec_001"


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    playing("as-it-is")
    with model("scripted/as-it-is"):
        subfields = Subfields(SMALL)(field="Libraries")
        assert len(set(subfields)) == SMALL.subfields
        return Scenarios(SMALL)(field="Libraries", subfield=subfields[0])[0]


def test_an_environment_has_certified_tools_over_a_valid_state(scenario: Scenario) -> None:
    playing("as-it-is")
    with model("scripted/as-it-is"):
        env = EnvGeneration(SMALL)(scenario=scenario, env_id=ENV)
    assert (env.id, len(env.tools), env.drops) == (ENV, SMALL.tools, ())
    assert all(code.certified and code.guard_certified for code in env.code.values())
    assert sum(tool.changes_state for tool in env.tools) / len(env.tools) >= SMALL.changing_tools
    assert {name: len(records) for name, records in env.initial_state.items()} == {
        collection.name: SMALL.records for collection in env.collections
    }


def test_wrong_code_is_shown_with_the_case_in_which_it_fails(scenario: Scenario) -> None:
    wrong = {"left": 1}

    def forgetful(inputs: dict[str, Any], schema: dict[str, Any], seed: int) -> Any:
        answer: Any = ROLES["WriteBehaviour"](inputs, schema, seed)
        if wrong["left"]:
            wrong["left"] -= 1
            return {**answer, "guard": "def guard(args, state, now):\n    return None\n"}
        return answer

    script = playing("forgetful", {"WriteBehaviour": forgetful})
    with model("scripted/forgetful"):
        env = EnvGeneration(SMALL)(scenario=scenario, env_id=ENV)
    assert (len(env.tools), env.drops) == (SMALL.tools, ())
    second = script.prompt("WriteBehaviour", 1)
    assert "[[ ## feedback ## ]]" in second
    assert "ZZZ-99" in second or "404" in second
    assert "return None" in second.partition("last_guard")[2]


def test_a_tool_whose_code_stays_wrong_is_dropped_with_its_reason_and_another_takes_its_place(
    scenario: Scenario,
) -> None:
    def never_adds(inputs: dict[str, Any], schema: dict[str, Any], seed: int) -> Any:
        answer: Any = ROLES["WriteBehaviour"](inputs, schema, seed)
        return {**answer, "apply": answer["apply"].replace("[key] = record", ".get(key)")}

    playing("never-adds", {"WriteBehaviour": never_adds})
    with model("scripted/never-adds"):
        env = EnvGeneration(SMALL)(scenario=scenario, env_id=ENV)
    assert {(drop.part, drop.reason) for drop in env.drops} >= {("tool:AddLoan", "not certified")}
    assert all(drop.detail for drop in env.drops)
    assert not any(tool.name.startswith("Add") for tool in env.tools)
    assert len(env.tools) == SMALL.tools


def test_an_environment_without_tools_is_dropped(scenario: Scenario) -> None:
    def crashing(inputs: dict[str, Any], schema: dict[str, Any], seed: int) -> Any:
        body = "def {}(args, state, now):\n    return args['nothing of the kind']\n"
        return {"guard": body.format("guard"), "apply": body.format("apply")}

    playing("crashing", {"WriteBehaviour": crashing})
    with model("scripted/crashing"), pytest.raises(Dropped, match="too few tools"):
        EnvGeneration(SMALL)(scenario=scenario, env_id=ENV)
