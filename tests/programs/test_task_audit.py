"""The gates of a task: what does not hold when it is made again, or does not read like a person's, is not released."""

from typing import Any

import pytest

from synthtools.backends import model
from synthtools.errors import Dropped
from synthtools.programs.task_audit import TaskAudit
from synthtools.programs.task_generation import TaskGeneration
from synthtools.types import SMALL, AuditedEnv, SolvedTurns, Task, ToolCall
from synthtools.world.replay import replay
from synthtools.world.transitions import MemoryTransitions
from tests.library import environment, playing, sequence, served


@pytest.fixture(scope="module")
def turns() -> SolvedTurns:
    playing("turns")
    with model("scripted/turns"):
        return TaskGeneration(SMALL)(env=environment(), sequence=sequence("AddLoan", "ShowLoan"))


def audited(turns: SolvedTurns, roles: dict[str, Any] | None = None, env: AuditedEnv | None = None) -> Task:
    playing("auditing", roles)
    with model("scripted/auditing"):
        return TaskAudit(SMALL)(env=env or environment(), turns=turns)


def changed_turn(turns: SolvedTurns, **update: Any) -> SolvedTurns:
    first, *rest = turns.turns
    return turns.model_copy(update={"turns": (first.model_copy(update=update), *rest)})


def test_a_good_sequence_becomes_a_certified_task(turns: SolvedTurns) -> None:
    task = audited(turns)
    assert task.certificate is not None
    assert task.certificate.grade == "certified"
    assert all(check.passed for check in task.certificate.checks)
    assert replay(task) == task.final_state == turns.final_state
    assert {turn.call.name for turn in turns.turns} <= {tool.name for tool in task.tools}
    assert audited(turns) == task


def test_the_tools_of_a_task_do_not_give_its_solution_away(turns: SolvedTurns) -> None:
    orders = {
        tuple(tool.name for tool in audited(turns.model_copy(update={"id": f"library_seq{number:02d}"})).tools)
        for number in range(5)
    }
    assert len(orders) > 1
    assert all(len(order) > len(turns.turns) for order in orders)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda t: t.model_copy(update={"final_state": t.initial_state}), "the states do not meet"),
        (lambda t: changed_turn(t, response=t.turns[1].response), "a call answers otherwise when made again"),
        (
            lambda t: changed_turn(t, call=ToolCall(name="ShowLoan", arguments={"loan_id": "ZZZ-99"})),
            "a call fails when made again",
        ),
    ],
)
def test_turns_that_do_not_hold_when_made_again_are_dropped(turns: SolvedTurns, spoil: Any, reason: str) -> None:
    with pytest.raises(Dropped, match=reason):
        audited(spoil(turns))


@pytest.mark.parametrize(
    "merged",
    [
        "Please do the two things we spoke about, thank you very much.",
        "Use AddLoan and ShowLoan with loan_id=LOA-1, as we said before.",
    ],
)
def test_a_summary_that_lacks_values_or_reads_like_code_is_refused(turns: SolvedTurns, merged: str) -> None:
    script = playing("summary", {"MergeTurns": lambda i, s, seed: {"request": merged}})
    with model("scripted/summary"), pytest.raises(Dropped, match="no natural summary"):
        TaskAudit(SMALL)(env=environment(), turns=turns)
    assert script.asked("MergeTurns") == SMALL.summary_tries
    assert "[[ ## feedback ## ]]" in script.prompt("MergeTurns")


def test_a_request_that_tells_what_only_a_tool_knows_gets_no_certificate(turns: SolvedTurns) -> None:
    from synthtools.backends.library import speech

    made = turns.turns[0].response.data
    assert isinstance(made, dict)

    def telling(inputs: Any, schema: Any, seed: int) -> Any:
        return {"request": f"{speech.merged(inputs['turns'])} The new loan will be {made['loan_id']}."}

    with pytest.raises(Dropped, match=r"certificate: no_leak|no natural summary"):
        audited(turns, {"MergeTurns": telling})


def test_values_that_code_found_in_a_turn_are_not_excused_by_a_judges_word_on_another(turns: SolvedTurns) -> None:
    """A judge that was asked about one argument says nothing about the others: they must still be said."""
    judged = turns.turns[0].verdict.model_copy(update={"feedback": "The reader is clear."})

    def silent(inputs: Any, schema: Any, seed: int) -> Any:
        return {"request": f"Please add a loan to the records for somebody. Then {inputs['turns'][1]}"}

    with pytest.raises(Dropped, match="no natural summary"):
        audited(changed_turn(turns, verdict=judged), {"MergeTurns": silent})


def test_a_second_solution_that_does_something_else_refuses_the_task(turns: SolvedTurns) -> None:
    profile = SMALL.model_copy(update={"second_solution": True})
    script = playing("second")
    with model("scripted/second"):
        task = TaskAudit(profile)(env=environment(), turns=turns)
    assert task.certificate is not None
    assert "second_solution_passes" in {check.name for check in task.certificate.checks}
    assert script.asked("PlanSolution") == 1
    other = {"calls": [{"tool": "ShowLoan", "arguments": {"loan_id": "LOA-1"}}]}
    playing("second", {"PlanSolution": lambda i, s, seed: other})
    with model("scripted/second"), pytest.raises(Dropped, match="second_solution_passes"):
        TaskAudit(profile)(env=environment(), turns=turns)


def test_a_task_of_tools_without_code_is_recorded_with_its_transitions() -> None:
    playing("recording")
    transitions = MemoryTransitions()
    generation, audit = TaskGeneration(SMALL), TaskAudit(SMALL)
    generation.transitions = audit.transitions = transitions
    with model("scripted/recording"):
        turns = generation(env=served(), sequence=sequence("AddLoan", "ShowLoan"))
        task = audit(env=served(), turns=turns)
    assert task.certificate is not None
    assert task.certificate.grade == "recorded"
    assert [transition.tool for transition in task.gold] == ["AddLoan", "ShowLoan"]
    assert replay(task) == task.final_state
    audit.transitions = None
    with model("scripted/recording"), pytest.raises(Dropped):
        audit(env=served(), turns=turns)
