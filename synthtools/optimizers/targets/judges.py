"""Targets of the judges: what counts is whether they tell right from wrong, and for the right reason."""

from synthtools.modules.judges import DisagreementJudge, SolutionJudge, TrajectoryJudge, TurnJudge
from synthtools.optimizers.draws.judges import disagreement_judgements, solution_judgements, turn_judgements
from synthtools.optimizers.draws.rollouts import readings
from synthtools.optimizers.inputs import (
    DisagreementInputs,
    RightReading,
    RightTurn,
    SolutionJudgeInputs,
    TrajectoryJudgeInputs,
    TurnJudgeInputs,
)
from synthtools.optimizers.metrics import Found, Part, composite, matched, same_verdict, told
from synthtools.optimizers.target import Target
from synthtools.types.record import JsonObject
from synthtools.types.verdict import SolutionVerdict, TrajectoryVerdict, TurnVerdict
from synthtools.world.agreement import Which


def _correct(asked: TurnJudgeInputs, expected: JsonObject, answer: TurnVerdict) -> Found:
    right = RightTurn.from_json(expected)
    words = {True: "correct", False: "not correct"}
    return same_verdict(words[right.correct], words[answer.correct], answer.feedback)


def _sources(asked: TurnJudgeInputs, expected: JsonObject, answer: TurnVerdict) -> Found | None:
    """Where the arguments in question come from; a wrong place where there is one is half right."""
    right = RightTurn.from_json(expected).sources
    if not right:
        return None
    said = {citation.parameter: citation.source for citation in answer.citations}
    wrong = {name: source for name, source in right.items() if said.get(name) != source}
    problems = [
        f"{name} stands nowhere in the conversation: no quote gives its value"
        if source == "nowhere"
        else f"{name} is from the {source}, not from {said.get(name, 'nowhere')}"
        for name, source in wrong.items()
    ]
    half = sum(source != "nowhere" and said.get(name, "nowhere") != "nowhere" for name, source in wrong.items())
    return Found((len(right) - len(wrong) + half / 2) / len(right), told(problems).reason)


TURN_JUDGE = Target(
    name="turn-judge",
    build=lambda profile: TurnJudge(),
    inputs=TurnJudgeInputs,
    metric=composite([Part("correct", 0.6, _correct), Part("sources", 0.4, _sources)]),
    cases=turn_judgements,
    expects=RightTurn,
)


def _equivalent(asked: SolutionJudgeInputs, expected: bool, answer: SolutionVerdict) -> Found:
    words = {True: "equivalent", False: "not equivalent"}
    return same_verdict(words[expected], words[answer.equivalent], answer.reason)


SOLUTION_JUDGE = Target(
    name="solution-judge",
    build=lambda profile: SolutionJudge(),
    inputs=SolutionJudgeInputs,
    metric=composite([Part("verdict", 1.0, _equivalent)]),
    cases=solution_judgements,
    expects=bool,
)


def _settled(asked: DisagreementInputs, expected: str, answer: str) -> Found:
    """Which is right; saying `neither` keeps the wrong one out, and gives up the tool's code."""
    if answer == "neither" != expected:
        return Found(0.3, f"The {expected} outcome is right, and the description decides it: {asked.case.what}.")
    found = same_verdict(expected, answer, "")
    return found._replace(reason=f"{found.reason} They differ so: {asked.case.what}.") if found.reason else found


DISAGREEMENT_JUDGE = Target(
    name="disagreement-judge",
    build=lambda profile: DisagreementJudge(),
    inputs=DisagreementInputs,
    metric=composite([Part("verdict", 1.0, _settled)]),
    cases=disagreement_judgements,
    expects=Which,
)


def _reached(asked: TrajectoryJudgeInputs, expected: JsonObject, answer: TrajectoryVerdict) -> Found:
    right = RightReading.from_json(expected)
    words = {True: "goal reached", False: "goal not reached"}
    return same_verdict(words[right.goal_reached], words[answer.goal_reached], answer.reason)


def _missing(asked: TrajectoryJudgeInputs, expected: JsonObject, answer: TrajectoryVerdict) -> Found:
    right = RightReading.from_json(expected)
    return matched(_tools(right.missing), _tools(answer.missing_calls), "the list of missing calls")


def _extra(asked: TrajectoryJudgeInputs, expected: JsonObject, answer: TrajectoryVerdict) -> Found:
    right = RightReading.from_json(expected)
    return matched(_tools(right.extra), _tools(answer.extra_calls), "the list of calls that nobody asked for")


def _tools(calls: tuple[str, ...]) -> list[str]:
    """The tools that calls name: how a judge writes their arguments is its own affair."""
    return [call.partition("(")[0].strip() for call in calls]


TRAJECTORY_JUDGE = Target(
    name="trajectory-judge",
    build=lambda profile: TrajectoryJudge(),
    inputs=TrajectoryJudgeInputs,
    metric=composite([Part("goal", 0.6, _reached), Part("missing", 0.2, _missing), Part("extra", 0.2, _extra)]),
    cases=readings,
    expects=RightReading,
)

TARGETS = (TURN_JUDGE, SOLUTION_JUDGE, DISAGREEMENT_JUDGE, TRAJECTORY_JUDGE)
