"""Calibration of what a role decides: DSPy's ReAnchor, on the probabilities of the tokens of its verdicts."""

import importlib
from typing import Any, cast

import dspy

from synthtools.modules.compiled import predictors_of
from synthtools.modules.decider import Decider, gives_logprobs, options_of
from synthtools.modules.role import Role
from synthtools.optimizers.compile.search import Search


def calibrated(student: Any, train: list[dspy.Example], metric: Any, threads: int) -> Any:
    """A copy of a student whose verdict is held against the threshold or weights that score best.

    No answer is asked for twice: a threshold changes how it is read, and the compile's journal has it.
    """
    reanchor: Any = importlib.import_module("dspy.teleprompt.reanchor")  # its own types are partly unknown
    fitting = reanchor.ReAnchor(metric, num_threads=threads, require_cache=False)
    return fitting.compile(student, trainset=train)


def verdict_objection(module: dspy.Module, search: Search, student: Any) -> str:
    """Why the verdict of a role cannot be calibrated for a model; empty: it can.

    A program's roles are calibrated one by one: a verdict changes what is asked after it, so that every threshold that
    is tried on a program would cost new answers.
    """
    name = type(module).__name__
    if not isinstance(module, Role):
        return f"it calibrates the verdict of one role, and {name} is none"
    if not any(_has_verdict(predictor) for _, predictor, _ in predictors_of(module)):
        return f"{name} has no verdict: none of its outputs is a yes or no or a choice"
    lm = module.predict.lm or student
    if not gives_logprobs(lm):
        return f"it reads the probabilities of the verdict's tokens (logprobs), which {lm.model} does not give"
    return ""


def _has_verdict(predictor: Any) -> bool:
    outputs = cast("dict[str, Any]", predictor.signature.output_fields)
    return isinstance(predictor, Decider) and any(options_of(info.annotation) for info in outputs.values())
