"""Near-duplicates while generating: told to the model, asked for again, and dropped where that is vain."""

from typing import Any

import pytest

from synthtools.backends import model
from synthtools.backends.library.roles import ROLES
from synthtools.errors import DataError
from synthtools.modules.generator import ScenarioGenerator, ToolGenerator
from synthtools.programs.env_audit import EnvAudit
from synthtools.programs.env_generation import Scenarios, Subfields
from synthtools.programs.pipeline import Pipeline
from synthtools.types import SMALL, Scenario
from synthtools.world.design import ToolDesign
from tests.library import always, environment, playing

HIRE = {
    "title": "Town bicycle hire",
    "description": "Staff note the bicycles that customers hire and mark them as returned.",
    "kinds": [{"singular": "customer", "plural": "customers"}, {"singular": "bicycle", "plural": "bicycles"}],
}
HIRE_AGAIN = {**HIRE, "title": "Bicycle hire in town"}
REPAIR = {
    "title": "Repair shop",
    "description": "Mechanics keep repairs and the parts that they need for them.",
    "kinds": [{"singular": "part", "plural": "parts"}, {"singular": "repair", "plural": "repairs"}],
}
EARLIER = (Scenario.model_validate({"field": "Bikes", "subfield": "Hire desks", **HIRE}),)
PROFILE = SMALL.model_copy(update={"scenarios": 2, "sequences": 1})


def ask(name: str, count: int) -> tuple[Scenario, ...]:
    profile = SMALL.model_copy(update={"scenarios": count})
    with model(f"scripted/{name}"):
        return Scenarios(profile)(field="Bikes", subfield="Workshops", earlier=EARLIER)


def test_a_scenario_like_an_earlier_one_is_asked_for_again_and_told_which_it_resembles() -> None:
    script = playing("hire-again", {"GenerateScenarios": always({"scenarios": [HIRE_AGAIN]}, {"scenarios": [REPAIR]})})
    (scenario,) = ask("hire-again", 1)
    assert (scenario.title, scenario.repeats) == ("Repair shop", "")
    assert script.asked("GenerateScenarios") == 2
    assert "too much like Town bicycle hire (Hire desks)" in script.prompt("GenerateScenarios")


def test_a_scenario_that_stays_alike_names_what_it_repeats_and_the_others_keep_their_places() -> None:
    both = {"scenarios": [HIRE_AGAIN, {**HIRE, "title": "The town bicycle hire"}]}
    one = {"scenarios": [HIRE_AGAIN, REPAIR]}
    script = playing("hire-always", {"GenerateScenarios": always(both, one, both)})
    scenarios = ask("hire-always", 2)
    assert script.asked("GenerateScenarios") == ScenarioGenerator.attempts
    assert [scenario.repeats for scenario in scenarios] == ["Town bicycle hire (Hire desks)", ""]
    assert scenarios[1].title == "Repair shop"


def test_scenarios_of_one_answer_must_differ_too() -> None:
    workshop = {**REPAIR, "title": "The new repair shop"}
    playing("twice", {"GenerateScenarios": always({"scenarios": [REPAIR, workshop]})})
    assert [scenario.repeats for scenario in ask("twice", 2)] == ["", "Repair shop (Workshops)"]


def test_an_answer_that_is_refused_for_something_else_as_well_is_no_reason_to_lose_the_good_one() -> None:
    twice = {"scenarios": [REPAIR, REPAIR]}
    playing("mixed", {"GenerateScenarios": always({"scenarios": [REPAIR, HIRE]}, twice, twice)})
    assert [bool(scenario.repeats) for scenario in ask("mixed", 2)] == [False, True]


def test_the_scenarios_of_a_field_are_each_asked_for_once_where_they_differ() -> None:
    script = playing("various")
    known: list[Scenario] = []
    with model("scripted/various"):
        for subfield in Subfields(SMALL)(field="Libraries"):
            known += Scenarios(PROFILE)(field="Libraries", subfield=subfield, earlier=tuple(known))
    assert [scenario.repeats for scenario in known] == [""] * 6
    assert script.asked("GenerateScenarios") == SMALL.subfields


def test_a_tool_that_says_nearly_the_same_is_refused_and_told_which_it_resembles() -> None:
    env = environment().env
    earlier = ToolDesign(
        name="ReturnLoan",
        description="Takes a loan back.",
        action="mark",
        collection="loans",
        sets=("status", "returned"),
    )
    again = {
        "action": "delete",
        "collection": "loans",
        "name": "ReturnTheLoan",
        "description": "Takes the given loan back.",
        "refused_when": None,
    }
    other = {
        "action": "update",
        "collection": "loans",
        "parameters": ["reader"],
        "name": "RenameReader",
        "description": "Says who has the book now.",
        "refused_when": None,
    }
    script = playing("again", {"DesignTool": always({"tool": again}, {"tool": other})})
    with model("scripted/again"):
        design = ToolGenerator()(
            scenario=env.scenario, collections=env.collections, earlier=(earlier,), changing=True, profile=SMALL
        )
    assert design.name == "RenameReader"
    assert "ReturnLoan does nearly the same already" in script.prompt("DesignTool")


def test_a_tool_of_an_earlier_environment_is_kept_in_the_record_and_nothing_is_spent_on_it() -> None:
    script = playing("audit-some")
    env = environment().env
    repeated = {"AddLoan": "AddLoan of bikes_spec_001 (similarity 0.91)"}
    with model("scripted/audit-some"):
        audited = EnvAudit(SMALL)(env=env, repeated=repeated)
    assert [audit.tool for audit in audited.audits] == [tool.name for tool in env.tools]
    audit = next(audit for audit in audited.audits if audit.tool == "AddLoan")
    assert (audit.kept, audit.reason, audit.detail) == (False, "near-duplicate", repeated["AddLoan"])
    assert (audit.calls, audit.answered_by_code) == ((), True)
    assert "AddLoan" not in audited.reliable
    assert len(audited.reliable) == len(env.tools) - 1
    assert not any("AddLoan" in str(body) for body in script.bodies["WriteTestCalls"])


def test_in_memory_a_second_environment_that_only_repeats_the_first_has_no_tools_left() -> None:
    def the_same(inputs: dict[str, Any], schema: dict[str, Any], seed: int) -> Any:
        answer: Any = ROLES["GenerateScenarios"](inputs, schema, seed)
        first, second = answer["scenarios"]
        return {"scenarios": [first, {**second, "kinds": first["kinds"], "description": "People borrow and return."}]}

    playing("the-same", {"GenerateScenarios": the_same})
    with model("scripted/the-same", seed=7):
        result = Pipeline(PROFILE)(field="Bicycle rental", environments=2)
    assert [env.env.id for env in result.environments] == ["bicycle_rental_spec_001"]
    assert [drop.reason for drop in result.drops if drop.part == "bicycle_rental_spec_002"] == [
        "fewer than two reliable tools"
    ]


@pytest.mark.parametrize("threshold", [0.0, 1.5])
def test_a_threshold_is_a_share_over_nothing(threshold: float) -> None:
    with pytest.raises(DataError, match="duplicate_threshold"):
        type(SMALL)(duplicate_threshold=threshold)
