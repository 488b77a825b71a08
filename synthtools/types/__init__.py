"""The records that everything else is written in: frozen, typed, JSON in and out. They import nothing of ours."""

from synthtools.types.audit import AuditedCall, AuditedEnv, ModeScore, TestCall, TestMode, ToolAudit
from synthtools.types.call import AnsweredBy, Change, Check, Response, ToolCall, Transition
from synthtools.types.environment import Collection, Difficulty, Drop, EnvSpec, RecordKind, Scenario, ToolCode
from synthtools.types.parameter import Parameter, ParameterType
from synthtools.types.profile import PROFILES, SMALL, STANDARD, Profile
from synthtools.types.record import Json, JsonObject, Record, State
from synthtools.types.task import (
    Certificate,
    CertificateCheck,
    KillCount,
    SolvedTurns,
    Task,
    TaskWorld,
    ToolSequence,
    Turn,
)
from synthtools.types.tool import DocumentedError, Tool
from synthtools.types.trajectory import Step, StopReason, Trajectory
from synthtools.types.usage import LedgerEntry, Usage
from synthtools.types.verdict import (
    AnswerValue,
    Citation,
    SimulationVerdict,
    SolutionVerdict,
    TrajectoryVerdict,
    TurnVerdict,
    Verdict,
    VerdictCheck,
    VerifyPolicy,
)

__all__ = [
    "PROFILES",
    "SMALL",
    "STANDARD",
    "AnswerValue",
    "AnsweredBy",
    "AuditedCall",
    "AuditedEnv",
    "Certificate",
    "CertificateCheck",
    "Change",
    "Check",
    "Citation",
    "Collection",
    "Difficulty",
    "DocumentedError",
    "Drop",
    "EnvSpec",
    "Json",
    "JsonObject",
    "KillCount",
    "LedgerEntry",
    "ModeScore",
    "Parameter",
    "ParameterType",
    "Profile",
    "Record",
    "RecordKind",
    "Response",
    "Scenario",
    "SimulationVerdict",
    "SolutionVerdict",
    "SolvedTurns",
    "State",
    "Step",
    "StopReason",
    "Task",
    "TaskWorld",
    "TestCall",
    "TestMode",
    "Tool",
    "ToolAudit",
    "ToolCall",
    "ToolCode",
    "ToolSequence",
    "Trajectory",
    "TrajectoryVerdict",
    "Transition",
    "Turn",
    "TurnVerdict",
    "Usage",
    "Verdict",
    "VerdictCheck",
    "VerifyPolicy",
]
