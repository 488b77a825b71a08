"""Rollouts: why each ended, what it is worth, and whose fault it was."""

from typing import Any

import pytest

from synthtools.backends import model
from synthtools.errors import DataError, ProviderError
from synthtools.programs.trajectory_generation import TrajectoryGeneration
from synthtools.types import SMALL, Task, Trajectory, VerifyPolicy
from synthtools.world.verify import verify
from tests.library import playing, task

SHOW = {"tool": "ShowLoan", "arguments": {"loan_id": "LOA-1"}}


def rolled(roles: dict[str, Any] | None = None, of: Task | None = None, **profile: Any) -> Trajectory:
    playing("rolling", roles)
    with model("scripted/rolling"):
        return TrajectoryGeneration(SMALL.model_copy(update=profile))(task=of or task())


def stepping(*steps: Any) -> dict[str, Any]:
    left = list(steps)
    return {"NextStep": lambda i, s, seed: {"open_parts": "?", "step": left.pop(0) if len(left) > 1 else left[0]}}


def cause(rollout: Trajectory) -> tuple[str, bool, str | None]:
    assert rollout.verdict is not None
    return rollout.stop_reason, rollout.verdict.passed, rollout.verdict.cause


def test_an_agent_that_does_what_is_asked_solves_the_task() -> None:
    rollout = rolled()
    assert cause(rollout) == ("answered", True, None)
    assert rollout.verdict is not None
    assert rollout.verdict.reward == 1.0
    assert rollout.usage.calls == len(rollout.steps) + 1
    assert [call.name for call in rollout.calls] == [call.name for call in task().gt_tool_calls]
    assert {response.answered_by for step in rollout.steps for response in step.responses} == {"code"}


def test_an_agent_that_says_it_is_done_and_did_nothing_is_not_believed() -> None:
    assert cause(rolled(stepping({"answer": "All of it is done."}))) == ("answered", False, "agent")


def test_an_agent_that_never_ends_stops_at_the_turn_limit() -> None:
    calls = [{"calls": [{"tool": "ShowLoan", "arguments": {"loan_id": f"LOA-{number}"}}]} for number in range(9)]
    rollout = rolled(stepping(*calls), max_turns=4)
    assert cause(rollout) == ("turn_limit", False, "agent")
    assert len(rollout.steps) == 4


def test_an_agent_that_repeats_itself_is_stopped() -> None:
    assert cause(rolled(stepping({"calls": [SHOW]}))) == ("repeated_calls", False, "agent")


def test_answers_that_are_no_steps_are_a_parse_failure_and_not_the_agents() -> None:
    rollout = rolled({"NextStep": lambda i, s, seed: "I would rather talk."})
    assert cause(rollout) == ("parse", False, "parse")
    assert rollout.error


def test_a_server_that_is_gone_ends_no_rollout_but_is_raised() -> None:
    def gone(inputs: Any, schema: Any, seed: int) -> Any:
        raise ProviderError("connection refused")

    with pytest.raises(ProviderError):
        rolled({"NextStep": gone})


def test_an_error_of_a_tool_is_shown_to_the_agent_who_may_go_on() -> None:
    wrong = {"tool": "ShowLoan", "arguments": {"loan_id": "ZZZ-99"}}
    script = playing("going-on", stepping({"calls": [wrong]}, {"answer": "There is none."}))
    with model("scripted/going-on"):
        rollout = TrajectoryGeneration(SMALL)(task=task())
    assert rollout.steps[0].responses[0].status_code == 404
    assert "Loan not found" in script.prompt("NextStep")


def served(of: Task) -> Task:
    """The task without the world beside it, as another's file has it: a model answers its tools."""
    return of.model_copy(update={"world": None, "certificate": None, "gold": ()})


def test_a_task_without_its_world_is_served_by_the_simulator_and_judged() -> None:
    script = playing("judged")
    with model("scripted/judged"):
        rollout = TrajectoryGeneration(SMALL)(task=served(task()))
    assert script.asked("SimulateResponse") > 0
    assert script.asked("JudgeTrajectory") == 1
    assert rollout.judgement is not None
    assert (rollout.judgement.goal_reached, cause(rollout)) == (True, ("answered", True, None))
    refusing = {"missing_calls": [], "extra_calls": [], "reason": "Not so.", "goal_reached": False}
    assert cause(rolled({"JudgeTrajectory": lambda i, s, seed: refusing}, served(task()))) == (
        "answered",
        False,
        "agent",
    )


def test_where_code_decides_no_judge_is_asked() -> None:
    script = playing("unjudged")
    with model("scripted/unjudged"):
        TrajectoryGeneration(SMALL)(task=task())
    assert script.asked("JudgeTrajectory") == script.asked("JudgeSolution") == 0


def otherwise() -> tuple[Task, dict[str, Any]]:
    """A task that adds a loan, its reader left to a judge, and an agent that writes the reader otherwise."""
    one = task()
    add, show = one.gt_tool_calls
    judged = one.model_copy(update={"policy": VerifyPolicy(fields={"loans.reader": "judge"})})
    calls = [
        {"tool": add.name, "arguments": {**add.arguments, "reader": f"{add.arguments['reader']} Esq"}},
        {"tool": show.name, "arguments": show.arguments},
    ]
    assert one.certificate is not None
    told = ", ".join(str(value.value) for value in one.certificate.expected_answer)
    return judged, stepping(*({"calls": [call]} for call in calls), {"answer": f"All of it is done: {told}."})


@pytest.mark.parametrize(
    ("equivalent", "outcome"), [(True, ("answered", True, None)), (False, ("answered", False, "agent"))]
)
def test_a_difference_that_the_policy_leaves_to_a_judge_is_judged_once(
    equivalent: bool, outcome: tuple[str, bool, str | None]
) -> None:
    judged, agent = otherwise()
    word = {"reason": "A title is no other person.", "equivalent": equivalent}
    script = playing("differing", {**agent, "JudgeSolution": lambda i, s, seed: word})
    with model("scripted/differing"):
        rollout = TrajectoryGeneration(SMALL)(task=judged)
    assert cause(rollout) == outcome
    assert (script.asked("JudgeSolution"), script.asked("JudgeTrajectory")) == (1, 0)
    assert "/loans/LOA-4/reader is" in script.prompt("JudgeSolution")
    assert verify(judged, rollout) == rollout.verdict, "its word is kept"


def test_a_judge_of_differences_without_an_answer_is_never_the_agents_fault() -> None:
    judged, agent = otherwise()
    rollout = rolled({**agent, "JudgeSolution": lambda i, s, seed: "hm"}, judged)
    assert cause(rollout) == ("answered", False, "judge")
    assert rollout.verdict is not None and rollout.verdict.reward is None
    again = verify(judged, rollout)
    assert (again.passed, again.reward, again.cause) == (False, None, "judge")


def test_an_agent_that_fails_is_not_read_by_a_judge() -> None:
    script = playing("unread", stepping({"answer": "All of it is done."}))
    with model("scripted/unread"):
        rollout = TrajectoryGeneration(SMALL)(task=served(task()))
    assert (cause(rollout), script.asked("JudgeTrajectory")) == (("answered", False, "agent"), 0)


def test_a_policy_that_names_what_is_not_there_costs_no_call() -> None:
    wrong = task().model_copy(update={"policy": VerifyPolicy(forbidden_tools=("Nothing",))})
    script = playing("unasked")
    with model("scripted/unasked"), pytest.raises(DataError, match="no tool Nothing"):
        TrajectoryGeneration(SMALL)(task=wrong)
    assert script.bodies == {}


def test_a_simulator_without_an_answer_is_never_the_agents_fault() -> None:
    rollout = rolled({"SimulateResponse": lambda i, s, seed: "hm"}, served(task()))
    assert cause(rollout) == ("simulator", False, "simulator")


def test_a_judge_without_an_answer_is_never_the_agents_fault() -> None:
    rollout = rolled({"JudgeTrajectory": lambda i, s, seed: "hm"}, served(task()))
    assert cause(rollout) == ("answered", False, "judge")
    assert rollout.verdict is not None
    assert rollout.verdict.reward is None
    assert "the judge gave no answer" in rollout.verdict.explanation


def test_samples_of_a_task_have_seeds_of_their_own() -> None:
    script = playing("samples")
    with model("scripted/samples", seed=5):
        rollouts = [TrajectoryGeneration(SMALL)(task=task(), sample=sample) for sample in (0, 1)]
    seeds = [body["seed"] for body in script.bodies["NextStep"]]
    assert len(seeds) == len(set(seeds))
    assert [rollout.id for rollout in rollouts] == [f"{task().id}#0", f"{task().id}#1"]
