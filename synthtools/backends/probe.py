"""What a model can do, found by a few small calls: `synthtools models check`."""

import statistics
import time
from typing import Any, cast

import dspy
import orjson
from dspy.lm15 import Config, Message, Request, Response
from dspy.utils.exceptions import LMError

from synthtools.backends.ledger import usage_meter
from synthtools.errors import SynthToolsError
from synthtools.types.record import JsonObject, Record
from synthtools.types.usage import Usage

_SCHEMA: JsonObject = {
    "title": "Probe",
    "type": "object",
    "properties": {
        "kettle_7": {"type": "string", "enum": ["amber", "cobalt"]},
        "count": {"type": "integer", "minimum": 3, "maximum": 9},
    },
    "required": ["kettle_7", "count"],
    "additionalProperties": False,
}
"""Keys and values that no model writes unless a schema makes it."""

_PROMPT = "Name a bird and say how many wings it has. " * 12


class ModelReport(Record):
    """What the calls of a probe showed."""

    model: str
    calls: int
    structured: bool
    """Whether every answer fitted the schema that was sent and that the prompt did not mention."""
    seconds: float
    """Median seconds of a call."""
    tokens_per_second: float
    """Generated tokens per second, all calls together."""
    usage: Usage
    warnings: tuple[str, ...] = ()
    """Known traps, one sentence each."""


async def probe(lm: dspy.LM, calls: int = 3) -> ModelReport:
    """Asks a model a few times for an answer of a schema. Raises: ModelUnreachable, ProviderError."""
    times: list[float] = []
    fits = 0
    with usage_meter() as meter:
        for seed in range(calls):
            request = Request(
                model=cast(str, cast(Any, lm).model),
                messages=(Message.user(_PROMPT),),
                config=Config(
                    temperature=0.2,
                    seed=seed,
                    max_tokens=64,
                    response_format={"type": "json_schema", "name": "Probe", "schema": _SCHEMA, "strict": True},
                ),
            )
            started = time.monotonic()
            fits += _fits((await _ask(lm, request)).message.text or "")
            times.append(time.monotonic() - started)
    usage = meter.usage
    warnings: list[str] = []
    if fits < calls:
        warnings.append("answers ignore the JSON Schema: the server does not constrain its output")
    if not usage.completion_tokens:
        warnings.append("the server reports no usage: tokens and costs cannot be accounted for")
    elif calls > 1 and not usage.cached_tokens:
        warnings.append("a repeated prompt was not cached: prefix caching is off, or not reported")
    return ModelReport(
        model=cast(str, cast(Any, lm).model),
        calls=calls,
        structured=fits == calls,
        seconds=statistics.median(times),
        tokens_per_second=usage.completion_tokens / max(sum(times), 1e-9),
        usage=usage,
        warnings=tuple(warnings),
    )


async def _ask(lm: dspy.LM, request: Request) -> Response:
    try:
        return cast(Response, await cast(Any, lm).acall(request))
    except LMError as error:
        if isinstance(error.__cause__, SynthToolsError):
            raise error.__cause__ from None
        raise


def _fits(text: str) -> bool:
    try:
        answer = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return isinstance(answer, dict) and set(cast(JsonObject, answer)) == {"kettle_7", "count"}
