"""What a model can do, found by a few small calls: `synthtools models check`."""

import statistics
import time
from typing import Any, cast

import dspy
import orjson
from dspy.lm15 import Config, Message, Request, Response
from dspy.utils.exceptions import LMError

from synthtools.backends.decisions import ALTERNATIVES, option_probabilities
from synthtools.backends.ledger import usage_meter
from synthtools.backends.probe_server import ServerReport, ToolSupport, probe_server
from synthtools.backends.spec import ModelSpec
from synthtools.backends.wire import Transport, chat_body
from synthtools.errors import ParseError, ProviderError, SynthToolsError, TruncatedAnswer
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

_PROMPT = "Name a bird and say how many wings it has. " * 40
"""Long enough for several blocks of any prefix cache."""

_ROOM = 256
"""Most tokens of an answer: a model that thinks first runs into it."""

SMALL_CONTEXT = 4096
"""Tokens; a tool with its records and the answer need up to about that much."""


class ModelReport(Record):
    """What the calls of a probe showed."""

    model: str
    calls: int
    structured: bool
    """Whether every answer fitted the schema that was sent and that the prompt did not mention."""
    kept_schema: int
    """Answers that fitted it."""
    context: int | None
    """Tokens of prompt and answer together, where the server tells them."""
    native_tools: ToolSupport
    """Whether tools offered over HTTP are called as such. The library's own roles do without."""
    logprobs: ToolSupport
    """Whether the probabilities of an answer's options came with it. Only calibrated verdicts need them."""
    seconds: float
    """Median seconds of a call."""
    tokens_per_second: float
    """Generated tokens per second of one call at a time."""
    cached_reported: bool
    """Whether the server says how many tokens of a prompt were cached."""
    usage: Usage
    warnings: tuple[str, ...] = ()
    """Known traps, one sentence each."""


async def probe(lm: dspy.LM, calls: int = 5) -> ModelReport:
    """Asks a model a few times for an answer of a schema, and its server for what it can do.

    Raises: ModelUnreachable, ProviderError.
    """
    transport: Transport = cast(Any, lm).engine.calls.transport
    answers: list[str | None] = []
    times: list[float] = []
    with usage_meter() as meter:
        for seed in range(calls):
            started = time.monotonic()
            answers.append(await _answer(lm, seed))
            times.append(time.monotonic() - started)
    usage = meter.usage
    logprobs = await _logprobs(lm, transport)
    server = await _asked_server(transport)
    fits = sum(_fits(answer) for answer in answers)
    cached_reported = server.cached_reported or usage.cached_tokens > 0
    return ModelReport(
        model=transport.model,
        calls=calls,
        structured=fits == calls,
        kept_schema=fits,
        context=server.context,
        native_tools=server.native_tools,
        logprobs=logprobs,
        seconds=statistics.median(times),
        tokens_per_second=usage.completion_tokens / max(sum(times), 1e-9),
        cached_reported=cached_reported,
        usage=usage,
        warnings=(*_of_answers(answers, usage, cached_reported), *_of_server(server, transport.model)),
    )


def _of_answers(answers: list[str | None], usage: Usage, cached_reported: bool) -> list[str]:
    warnings: list[str] = []
    calls, fits = len(answers), sum(_fits(answer) for answer in answers)
    shaped = sum(_has_keys(answer) for answer in answers)
    if fits < calls and shaped == calls:
        warnings.append("answers keep the schema's keys and not its enum and bounds: those are not enforced")
    elif not any(answers):
        warnings.append("every answer is empty")
    elif fits < calls and None in answers:
        warnings.append(f"answers were cut at {_ROOM} tokens: the model writes more than the schema lets it")
    elif fits < calls:
        warnings.append(
            "answers ignore the JSON Schema: the server does not constrain its output "
            "(a vLLM that knows only `guided_json`, or one without a structured-output backend)"
        )
    if not usage.completion_tokens:
        warnings.append("the server reports no usage: tokens and costs cannot be accounted for")
    elif not cached_reported:
        warnings.append("cached prompt tokens are not reported (vLLM: --enable-prompt-tokens-details)")
    return warnings


def _of_server(server: ServerReport, model: str) -> list[str]:
    warnings = [f"nothing answers at {base}" for base in server.silent]
    name = model.partition("/")[2]
    if server.served and name not in server.served:
        warnings.append(f"the server does not list {name}; it serves {', '.join(server.served[:5])}")
    if server.context is not None and server.context < SMALL_CONTEXT:
        warnings.append(
            f"a context of {server.context:,} tokens is small: prompts with many records will not fit "
            "(vLLM: --max-model-len)"
        )
    if server.cached_reported and not server.cached_tokens:
        warnings.append(
            "a long prompt that was just asked was not cached: prefix caching is off (vLLM: --enable-prefix-caching)"
        )
    if server.only_reasoning:
        warnings.append(
            "the answer is in the reasoning channel and its content is empty, as gpt-oss models do: "
            "take the reasoning parser away, or turn thinking off"
        )
    if server.native_tools == "no":
        warnings.append(
            f"no native tool calls: {server.tools_told} (vLLM: --enable-auto-tool-choice --tool-call-parser NAME); "
            "only programs with tools of their own need them"
        )
    return warnings


async def _asked_server(transport: Transport) -> ServerReport:
    """What a model's servers show; nothing for a model that is on none, or whose library knows the address."""
    spec = ModelSpec.from_json(transport.state(), "the model")
    if not spec.api_bases:
        return ServerReport()
    return await probe_server(spec.api_bases, spec.prefix, spec.path, chat_body(_request(transport.model, 0)))


async def _logprobs(lm: dspy.LM, transport: Transport) -> ToolSupport:
    """Whether one more answer comes with the probabilities of what it could have chosen."""
    if not transport.logprobs:
        return "no"
    try:
        response = await _response(lm, _request(transport.model, 0, logprobs=ALTERNATIVES))
        found = option_probabilities(response.logprobs or (), response.message.text or "", _SCHEMA)
    except (ProviderError, ParseError):
        return "no"
    return "yes" if found["kettle_7"] else "no"


def _request(model: str, seed: int, logprobs: int | None = None) -> Request:
    return Request(
        model=model,
        messages=(Message.user(_PROMPT),),
        config=Config(
            temperature=0.2,
            seed=seed,
            max_tokens=_ROOM,
            logprobs=logprobs,
            response_format={"type": "json_schema", "name": "Probe", "schema": _SCHEMA, "strict": True},
        ),
    )


async def _answer(lm: dspy.LM, seed: int) -> str | None:
    """The text of an answer; None: it was cut."""
    try:
        response = await _response(lm, _request(cast(str, cast(Any, lm).model), seed))
    except TruncatedAnswer:
        return None
    return response.message.text or ""


async def _response(lm: dspy.LM, request: Request) -> Response:
    try:
        return cast(Response, await cast(Any, lm).acall(request))
    except LMError as error:
        if isinstance(error.__cause__, SynthToolsError):
            raise error.__cause__ from None
        raise


def _has_keys(text: str | None) -> bool:
    return set(_parsed(text)) == {"kettle_7", "count"}


def _fits(text: str | None) -> bool:
    answer = _parsed(text)
    count = answer.get("count")
    in_bounds = isinstance(count, int) and not isinstance(count, bool) and 3 <= count <= 9
    return _has_keys(text) and answer["kettle_7"] in ("amber", "cobalt") and in_bounds


def _parsed(text: str | None) -> JsonObject:
    try:
        answer: object = orjson.loads(text or "")
    except orjson.JSONDecodeError:
        return {}
    return cast(JsonObject, answer) if isinstance(answer, dict) else {}
