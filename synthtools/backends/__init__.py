"""How a model is reached: one string, one `dspy.LM`, every call bounded, journalled and accounted for.

Importing this package imports neither DSPy nor a model library; `model` and `build_lm` do at their first use.
"""

from synthtools.backends.ledger import Journal, LedgerSink, UsageMeter, usage_meter
from synthtools.backends.registry import build_lm, configure, model, register_backend
from synthtools.backends.scope import Scope, current_scope, role, scope
from synthtools.backends.spec import ModelSpec

__all__ = [
    "Journal",
    "LedgerSink",
    "ModelSpec",
    "Scope",
    "UsageMeter",
    "build_lm",
    "configure",
    "current_scope",
    "model",
    "register_backend",
    "role",
    "scope",
    "usage_meter",
]
