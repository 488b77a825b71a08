"""The one shape all transports speak: an OpenAI chat body in, a chat completion out."""

from typing import Any, Protocol, cast

import orjson
from dspy.lm15 import Message, Request, Response, response_from_openai_chat

from synthtools.backends.decisions import kept_logprobs
from synthtools.backends.tools import assistant_message, kept_calls, offered, result_messages
from synthtools.errors import ConfigError
from synthtools.types.canonical import sha256_hex
from synthtools.types.record import Json, JsonObject
from synthtools.types.usage import Usage

_MOST_TOKENS = 2**31
"""No call has more: a larger count is a server's mistake, and no file could take it."""


class Transport(Protocol):
    """One way to reach a model. Made once a model, used from any thread and event loop at once.

    `send` and `asend` take a chat body without its model, and give a chat completion with one choice. They retry what
    is transient within their own bounds and raise ModelUnreachable, ContextTooSmall or ProviderError.
    """

    model: str
    """The model string the user gave."""
    structured: bool
    """Whether a JSON Schema in `response_format` binds the answer; if not, the schema is told in the prompt."""
    native_tools: bool
    """Whether it takes `tools` and the messages of calls and results; if not, such a call is refused."""
    logprobs: bool
    """Whether it gives the probabilities of tokens where a call asks for them; if not, such a call is refused."""

    def send(self, body: JsonObject) -> JsonObject:
        """The completion of a body, blocking the thread."""
        ...

    async def asend(self, body: JsonObject) -> JsonObject:
        """The completion of a body, without blocking the event loop."""
        ...

    def state(self) -> JsonObject:
        """What rebuilds this transport: settings of `build_lm`, without secrets."""
        ...


def chat_body(request: Request) -> JsonObject:
    """The body of a chat request, without its model. Raises: ConfigError for what is neither text nor of a tool."""
    config = request.config
    messages: list[Json] = []
    if request.system is not None:
        messages.append({"role": "system", "content": _text(request.system)})
    for message in request.messages:
        messages += _messages(message)
    body: JsonObject = {"messages": messages}
    for key in ("temperature", "top_p", "top_k", "max_tokens", "seed", "frequency_penalty", "presence_penalty"):
        value = getattr(config, key)
        if value is not None:
            body[key] = value
    if config.logprobs is not None:
        body["logprobs"] = True
        body["top_logprobs"] = config.logprobs
    if config.stop:
        body["stop"] = list(config.stop)
    shape = config.response_format
    if shape is not None:
        body["response_format"] = {"type": "json_object"} if shape["type"] == "json_object" else {
            "type": "json_schema",
            "json_schema": {key: value for key, value in shape.items() if key != "type"},
        }  # fmt: skip
    body.update(offered(request))
    body.update(cast(JsonObject, config.extensions or {}))
    return body


def body_key(role: str, model: str, attempt: int, body: JsonObject) -> str:
    """SHA-256 (hex) of what an answer depends on; the order of keys in a schema counts, elsewhere it is fixed here."""
    return sha256_hex(orjson.dumps([role, model, attempt, body]))


def schema_title(body: JsonObject) -> str:
    """Name of the schema a body asks for: the signature's; empty where it asks for none."""
    return str(_named_schema(body).get("name") or "")


def _named_schema(body: JsonObject) -> JsonObject:
    """The schema a body asks for with its name; empty where it asks for none."""
    shape = body.get("response_format")
    named = shape.get("json_schema") if isinstance(shape, dict) else None
    return named if isinstance(named, dict) else {}


def trimmed(completion: JsonObject, body: JsonObject) -> JsonObject:
    """The parts of a completion that are used, as they are journalled. `body`: what was asked."""
    choices = completion.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    choice: JsonObject = first if isinstance(first, dict) else {}
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    kept: JsonObject = {"role": "assistant", "content": content if isinstance(content, str) else ""}
    if isinstance(message, dict) and (calls := kept_calls(message)):
        kept["tool_calls"] = calls
    only: JsonObject = {
        "index": 0,
        "message": kept,
        "finish_reason": str(choice.get("finish_reason") or "stop"),
    }
    given = choice.get("logprobs")
    if body.get("logprobs") and isinstance(given, dict):
        schema = cast("JsonObject | None", _named_schema(body).get("schema"))
        only["logprobs"] = {"content": kept_logprobs(given.get("content"), str(kept["content"]), schema)}
    return {
        "model": str(completion.get("model") or ""),
        "choices": [only],
        "usage": _counts(completion.get("usage")),
    }


def _counts(usage: Json) -> JsonObject:
    """Token counts as whole numbers, whatever the server wrote; without what it did not report."""
    if not isinstance(usage, dict):
        return {}
    counts: JsonObject = {key: _count(usage.get(key)) for key in ("prompt_tokens", "completion_tokens")}
    details = usage.get("prompt_tokens_details")
    if isinstance(details, dict):
        counts["prompt_tokens_details"] = {"cached_tokens": _count(details.get("cached_tokens"))}
    return counts


def completion_usage(completion: JsonObject) -> Usage:
    """Tokens of a completion; what the server does not report is 0."""
    usage = completion.get("usage")
    if not isinstance(usage, dict):
        return Usage(calls=1)
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    return Usage(
        calls=1,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        cached_tokens=_count(cached),
        completion_tokens=_count(usage.get("completion_tokens")),
    )


def finish_reason(completion: JsonObject) -> str:
    """Why the model stopped: `stop`, `length`, ..."""
    choices = completion.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    return str(choice.get("finish_reason") or "stop") if isinstance(choice, dict) else "stop"


def tool_calls(answer: JsonObject) -> list[Json]:
    """The tool calls of a trimmed completion."""
    (choice,) = cast("list[dict[str, JsonObject]]", answer["choices"])
    return cast("list[Json]", choice["message"].get("tool_calls") or [])


def to_response(completion: JsonObject, model: str) -> Response:
    """A trimmed completion as DSPy takes it."""
    return response_from_openai_chat({**completion, "model": completion.get("model") or model}, model=model)


def _count(value: Json) -> int:
    """A number of tokens; 0 for what is none."""
    return int(value) if isinstance(value, (int, float)) and 0 <= value <= _MOST_TOKENS else 0


def _messages(message: Message) -> list[JsonObject]:
    if message.role == "tool":
        return result_messages(message)
    if message.role == "assistant":
        return [assistant_message(message, _text([part for part in message.parts if part.type != "tool_call"]))]
    return [{"role": "system" if message.role == "developer" else message.role, "content": _text(message.parts)}]


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    texts: list[str] = []
    for part in content:
        if part.type != "text":
            raise ConfigError(f"a prompt holds a {part.type} part; only text is sent")
        texts.append(part.text)
    return "".join(texts)
