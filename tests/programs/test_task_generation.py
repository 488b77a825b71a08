"""Turns of a task: each solved from its words alone; a failed step ends a sequence, and its solved prefix is kept."""

from typing import Any

import pytest

from synthtools.backends import model
from synthtools.backends.library.roles import ROLES
from synthtools.errors import Dropped, ProviderError
from synthtools.programs.task_generation import TaskGeneration
from synthtools.types import SMALL, SolvedTurns
from synthtools.world.transitions import MemoryTransitions
from tests.library import environment, playing, sequence, served


def generated(script: str, *tools: str) -> SolvedTurns:
    with model(f"scripted/{script}"):
        return TaskGeneration(SMALL)(env=environment(), sequence=sequence(*tools))


def test_a_sequence_becomes_turns_that_lead_from_one_state_to_another() -> None:
    script = playing("plain")
    turns = generated("plain", "AddLoan", "ShowLoan")
    assert [turn.call.name for turn in turns.turns] == ["AddLoan", "ShowLoan"]
    assert turns.ended_by == ""
    assert turns.initial_state == environment().env.initial_state != turns.final_state
    assert script.asked("JudgeTurn") == 0
    assert all(turn.verdict.grounded and turn.response.ok for turn in turns.turns)


def test_a_failed_step_ends_the_sequence_and_keeps_what_was_solved() -> None:
    def lost(inputs: dict[str, Any], schema: dict[str, Any], seed: int) -> Any:
        if "show me" in inputs["request"]:
            return {"call": {"tool": "ShowLoan", "arguments": {"loan_id": "ZZZ-99"}}}
        return ROLES["SolveTurn"](inputs, schema, seed)

    script = playing("lost", {"SolveTurn": lost})
    turns = generated("lost", "AddLoan", "ShowLoan")
    assert [turn.call.name for turn in turns.turns] == ["AddLoan"]
    assert turns.ended_by == "solver disagrees"
    assert "is not what was asked for" in script.prompt("SolveTurn")
    assert "[[ ## feedback ## ]]" in script.prompt("NextTurn")


def test_a_sequence_without_a_solved_turn_is_dropped_with_the_reason() -> None:
    playing(
        "astray", {"SolveTurn": lambda i, s, seed: {"call": {"tool": "FindLoansBook", "arguments": {"book_id": "x"}}}}
    )
    with pytest.raises(Dropped, match="solver disagrees"):
        generated("astray", "AddLoan", "ShowLoan")


@pytest.mark.parametrize(
    "said", ["Please call ShowLoan for LOA-1.", "Show the loan with loan_id=LOA-1.", "Give me loan_id LOA-1 right now."]
)
def test_a_request_that_reads_like_code_is_asked_for_again_and_never_released(said: str) -> None:
    script = playing("coded", {"FirstTurn": lambda i, s, seed: {"action": 0, "request": said}})
    with pytest.raises(Dropped, match="no natural request"):
        generated("coded", "ShowLoan", "AddLoan")
    assert script.asked("FirstTurn") == 3
    assert "plain" in script.prompt("FirstTurn") or "sentence" in script.prompt("FirstTurn")


def test_other_words_for_a_value_go_to_the_judge_who_decides() -> None:
    asked: list[dict[str, str]] = []

    def vague(inputs: dict[str, Any], schema: dict[str, Any], seed: int) -> Any:
        from synthtools.backends.library import speech

        values = speech.said_values(inputs["actions"][0])
        asked.append(dict(values))
        request = speech.request_for(inputs["purpose"], {**values, "reader": "our oldest friend"})
        return {"action": 0, "request": request}

    def guessing(inputs: dict[str, Any], schema: dict[str, Any], seed: int) -> Any:
        answer: Any = ROLES["SolveTurn"](inputs, schema, seed)
        answer["call"]["arguments"]["reader"] = asked[-1]["reader"]
        return answer

    def citing(source: str) -> Any:
        citation = {"parameter": "reader", "quote": "our oldest friend", "source": source}
        return lambda i, s, seed: {"citations": [citation], "reason": "Friends are known.", "correct": True}

    script = playing("vague", {"FirstTurn": vague, "SolveTurn": guessing, "JudgeTurn": citing("request")})
    turns = generated("vague", "AddLoan", "ShowLoan")
    assert script.asked("JudgeTurn") == 1
    cited = {citation.parameter: citation.quote for citation in turns.turns[0].verdict.citations}
    assert cited["reader"] == "our oldest friend"

    playing("vague", {"FirstTurn": vague, "SolveTurn": guessing, "JudgeTurn": citing("nowhere")})
    with pytest.raises(Dropped):
        generated("vague", "AddLoan", "ShowLoan")


def test_an_environment_without_code_is_served_by_the_simulator_and_remembered() -> None:
    script = playing("remembered")
    program = TaskGeneration(SMALL)
    program.transitions = MemoryTransitions()
    with model("scripted/remembered"):
        first = program(env=served(), sequence=sequence("AddLoan", "ShowLoan"))
        asked = script.asked("SimulateResponse")
        again = program(env=served(), sequence=sequence("AddLoan", "ShowLoan"))
    assert first == again
    assert asked == script.asked("SimulateResponse") > 0
    assert {turn.response.answered_by for turn in first.turns} == {"model"}


def test_a_simulator_whose_server_is_gone_is_a_failure_of_the_provider() -> None:
    def gone(inputs: dict[str, Any], schema: dict[str, Any], seed: int) -> Any:
        raise ProviderError("connection refused")

    playing("gone", {"SimulateResponse": gone})
    with model("scripted/gone"), pytest.raises(ProviderError, match="connection refused"):
        TaskGeneration(SMALL)(env=served(), sequence=sequence("AddLoan", "ShowLoan"))
