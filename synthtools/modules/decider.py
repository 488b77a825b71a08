"""A predictor that decides on probabilities: a yes or no above a threshold, a choice after the weight of each option.

DSPy keeps such settings in `Predict.fields`, and its ReAnchor fits them. Its own predictors ask the model to write
its probabilities down, in another prompt. Here the prompt and the schema stay as they are, and the probabilities are
those of the tokens that the model wrote its decision with.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, cast, get_args, get_origin

import dspy
from dspy.adapters.decision_state import DecisionState

from synthtools.backends.adapter import PROBABILITIES, SynthAdapter
from synthtools.backends.decisions import ALTERNATIVES, label_of
from synthtools.backends.registry import adapter
from synthtools.errors import ConfigError, ParseError

_RECORDER = "_decision_evidence"
"""Where DSPy's `record_evidence` keeps its log and the lock of it."""

_Settings: TypeAlias = dict[str, dict[str, Any]]
"""By output: the `threshold` of a yes or no, or the `weights` of a choice."""


def options_of(annotation: object) -> tuple[Any, ...]:
    """The options of an output, where it is a yes or no or a choice; else none."""
    if annotation is bool:
        return (True, False)
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def gives_logprobs(lm: Any) -> bool:
    """Whether a model gives the probabilities of tokens; one that is not of ours does not say so."""
    return "logprobs" in getattr(getattr(lm, "engine", None), "supported_params", ())


def decision_settings(signature: Any, fields: Any, declared: Any = None) -> _Settings:
    """The threshold or weights that each output of a predictor's `fields` is held against; DSPy's where none is set.

    Args:
        signature: What is asked.
        fields: The settings by output.
        declared: The predictor's own signature, where a call has another.

    Raises: ConfigError for settings that do not fit an output, or that belong in the prompt (DSPy's `set_criteria`),
        which would not reach the model.
    """
    try:
        known = cast(_Settings, DecisionState(signature, fields, declared_signature=declared).fields)
    except (ValueError, TypeError) as error:
        raise ConfigError(str(error).splitlines()[0]) from error
    settings = {name: known[name] for name in fields}
    for name, own in settings.items():
        if unsaid := sorted(own.keys() & {"criteria", "instructions"}):
            raise ConfigError(
                f"{name}: {' and '.join(unsaid)} would not reach the model: write what is meant into the instructions "
                "of the signature or the description of the output"
            )
    return settings


class Decider(dspy.Predict):
    """A `dspy.Predict` whose `fields`, where it has any, decide on the probabilities of tokens.

    Without `fields` it asks for no probabilities, and is like any other predictor.
    """

    def forward(self, **inputs: Any) -> Any:
        """As `dspy.Predict.forward`. Raises: ConfigError for an output or a setting that it cannot decide by."""
        if not self.fields:
            return super().forward(**inputs)
        call, settings = self._asked(inputs)
        return self._answered(call, settings, _adapter()(**call))

    async def aforward(self, **inputs: Any) -> Any:
        """As `forward`, on the running event loop."""
        if not self.fields:
            return await super().aforward(**inputs)
        call, settings = self._asked(inputs)
        return self._answered(call, settings, await _adapter().acall(**call))

    def _asked(self, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], _Settings]:
        """What the adapter is called with, and what the answer is held against."""
        lm, config, signature, demos, given = cast("tuple[Any, ...]", self._forward_preprocess(**inputs))
        settings = decision_settings(signature, self.fields, self.signature)
        asked: dict[str, Any] = {**config, "logprobs": ALTERNATIVES}
        return {"lm": lm, "lm_kwargs": asked, "signature": signature, "demos": demos, "inputs": given}, settings

    def _answered(self, call: Mapping[str, Any], settings: _Settings, completions: list[dict[str, Any]]) -> Any:
        decided = [self._decided(call["signature"], settings, completion) for completion in completions]
        return self._forward_postprocess(decided, call["signature"], **call["inputs"])

    def _decided(self, signature: Any, settings: _Settings, completion: Mapping[str, Any]) -> dict[str, Any]:
        answer = dict(completion)
        found = cast("dict[str, dict[str, float]]", answer.pop(PROBABILITIES))
        for name, own in settings.items():
            options = options_of(signature.output_fields[name].annotation)
            if not options:
                raise ConfigError(f"{name} is no yes or no and no choice, and cannot be decided on probabilities")
            if name not in found:
                continue  # the call left one option only
            shares = {str(value): found[name].get(label_of(value), 0.0) for value in options}
            self._record(name, shares, own)
            best = _best(shares, own, str(answer[name]))
            answer[name] = next(value for value in options if str(value) == best)
        return answer

    def _record(self, name: str, shares: Mapping[str, float], settings: Mapping[str, Any]) -> None:
        """Tells ReAnchor what is decided on, as DSPy's own predictors do."""
        recorder: Any = cast(Any, dspy.settings).get(_RECORDER)
        if recorder is None:
            return
        log, lock = recorder
        evidence = {"noul": shares["True"]} if "threshold" in settings else {"probabilities": dict(shares)}
        with lock:
            log.append((self, name, evidence))


def _best(shares: Mapping[str, float], settings: Mapping[str, Any], said: str) -> str:
    """The option that is decided for, as a text; of equals the one that the model said."""
    if "threshold" in settings:
        return str(shares["True"] >= settings["threshold"])
    weights = cast("Mapping[str, float]", settings["weights"])
    weighed = {option: share * weights.get(option, 1.0) for option, share in shares.items()}
    best = max(weighed, key=lambda option: (weighed[option], option == said))
    if not weighed[best]:
        raise ParseError("the weights of the options leave none that the model thought possible")
    return best


def _adapter() -> Any:
    found = cast(Any, dspy.settings).adapter or adapter()
    if not isinstance(found, SynthAdapter):
        raise ConfigError("decisions on token probabilities are read by SynthTools' own adapter, and another is set")
    return found
