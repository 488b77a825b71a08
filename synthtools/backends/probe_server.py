"""What a server says of itself and of a few raw requests: what the library's own calls never show.

The roles send no native tools, nobody reads reasoning, and a transport reports what a server leaves out as 0. An
agent trained elsewhere, or a person who sets a server up, wants to know all the same.
"""

import asyncio
import os
from typing import Literal, cast

import aiohttp
import orjson

from synthtools.backends.failures import told
from synthtools.types.record import Json, JsonObject, Record

ToolSupport = Literal["yes", "no", "not tried"]

_SECONDS = 120.0
"""For one request."""

_TOOL: JsonObject = {
    "type": "function",
    "function": {
        "name": "CountBirds",
        "description": "Counts the birds of a pond.",
        "parameters": {
            "type": "object",
            "properties": {"pond": {"type": "string", "description": "Name of the pond."}},
            "required": ["pond"],
        },
    },
}
_TOOL_QUESTION = "How many birds are on the pond Mirror? Find out with the tool CountBirds."


class ServerReport(Record):
    """What servers showed over HTTP."""

    silent: tuple[str, ...] = ()
    """Addresses at which nothing answers."""
    served: tuple[str, ...] = ()
    """Names of the models that the first server lists; empty: it has no list."""
    context: int | None = None
    """Tokens of prompt and answer together, the least of all servers; None: not told."""
    native_tools: ToolSupport = "not tried"
    """Whether a tool that was offered was called in the answer's `tool_calls`."""
    tools_told: str = ""
    """What the server said instead."""
    cached_reported: bool = False
    """Whether answers say how many tokens of their prompt were cached."""
    cached_tokens: int = 0
    """Of a prompt that had just been asked."""
    only_reasoning: bool = False
    """Whether an answer had text in its reasoning channel and none in its content."""


async def probe_server(bases: tuple[str, ...], prefix: str, name: str, body: JsonObject) -> ServerReport:
    """Asks servers what they serve, and the first that answers three small questions.

    Args:
        bases: Addresses of the servers.
        prefix: The backend's, for its key.
        name: The model's name there.
        body: A chat body, which is asked twice.
    """
    timeout = aiohttp.ClientTimeout(total=_SECONDS, sock_connect=10.0)
    async with aiohttp.ClientSession(timeout=timeout, headers=_headers(prefix)) as session:
        lists = await asyncio.gather(*(_models(session, base) for base in bases))
        silent = tuple(base for base, listed in zip(bases, lists, strict=True) if listed is None)
        answering = [base for base in bases if base not in silent]
        if not answering:
            return ServerReport(silent=silent)
        models = [model for listed in lists for model in listed or () if str(model.get("id")) == name]
        contexts = [length for model in models if isinstance(length := model.get("max_model_len"), int)]
        base = answering[0]
        report = ServerReport(
            silent=silent,
            served=tuple(str(model.get("id")) for model in lists[bases.index(base)] or ()),
            context=min(contexts, default=None),
        )
        asked = {**body, "model": name}
        twice = [await _chat(session, base, asked) for _ in range(2)]
        cached = [_cached(answer) for _, answer in twice]
        tools, said = _tool_support(
            *await _chat(
                session,
                base,
                {
                    "model": name,
                    "messages": [{"role": "user", "content": _TOOL_QUESTION}],
                    "tools": [_TOOL],
                    "tool_choice": "auto",
                    "max_tokens": 512,
                },
            )
        )
    return report.model_copy(
        update={
            "native_tools": tools,
            "tools_told": said,
            "cached_reported": any(count is not None for count in cached),
            "cached_tokens": cached[-1] or 0,
            "only_reasoning": any(_is_only_reasoning(_message(answer)) for _, answer in twice),
        }
    )


def _headers(prefix: str) -> dict[str, str]:
    names = ("DIRECT_API_KEY", "OPENAI_API_KEY") if prefix == "direct" else (f"{prefix.upper()}_API_KEY",)
    key = next((os.environ[name] for name in names if os.environ.get(name)), None)
    return {} if key is None else {"Authorization": f"Bearer {key}"}


async def _models(session: aiohttp.ClientSession, base: str) -> list[JsonObject] | None:
    """The models that a server lists; None: nothing answers."""
    try:
        async with session.get(f"{base.rstrip('/')}/models", allow_redirects=False) as response:
            listed = _object(await response.read()).get("data")
    except (aiohttp.ClientError, TimeoutError, ConnectionError):
        return None
    return [model for model in listed if isinstance(model, dict)] if isinstance(listed, list) else []


async def _chat(session: aiohttp.ClientSession, base: str, body: JsonObject) -> tuple[int, JsonObject]:
    """Status and body of an answer; status 0: the connection broke or took too long."""
    try:
        async with session.post(
            f"{base.rstrip('/')}/chat/completions",
            data=orjson.dumps(body),
            headers={"Content-Type": "application/json"},
            allow_redirects=False,
        ) as response:
            return response.status, _object(await response.read())
    except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
        return 0, {"message": str(error) or type(error).__name__}


def _tool_support(status: int, answer: JsonObject) -> tuple[ToolSupport, str]:
    if status != 200:
        error = answer.get("error", answer)
        message = error.get("message") if isinstance(error, dict) else error
        return "no", told(f"status {status}: {message}")
    message = _message(answer)
    calls = message.get("tool_calls")
    named = [_called(call) for call in calls] if isinstance(calls, list) else []
    if "CountBirds" in named:
        return "yes", ""
    if named:
        return "no", "the call names another tool, or its arguments are no JSON"
    content = str(message.get("content") or "")
    if "CountBirds" in content:
        return "no", "the call came as text, so the server has no parser for this model's tool calls"
    return "no", told(f"the model answered in words: {content[:80]}") if content else "the answer is empty"


def _called(call: Json) -> str:
    """The name of a tool call whose arguments are JSON; else empty."""
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not _object(str(function.get("arguments")).encode()):
        return ""
    return str(function.get("name"))


def _cached(answer: JsonObject) -> int | None:
    """Cached tokens of a prompt; None: not reported."""
    usage = answer.get("usage")
    details = usage.get("prompt_tokens_details") if isinstance(usage, dict) else None
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return cached if isinstance(cached, int) else None


def _is_only_reasoning(message: JsonObject) -> bool:
    return not message.get("content") and bool(message.get("reasoning_content") or message.get("reasoning"))


def _message(answer: JsonObject) -> JsonObject:
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    return message if isinstance(message, dict) else {}


def _object(text: bytes) -> JsonObject:
    try:
        found: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return cast(JsonObject, found) if isinstance(found, dict) else {}
