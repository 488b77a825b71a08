"""Metrics: a right answer scores high, a spoiled one low and with a reason that says how a better one would differ."""

from typing import Any

import dspy
import pytest

from synthtools.backends import model
from synthtools.errors import ConfigError
from synthtools.modules.solver import AgentStep
from synthtools.optimizers.metrics import Found, Part, composite, judging
from synthtools.optimizers.targets import TARGETS
from synthtools.types import Change, TestCall, ToolCall, TrajectoryVerdict
from synthtools.world.simulator import Simulation
from tests.library import always, playing
from tests.optimizers.library_run import drawn
from tests.optimizers.right_answers import asked, right, spoiled

_PROGRAMS = ("env-generation", "env-audit", "task-generation", "task-audit", "trajectory-generation")
_ROLES = [name for name in TARGETS if name not in _PROGRAMS]


def _two_of_each_label(name: str) -> list[Any]:
    labels = {
        case.label for case in drawn(name) if case.label in ("", "done") or not case.label.startswith("certificate")
    }
    return [case for label in sorted(labels) for case in [one for one in drawn(name) if one.label == label][:2]]


@pytest.mark.parametrize("name", TARGETS)
def test_a_right_answer_scores_high(name: str) -> None:
    for case in _two_of_each_label(name):
        score = TARGETS[name].metric(asked(name, case), case.expected, right(name, case))
        assert score.value >= 0.9, (case.id, score)


@pytest.mark.parametrize("name", _ROLES)
def test_a_spoiled_answer_scores_low_and_is_told_why(name: str) -> None:
    for case in _two_of_each_label(name):
        answer, tells = spoiled(name, case)
        score = TARGETS[name].metric(asked(name, case), case.expected, answer)
        assert score.value <= 0.6, (case.id, score)
        assert tells.lower() in score.reason.lower(), (case.id, score)


def test_programs_are_scored_by_what_code_says_of_their_results() -> None:
    def scored(name: str, **update: Any) -> tuple[float, str]:
        case = drawn(name)[0]
        answer = right(name, case).model_copy(update=update)
        score = TARGETS[name].metric(asked(name, case), case.expected, answer)
        return score.value, score.reason

    env = right("env-generation", drawn("env-generation")[0])
    value, reason = scored("env-generation", tools=env.tools[:1] * 2, code={})
    assert value < 0.4 and "does nearly the same" in reason
    audit = right("env-audit", drawn("env-audit")[0]).audits[0]
    lost = audit.model_copy(update={"kept": False, "reason": "unreliable", "reliability": 0.1, "detail": "it crashed"})
    value, reason = scored("env-audit", audits=(lost,))
    assert value < 0.2 and "it crashed" in reason
    turns = right("task-generation", drawn("task-generation")[0]).turns
    value, reason = scored("task-generation", turns=turns[:1], ended_by="solver disagrees", ended_detail="turn 2")
    assert value < 0.7 and "solver disagrees: turn 2" in reason
    assert scored("task-audit", certificate=None)[0] < 0.1
    verdict = right("trajectory-generation", drawn("trajectory-generation")[0]).verdict
    failed = verdict.model_copy(update={"reward": 0.0, "passed": False, "explanation": "not solved (agent)\nstate: no"})
    value, reason = scored("trajectory-generation", verdict=failed)
    assert value <= 0.1 and "not solved (agent) state: no" in reason


HOSTILE = {
    "response-simulator": Simulation(
        data=[{"x": 10**30}], changes=(Change(op="update", collection="none", id="../x", fields={"a": None}),)
    ),
    "test-call-writer": (
        TestCall(mode="happy", call=ToolCall(name="Nope", arguments={"": [[]]}), should_succeed=True),
    ),
    "turn-solver": ToolCall(name="__import__", arguments={"os": "system"}),
    "one-shot-solver": tuple(ToolCall(name=f"Tool{number}", arguments={"a": "b" * 999}) for number in range(30)),
    "agent-solver": AgentStep(thought="", calls=(ToolCall(name="Nope"),) * 9),
    "trajectory-judge": TrajectoryVerdict(missing_calls=("(((", ""), extra_calls=("",) * 6, goal_reached=False),
    "behaviour-generator": "def guard(args, state, now):\n    return 5",
    "subfield-generator": (),
    "scenario-generator": (),
    "sequence-generator": (),
    "turn-merger": "",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_answer_of_no_use_is_scored_and_never_breaks_a_metric(name: str) -> None:
    for case in _two_of_each_label(name):
        score = TARGETS[name].metric(asked(name, case), case.expected, HOSTILE[name])
        assert 0 <= score.value <= 0.6, score
        assert 0 < len(score.reason) <= 6000


def _part(name: str, value: float | None, reason: str = "", **more: Any) -> Part:
    return Part(name, 1.0, lambda *_: None if value is None else Found(value, reason), **more)


def test_a_composite_is_the_mean_of_its_parts_and_tells_the_worst_first() -> None:
    metric = composite([_part("a", 0.5, "A half."), _part("b", 0.0, "B is wrong."), _part("c", None), _part("d", 1.0)])
    score = metric(None, None, None)
    assert score.value == pytest.approx(0.5)
    assert score.reason == "B is wrong. A half."
    assert score.parts == {"a": 0.5, "b": 0.0, "d": 1.0}


def test_a_gate_that_fails_ends_it_and_what_comes_later_counts_as_nothing() -> None:
    score = composite([_part("gate", 0.5, "No.", gate=True), _part("later", 1.0)])(None, None, None)
    assert score.value == pytest.approx(0.25)
    assert score.parts == {"gate": 0.5}


def test_parts_that_cost_a_model_come_last_and_only_where_there_is_a_judge() -> None:
    asked_of: list[str] = []

    def judged(*_: Any) -> Found:
        asked_of.append("judge")
        return Found(0.0, "It is not liked.")

    def metric(code: float) -> Any:
        return composite([Part("judged", 1.0, judged, cost="model"), _part("code", code, "No.", gate=True)])

    assert metric(1.0)(None, None, None).parts == {"code": 1.0}
    with judging(dspy.LM("openai/none")):
        assert metric(0.0)(None, None, None).parts == {"code": 0.0}
        assert asked_of == []
        assert metric(1.0)(None, None, None).value == pytest.approx(0.5)
    assert asked_of == ["judge"]


def test_a_composite_has_named_parts_with_weights() -> None:
    with pytest.raises(ConfigError, match="names of their own"):
        composite([_part("a", 1.0), _part("a", 1.0)])
    with pytest.raises(ConfigError, match="weights"):
        composite([])


def test_another_reader_says_whether_a_turn_is_understood() -> None:
    case = drawn("first-turn-writer")[0]
    answer = right("first-turn-writer", case)
    tool, arguments = answer.chosen.call.name, answer.chosen.call.arguments
    other = {**arguments, next(iter(arguments)): "BOO-99"}
    playing("reader", {"SolveTurn": always({"call": {"tool": tool, "arguments": arguments}})})
    playing("misreader", {"SolveTurn": always({"call": {"tool": tool, "arguments": other}})})
    metric = TARGETS["first-turn-writer"].metric
    with model("scripted/reader") as lm, judging(lm):
        assert metric(asked("first-turn-writer", case), case.expected, answer).parts["understood"] == 1
    with model("scripted/misreader") as lm, judging(lm):
        score = metric(asked("first-turn-writer", case), case.expected, answer)
    assert score.parts["understood"] == 0
    assert "Another reader understood" in score.reason
