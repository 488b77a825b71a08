"""What of a traced answer becomes a demo, and how a demo is told again."""

import hashlib
from collections.abc import Mapping
from typing import Any, cast

import dspy
import orjson

from synthtools.backends.prompt import shown_value
from synthtools.types.record import JsonObject
from synthtools.types.schema_from import Hidden


def accepted(trace: list[Any]) -> list[tuple[Any, dict[str, Any], dspy.Prediction]]:
    """The steps of a trace that count, as demos show them.

    An answer that was refused and asked for again is left out, and so is the word on what was wrong with it. What a
    prompt does not show is left out of the inputs, and what it shows is plain JSON.
    """
    steps: list[tuple[Any, dict[str, Any], dspy.Prediction]] = []
    questions: list[tuple[int, str]] = []
    for predictor, inputs, given in trace:
        fields = predictor.signature.input_fields
        shown: dict[str, Any] = {}
        for name, value in inputs.items():
            hidden = name not in fields or any(isinstance(mark, Hidden) for mark in fields[name].metadata)
            text = None if hidden or name == "feedback" else shown_value(value)
            if text is not None:
                shown[name] = text if isinstance(value, str) else orjson.loads(text)
        answer = {name: _plain(value) for name, value in dict(given).items()}
        question = (id(predictor), orjson.dumps(shown, option=orjson.OPT_SORT_KEYS).decode())
        if question in questions and inputs.get("feedback"):
            place = len(questions) - 1 - questions[::-1].index(question)
            del steps[place], questions[place]
        steps.append((predictor, shown, dspy.Prediction(**answer)))
        questions.append(question)
    return steps


def demo_hash(content: Mapping[str, Any]) -> str:
    """Tells a demo by what it shows."""
    kept = {name: value for name, value in content.items() if name != "augmented"}
    return hashlib.sha256(orjson.dumps(kept, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()


def _plain(value: object) -> Any:
    if isinstance(value, str):
        return value
    text = shown_value({"value": value})
    return cast(JsonObject, orjson.loads(text or "{}")).get("value")
