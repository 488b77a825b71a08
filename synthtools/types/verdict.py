"""Judgements: of a simulated response, of a turn, of a whole rollout."""

from typing import Literal

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


class VerdictCheck(Record):
    """One part of a verdict: state, calls, answer or judge."""

    name: str
    passed: bool
    detail: str = ""


class Verdict(Record):
    """The verification of a rollout of a task."""

    reward: float
    """In [0, 1]."""
    passed: bool
    explanation: str
    checks: tuple[VerdictCheck, ...] = ()
    cause: FailureCause | None = None
    """What an unsolved rollout is attributed to; None where it passed."""


class AnswerValue(Record):
    """A value the final answer must contain, with where it comes from."""

    value: Json
    call: int
    """Index of the gold call in whose response it stands."""
    pointer: str
    """JSON pointer into that response's data."""
    tolerance: float = 0.0


class VerifyPolicy(Record):
    """How a rollout of a task is compared with its gold solution."""

    fields: dict[str, Literal["exact", "set", "tolerance", "ignore"]] = {}
    """By `collection.field`; exact where not named."""
    tolerance: float = 1e-6
    required_calls: tuple[ToolCall, ...] = ()
    """Calls that must succeed in a rollout of a task that only reads."""
    forbidden_tools: tuple[str, ...] = ()
    at_most: dict[str, int] = {}
    """Most successful calls by tool name."""
    judged: bool = False
    """Whether an LLM judge takes part (only where code cannot decide)."""
