"""SynthTools: synthetic tool-use worlds, tasks with a proven solution, and verified rollouts.

`import synthtools as st` costs next to nothing: every public name is imported from its home on first use, so that
neither DSPy nor a model backend is loaded before something needs it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthtools.errors import AnswerRefused as AnswerRefused
    from synthtools.errors import BehaviourRefused as BehaviourRefused
    from synthtools.errors import BudgetExceeded as BudgetExceeded
    from synthtools.errors import ConfigError as ConfigError
    from synthtools.errors import ContextTooSmall as ContextTooSmall
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
    from synthtools.errors import WorldError as WorldError

_HOMES = {
    "synthtools.errors": (
        "AnswerRefused",
        "BehaviourRefused",
        "BudgetExceeded",
        "ConfigError",
        "ContextTooSmall",
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
        "WorldError",
    ),
    "synthtools.types": (
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
        "Response",
        "Scenario",
        "SimulationVerdict",
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
