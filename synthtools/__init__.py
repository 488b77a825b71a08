"""SynthTools: synthetic tool-use worlds, tasks with a proven solution, and verified rollouts.

`import synthtools as st` costs next to nothing: every public name is imported from its home on first use, so that
neither DSPy nor a model backend is loaded before something needs it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthtools.backends import configure as configure
    from synthtools.backends import model as model
    from synthtools.backends import register_backend as register_backend
    from synthtools.errors import AnswerRefused as AnswerRefused
    from synthtools.errors import BehaviourRefused as BehaviourRefused
    from synthtools.errors import BudgetExceeded as BudgetExceeded
    from synthtools.errors import ConfigError as ConfigError
    from synthtools.errors import ContextTooSmall as ContextTooSmall
    from synthtools.errors import DamagedRecord as DamagedRecord
    from synthtools.errors import DataError as DataError
    from synthtools.errors import Dropped as Dropped
    from synthtools.errors import ModelError as ModelError
    from synthtools.errors import ModelUnreachable as ModelUnreachable
    from synthtools.errors import ParseError as ParseError
    from synthtools.errors import ProviderError as ProviderError
    from synthtools.errors import ReplayError as ReplayError
    from synthtools.errors import RunError as RunError
    from synthtools.errors import SandboxError as SandboxError
    from synthtools.errors import SimulatorError as SimulatorError
    from synthtools.errors import StateError as StateError
    from synthtools.errors import SynthToolsError as SynthToolsError
    from synthtools.errors import ToolCallSyntaxError as ToolCallSyntaxError
    from synthtools.errors import TruncatedAnswer as TruncatedAnswer
    from synthtools.errors import UsageError as UsageError
    from synthtools.errors import WorkerLost as WorkerLost
    from synthtools.errors import WorldError as WorldError
    from synthtools.exports.task_content import read_tasks as read_tasks
    from synthtools.exports.task_content import write_corpus as write_corpus
    from synthtools.modules.evolver import FirstTurnWriter as FirstTurnWriter
    from synthtools.modules.evolver import NextTurnWriter as NextTurnWriter
    from synthtools.modules.evolver import TaskEvolver as TaskEvolver
    from synthtools.modules.generator import BehaviourGenerator as BehaviourGenerator
    from synthtools.modules.generator import CollectionGenerator as CollectionGenerator
    from synthtools.modules.generator import RecordGenerator as RecordGenerator
    from synthtools.modules.generator import ScenarioGenerator as ScenarioGenerator
    from synthtools.modules.generator import SequenceGenerator as SequenceGenerator
    from synthtools.modules.generator import SubfieldGenerator as SubfieldGenerator
    from synthtools.modules.generator import ToolGenerator as ToolGenerator
    from synthtools.modules.judges import DisagreementJudge as DisagreementJudge
    from synthtools.modules.judges import SolutionJudge as SolutionJudge
    from synthtools.modules.judges import TrajectoryJudge as TrajectoryJudge
    from synthtools.modules.judges import TurnJudge as TurnJudge
    from synthtools.modules.simulator import LLMSimulator as LLMSimulator
    from synthtools.modules.simulator import ResponseSimulator as ResponseSimulator
    from synthtools.modules.simulator import RuleChecker as RuleChecker
    from synthtools.modules.solver import AgentSolver as AgentSolver
    from synthtools.modules.solver import OneShotSolver as OneShotSolver
    from synthtools.modules.solver import TurnSolver as TurnSolver
    from synthtools.modules.summarizer import TurnMerger as TurnMerger
    from synthtools.modules.validator import ResponseJudge as ResponseJudge
    from synthtools.modules.validator import TestCallWriter as TestCallWriter
    from synthtools.optimizers.calibration.calibrate import calibrate as calibrate
    from synthtools.optimizers.case import Case as Case
    from synthtools.optimizers.compile.caps import Limits as Limits
    from synthtools.optimizers.compile.optimize import Compiled as Compiled
    from synthtools.optimizers.compile.optimize import optimize as optimize
    from synthtools.optimizers.compile.search import Search as Search
    from synthtools.optimizers.score import Score as Score
    from synthtools.optimizers.target import Target as Target
    from synthtools.programs.env_audit import EnvAudit as EnvAudit
    from synthtools.programs.env_generation import EnvGeneration as EnvGeneration
    from synthtools.programs.env_generation import Scenarios as Scenarios
    from synthtools.programs.env_generation import Subfields as Subfields
    from synthtools.programs.pipeline import Pipeline as Pipeline
    from synthtools.programs.task_audit import TaskAudit as TaskAudit
    from synthtools.programs.task_generation import TaskGeneration as TaskGeneration
    from synthtools.programs.task_sequences import TaskSequences as TaskSequences
    from synthtools.programs.tool_behaviour import ToolBehaviour as ToolBehaviour
    from synthtools.programs.trajectory_generation import TrajectoryGeneration as TrajectoryGeneration
    from synthtools.runs.run import open_run as open_run
    from synthtools.types import SMALL as SMALL
    from synthtools.types import STANDARD as STANDARD
    from synthtools.types import AnswerValue as AnswerValue
    from synthtools.types import AuditedCall as AuditedCall
    from synthtools.types import AuditedEnv as AuditedEnv
    from synthtools.types import Certificate as Certificate
    from synthtools.types import CertificateCheck as CertificateCheck
    from synthtools.types import Change as Change
    from synthtools.types import Check as Check
    from synthtools.types import Citation as Citation
    from synthtools.types import Collection as Collection
    from synthtools.types import DocumentedError as DocumentedError
    from synthtools.types import Drop as Drop
    from synthtools.types import EnvSpec as EnvSpec
    from synthtools.types import LedgerEntry as LedgerEntry
    from synthtools.types import ModeScore as ModeScore
    from synthtools.types import Parameter as Parameter
    from synthtools.types import Profile as Profile
    from synthtools.types import RecordKind as RecordKind
    from synthtools.types import Response as Response
    from synthtools.types import Scenario as Scenario
    from synthtools.types import SimulationVerdict as SimulationVerdict
    from synthtools.types import SolutionVerdict as SolutionVerdict
    from synthtools.types import SolvedTurns as SolvedTurns
    from synthtools.types import Step as Step
    from synthtools.types import Task as Task
    from synthtools.types import TaskWorld as TaskWorld
    from synthtools.types import TestCall as TestCall
    from synthtools.types import Tool as Tool
    from synthtools.types import ToolAudit as ToolAudit
    from synthtools.types import ToolCall as ToolCall
    from synthtools.types import ToolCode as ToolCode
    from synthtools.types import ToolSequence as ToolSequence
    from synthtools.types import Trajectory as Trajectory
    from synthtools.types import TrajectoryVerdict as TrajectoryVerdict
    from synthtools.types import Transition as Transition
    from synthtools.types import Turn as Turn
    from synthtools.types import TurnVerdict as TurnVerdict
    from synthtools.types import Usage as Usage
    from synthtools.types import Verdict as Verdict
    from synthtools.types import VerdictCheck as VerdictCheck
    from synthtools.types import VerifyPolicy as VerifyPolicy
    from synthtools.types.calibration import Calibration as Calibration
    from synthtools.world.behaviour import Behaviour as Behaviour
    from synthtools.world.certificate import certify as certify
    from synthtools.world.certification import Certification as Certification
    from synthtools.world.gate import check as check
    from synthtools.world.replay import replay as replay
    from synthtools.world.verify import verify as verify
    from synthtools.world.world import World as World

_HOMES = {
    "synthtools.errors": (
        "AnswerRefused",
        "BehaviourRefused",
        "BudgetExceeded",
        "ConfigError",
        "ContextTooSmall",
        "DamagedRecord",
        "DataError",
        "Dropped",
        "ModelError",
        "ModelUnreachable",
        "ParseError",
        "ProviderError",
        "ReplayError",
        "RunError",
        "SandboxError",
        "SimulatorError",
        "StateError",
        "SynthToolsError",
        "ToolCallSyntaxError",
        "TruncatedAnswer",
        "UsageError",
        "WorkerLost",
        "WorldError",
    ),
    "synthtools.types": (
        "SMALL",
        "STANDARD",
        "AnswerValue",
        "AuditedCall",
        "AuditedEnv",
        "Certificate",
        "CertificateCheck",
        "Change",
        "Check",
        "Citation",
        "Collection",
        "DocumentedError",
        "Drop",
        "EnvSpec",
        "LedgerEntry",
        "ModeScore",
        "Parameter",
        "Profile",
        "RecordKind",
        "Response",
        "Scenario",
        "SimulationVerdict",
        "SolutionVerdict",
        "SolvedTurns",
        "Step",
        "Task",
        "TaskWorld",
        "TestCall",
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
    ),
    "synthtools.world.behaviour": ("Behaviour",),
    "synthtools.world.certification": ("Certification",),
    "synthtools.world.gate": ("check",),
    "synthtools.world.world": ("World",),
    "synthtools.world.certificate": ("certify",),
    "synthtools.world.replay": ("replay",),
    "synthtools.world.verify": ("verify",),
    "synthtools.backends": (
        "configure",
        "model",
        "register_backend",
    ),
    "synthtools.modules.generator": (
        "BehaviourGenerator",
        "CollectionGenerator",
        "RecordGenerator",
        "ScenarioGenerator",
        "SequenceGenerator",
        "SubfieldGenerator",
        "ToolGenerator",
    ),
    "synthtools.modules.simulator": (
        "LLMSimulator",
        "ResponseSimulator",
        "RuleChecker",
    ),
    "synthtools.modules.validator": (
        "ResponseJudge",
        "TestCallWriter",
    ),
    "synthtools.modules.evolver": (
        "FirstTurnWriter",
        "NextTurnWriter",
        "TaskEvolver",
    ),
    "synthtools.modules.solver": (
        "AgentSolver",
        "OneShotSolver",
        "TurnSolver",
    ),
    "synthtools.modules.judges": (
        "DisagreementJudge",
        "SolutionJudge",
        "TrajectoryJudge",
        "TurnJudge",
    ),
    "synthtools.modules.summarizer": ("TurnMerger",),
    "synthtools.programs.env_generation": (
        "EnvGeneration",
        "Scenarios",
        "Subfields",
    ),
    "synthtools.programs.env_audit": ("EnvAudit",),
    "synthtools.programs.task_sequences": ("TaskSequences",),
    "synthtools.programs.task_generation": ("TaskGeneration",),
    "synthtools.programs.task_audit": ("TaskAudit",),
    "synthtools.programs.tool_behaviour": ("ToolBehaviour",),
    "synthtools.programs.trajectory_generation": ("TrajectoryGeneration",),
    "synthtools.programs.pipeline": ("Pipeline",),
    "synthtools.exports.task_content": (
        "read_tasks",
        "write_corpus",
    ),
    "synthtools.optimizers.calibration.calibrate": ("calibrate",),
    "synthtools.optimizers.compile.caps": ("Limits",),
    "synthtools.optimizers.case": ("Case",),
    "synthtools.optimizers.compile.optimize": (
        "Compiled",
        "optimize",
    ),
    "synthtools.optimizers.score": ("Score",),
    "synthtools.optimizers.compile.search": ("Search",),
    "synthtools.optimizers.target": ("Target",),
    "synthtools.runs.run": ("open_run",),
    "synthtools.types.calibration": ("Calibration",),
}
"""The public names by the module they live in."""

_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # pyright: ignore[reportUnsupportedDunderAll]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """The public name from its home, kept for the next time."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'synthtools' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
