"""The audit of an environment's tools: test calls, what came of them, and how reliable each tool is."""

from typing import Literal

from synthtools.types.call import Response, ToolCall
from synthtools.types.environment import EnvSpec
from synthtools.types.record import Record
from synthtools.types.verdict import SimulationVerdict

TestMode = Literal["schema", "rule", "happy"]


class TestCall(Record):
    """A call that probes a tool, with what a right tool would do."""

    __test__ = False  # pytest: a record, not a test class

    mode: TestMode
    call: ToolCall
    should_succeed: bool
    expectation: str = ""
    """Why, in words: which parameter or documented error the call probes."""


class AuditedCall(Record):
    """A test call, the tool's answer, and the judgement of it."""

    test: TestCall
    response: Response
    verdict: SimulationVerdict


class ModeScore(Record):
    """How many judged calls of a mode were answered rightly."""

    correct: int
    judged: int


class ToolAudit(Record):
    """The audit of one tool."""

    tool: str
    calls: tuple[AuditedCall, ...] = ()
    scores: dict[TestMode, ModeScore] = {}
    reliability: float = 0.0
    """correct / judged over all modes; the lower Wilson bound where the profile says so."""
    answered_by_code: bool = False
    kept: bool = False
    reason: str = ""
    """Why the tool was dropped, a short phrase; empty where it is kept."""
    detail: str = ""
    """What lies behind the reason."""


class AuditedEnv(Record):
    """An environment with the audit of each of its tools."""

    env: EnvSpec
    audits: tuple[ToolAudit, ...]

    @property
    def reliable(self) -> tuple[str, ...]:
        """Names of the tools that later stages may use."""
        return tuple(audit.tool for audit in self.audits if audit.kept)
