"""The audit of an environment's tools: test calls, what came of them, and how reliable each tool is."""

from typing import Literal

from synthtools.types.call import Response, ToolCall
from synthtools.types.environment import EnvSpec
from synthtools.types.interval import Interval, wilson
from synthtools.types.record import Record
from synthtools.types.verdict import SimulationVerdict

TestMode = Literal["schema", "rule", "happy", "metamorphic"]
"""What a test call checks: the gate; a documented error; a call that should succeed; or how answers fit together."""

Relation = Literal["errors_leave_state", "idempotent_read", "repeatable", "repeat", "read_after_write"]
"""What must hold between the answers and states of a tool's calls; `world.metamorphic` says what each demands."""

AuditReason = Literal[
    "test calls could not be written",
    "schema call answered wrongly",
    "nothing was judged",
    "unreliable",
    "near-duplicate",
]
"""Why an audit drops a tool; a near-duplicate, of a tool in an earlier environment of the field, was not tried."""


class TestCall(Record):
    """A call that probes a tool, with what a right tool would do."""

    __test__ = False  # pytest: a record, not a test class

    mode: TestMode
    call: ToolCall
    should_succeed: bool
    expectation: str = ""
    """schema: the exact refusal, `400 Missing required parameter: day.`; else the reason, or what must hold."""
    relation: Relation | None = None
    """metamorphic: the relation that the call checks; None in the other modes."""


class AuditedCall(Record):
    """A test call, the tool's answer, and the judgement of it."""

    test: TestCall
    response: Response
    verdict: SimulationVerdict


class ModeScore(Record):
    """How many judged calls of a mode were answered rightly."""

    correct: int
    judged: int

    @property
    def interval(self) -> Interval:
        """The 95 % Wilson interval of the share of right answers."""
        return wilson(self.correct, self.judged)


class ToolAudit(Record):
    """The audit of one tool."""

    tool: str
    calls: tuple[AuditedCall, ...] = ()
    """Every rule and happy call that was judged. Of the schema and metamorphic ones, which code makes by the dozen and
    can make again, only those answered wrongly: `scores` counts them all."""
    scores: dict[TestMode, ModeScore] = {}
    """By mode; a mode without a judged call is absent."""
    relations: dict[Relation, ModeScore] = {}
    """The metamorphic score by relation; one that does not apply to the tool is absent."""
    reliability: float = 0.0
    """Correct / judged over the rule, happy and metamorphic calls; the lower end of the 95 % Wilson interval where the
    profile says so; 0 where none was judged. Schema calls say nothing of the tool, as the gate answers them: they are
    not in it, but one answered wrongly drops the tool."""
    answered_by_code: bool = False
    kept: bool = False
    reason: AuditReason | Literal[""] = ""
    """Why the tool was dropped; empty where it is kept."""
    detail: str = ""
    """What lies behind the reason: the worst case (call, what came, what was expected), then what was not judged."""


class AuditedEnv(Record):
    """An environment with the audit of each of its tools."""

    env: EnvSpec
    audits: tuple[ToolAudit, ...]

    @property
    def reliable(self) -> tuple[str, ...]:
        """Names of the tools that later stages may use."""
        return tuple(audit.tool for audit in self.audits if audit.kept)
