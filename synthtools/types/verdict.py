"""Judgements: of a simulated response, of a turn, of a whole rollout."""

from typing import Annotated, Literal

from pydantic import Field

from synthtools.errors import FailureCause
from synthtools.types.call import ToolCall
from synthtools.types.record import Json, Record

SimulationJudgement = Literal[
    "correct", "should_success_got_error", "should_error_got_success", "inappropriate_response"
]


class SimulationVerdict(Record):
    """The judgement of one answer of a tool in the audit."""

    verdict: SimulationJudgement
    reason: str = ""


class Citation(Record):
    """Where the value of an argument comes from."""

    parameter: str
    source: Literal["request", "response", "rule", "nowhere"]
    """Verbatim or paraphrased in the request, in an earlier response, derivable by rule, or found nowhere."""
    quote: str = ""


class TurnVerdict(Record):
    """The judgement of one turn of a task under construction."""

    citations: tuple[Citation, ...] = ()
    grounded: bool
    correct: bool
    feedback: str = ""


class TrajectoryVerdict(Record):
    """A judge's reading of a whole rollout."""

    missing_calls: tuple[str, ...] = ()
    extra_calls: tuple[str, ...] = ()
    goal_reached: bool
    reason: str = ""


class SolutionVerdict(Record):
    """A judge's word on differences from the gold end that the policy leaves to one."""

    differences: tuple[str, ...]
    """What it was asked about, as `Verdict.undecided` has it; its word counts for exactly these."""
    equivalent: bool
    """Whether the person is served equally well in spite of them."""
    reason: str = ""


class VerdictCheck(Record):
    """One part of a verdict: state, calls, answer, judge, or how the rollout ended."""

    name: str
    passed: bool
    detail: str = ""
    """What was found; over several lines where records differ."""


class Verdict(Record):
    """The verification of a rollout of a task."""

    reward: float | None
    """In [0, 1]; None: not scored, because something other than the agent kept the task from being solved."""
    passed: bool
    explanation: str
    """`solved` or `not solved (cause)`, then each part, over several lines."""
    checks: tuple[VerdictCheck, ...] = ()
    cause: FailureCause | None = None
    """What an unsolved rollout is attributed to; None where it passed."""
    undecided: tuple[str, ...] = ()
    """Differences from the gold end that a judge must weigh before there is a verdict; with the cause `judge`."""


class AnswerValue(Record):
    """A value the final answer must contain, with where it comes from."""

    value: Json
    call: int
    """Index of the gold call in whose response it stands."""
    pointer: str
    """JSON pointer into that response's data."""
    tolerance: float = 0.0


FieldRule = Literal["exact", "set", "tolerance", "ignore", "judge"]
"""How a field is compared: type-strictly, as a set (a list without order), within `VerifyPolicy.tolerance`, not at all;
`judge`: equal values pass, and others are left to an LLM judge where nothing else is wrong."""


class VerifyPolicy(Record):
    """How a rollout of a task is compared with its gold solution."""

    fields: dict[str, FieldRule] = {}
    """By `collection.field`; exact where not named."""
    tolerance: float = 1e-6
    required_calls: tuple[ToolCall, ...] = ()
    """Calls that must succeed in a rollout."""
    forbidden_tools: tuple[str, ...] = ()
    """Tools that must never succeed."""
    at_most: dict[str, Annotated[int, Field(ge=0)]] = {}
    """Most successful calls by tool name."""
    before: tuple[tuple[str, str], ...] = ()
    """Pairs of tools: the first must have succeeded before the second is first called."""
    judged: bool = False
    """Whether an LLM judge reads the whole rollout, beside what code checks."""
