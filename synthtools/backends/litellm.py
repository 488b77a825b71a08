"""Any provider LiteLLM knows, `hosted_vllm/` and `openai/` first.

LiteLLM is imported at the first call, off the event loop, without its network look-up of prices.
"""

import asyncio
import gc
import importlib
import importlib.util
import json
import os
import socket
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from synthtools.backends.failures import check_addresses, no_address, retry_after, told
from synthtools.backends.first_call import make_first_call
from synthtools.backends.retries import Transient
from synthtools.backends.spec import ModelSpec
from synthtools.backends.tools import TOOL_KEYS
from synthtools.errors import ConfigError, ContextTooSmall, ModelUnreachable, ProviderError
from synthtools.types.record import JsonObject

KEYLESS = frozenset({"openai", "hosted_vllm"})
"""Prefixes whose servers of one's own need no key; the client insists on one."""

DEFAULT_TIMEOUT = 300.0
"""Seconds for one try."""

_UNREACHABLE = frozenset({"ClientConnectorError", "ClientConnectorDNSError", "ConnectError", "ConnectTimeout"})


def load_litellm() -> Any:
    """LiteLLM, set up before its import reads the environment.

    Its 260,000 objects live for ever; were they looked at in each full collection of garbage, every one of those would
    stall the event loop for a fifth of a second. So the collector is told to leave alone all that is there after the
    import, the caller's own objects too: cycles among those that are dropped later stay, until `gc.unfreeze()`.
    """
    is_new = "litellm" not in sys.modules
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_TELEMETRY", "False")
    litellm: Any = importlib.import_module("litellm")
    litellm.suppress_debug_info = True
    litellm.drop_params = False
    if is_new:
        gc.collect()  # what is garbage already is not to be kept
        gc.freeze()
    return litellm


class LiteLLMClient:
    """Asks one server, or a provider, once through LiteLLM."""

    structured = True
    native_tools = True

    def __init__(self, spec: ModelSpec, reached: Sequence[str] = ()) -> None:
        """Sets up the client.

        Args:
            spec: The model.
            reached: Names of the models behind it; none: its own.
        """
        check_addresses(spec)
        if spec.prefix == "hosted_vllm" and not spec.api_bases and not os.environ.get("HOSTED_VLLM_API_BASE"):
            raise no_address(spec)
        self.model = spec.name
        self._spec = spec
        self._timeout = spec.timeout or DEFAULT_TIMEOUT
        self._litellm: Any = None
        self.logprobs = all(has_logprobs(name) for name in reached or (spec.name,))

    def prepare(self) -> None:
        """Imports LiteLLM now, which takes seconds, and what it imports itself at its first call."""
        self._litellm = self._ready()

    def attempt(self, body: JsonObject, base: str) -> JsonObject:
        """The completion of a body, blocking the thread."""
        litellm, arguments = load_litellm(), self._arguments(body, base)
        try:
            return completion_of(litellm.completion(**arguments))
        except Exception as error:
            raise self._typed(error, base) from error

    async def aattempt(self, body: JsonObject, base: str) -> JsonObject:
        """The completion of a body, on the running event loop."""
        if self._litellm is None:
            self._litellm = await asyncio.to_thread(self._ready)
        arguments = self._arguments(body, base)
        try:
            return completion_of(await self._litellm.acompletion(**arguments))
        except Exception as error:
            raise self._typed(error, base) from error

    def _ready(self) -> Any:
        litellm = load_litellm()
        make_first_call(litellm, self._spec.prefix)
        return litellm

    def _arguments(self, body: JsonObject, base: str) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            **with_tools({**body, **self._spec.settings}, self._spec),
            "model": self.model,
            "timeout": self._timeout,
            "num_retries": 0,
            "max_retries": 0,
            "caching": False,
        }
        if base:
            arguments["api_base"] = base
            if self._spec.prefix in KEYLESS:
                arguments["api_key"] = os.environ.get(f"{self._spec.prefix.upper()}_API_KEY") or "none"
        return arguments

    def _typed(self, error: Exception, base: str) -> Exception:
        """Our error for LiteLLM's, judged by class, status and what caused it, never by wording."""
        litellm = load_litellm()
        where = f"{self.model} at {base}" if base else self.model
        status = getattr(error, "status_code", None)
        causes = _causes(error)
        if any(type(cause).__name__ in _UNREACHABLE for cause in causes) or any(
            isinstance(cause, (ConnectionRefusedError, socket.gaierror)) for cause in causes
        ):
            return Transient(ModelUnreachable(f"nothing answers for {where}: {_reason(causes)}"), "unreachable")
        if isinstance(error, litellm.ContextWindowExceededError):
            return ContextTooSmall(f"{where}: the prompt does not fit the model's context: {_line(error)}")
        if isinstance(error, litellm.Timeout):
            return Transient(ProviderError(f"{where}: no answer within {self._timeout:g} s"), "slow")
        if isinstance(error, litellm.NotFoundError):
            return ModelUnreachable(f"{where}: there is no such model there: {_line(error)}")
        if isinstance(error, litellm.RateLimitError):
            return Transient(
                ProviderError(f"{where}: too many requests: {_line(error)}"), "limited", _retry_after(causes)
            )
        failed = f"{where}: {_line(error)}"
        if isinstance(
            error, (litellm.APIConnectionError, litellm.ServiceUnavailableError, litellm.InternalServerError)
        ):
            return Transient(ProviderError(failed), "busy", _retry_after(causes))
        if isinstance(status, int) and (status >= 500 or (status == 200 and _is_no_json(causes))):
            return Transient(ProviderError(failed), "busy", _retry_after(causes))
        return ProviderError(failed)


def has_logprobs(name: str) -> bool:
    """Whether a model's provider gives the probabilities of tokens, so far as LiteLLM knows."""
    provider, _, model = name.partition("/")
    if provider in KEYLESS:
        return True
    return "logprobs" in (load_litellm().get_supported_openai_params(model, provider) or ())


def with_tools(arguments: dict[str, Any], spec: ModelSpec) -> dict[str, Any]:
    """Arguments of a call, their tools put where LiteLLM takes them: its own `tools` imports MCP, used or not.

    Raises: ConfigError where a provider's tools need that argument and MCP is not installed.
    """
    tools = {key: arguments[key] for key in TOOL_KEYS & arguments.keys()}
    if not tools:
        return arguments
    if spec.prefix in KEYLESS:
        others = {key: value for key, value in arguments.items() if key not in tools}
        return {**others, "extra_body": {**(others.get("extra_body") or {}), **tools}}
    if importlib.util.find_spec("mcp") is None:
        raise ConfigError(
            f"{spec.name}: LiteLLM needs the package mcp for tools of this provider: pip install 'synthtools[mcp]'"
        )
    return arguments


def completion_of(answer: Any) -> JsonObject:
    """What is used of a completion of LiteLLM's. Raises: ProviderError for one without choices."""
    choices = answer.choices
    if not choices:
        raise ProviderError("the server answered without choices")
    message = choices[0].message
    usage = getattr(answer, "usage", None)
    details = getattr(usage, "prompt_tokens_details", None)
    cached = getattr(details, "cached_tokens", None) or 0
    said: JsonObject = {"role": "assistant", "content": _whole(message.content) or ""}
    if calls := getattr(message, "tool_calls", None):
        said["tool_calls"] = [
            {"id": _whole(call.id), "function": {"name": _whole(made.name), "arguments": _whole(made.arguments)}}
            for call in calls
            for made in (call.function,)
        ]
    return {
        "model": _whole(answer.model) or "",
        "replica": _server_of(answer),
        "choices": [{
            "index": 0,
            "message": said,
            "finish_reason": choices[0].finish_reason or "stop",
            "logprobs": _logprobs(getattr(choices[0], "logprobs", None)),
        }],
        "usage": {
            "prompt_tokens": getattr(usage, "prompt_tokens", 0) or 0,
            "completion_tokens": getattr(usage, "completion_tokens", 0) or 0,
            "prompt_tokens_details": {"cached_tokens": cached},
        },
    }  # fmt: skip


def _logprobs(given: Any) -> JsonObject | None:
    """The probabilities of an answer's tokens; None where there are none."""
    content: list[Any] | None = getattr(given, "content", None)
    if not content:
        return None
    return {
        "content": [
            {**_token(one), "top_logprobs": [_token(other) for other in one.top_logprobs or ()]} for one in content
        ]
    }


def _token(given: Any) -> JsonObject:
    return {"token": _whole(given.token), "logprob": given.logprob}


def _whole(text: Any) -> Any:
    """A text as UTF-8 can have it: LiteLLM lets half a character through, which nothing could write down."""
    return text.encode("utf-8", "replace").decode() if isinstance(text, str) else text


def _server_of(answer: Any) -> str:
    """Address of the server that LiteLLM says it asked, without what may be secret in it; empty: it does not say."""
    hidden: dict[str, Any] = getattr(answer, "_hidden_params", None) or {}
    parts = urlsplit(str(hidden.get("api_base") or ""))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.netloc else ""


def _causes(error: BaseException) -> list[BaseException]:
    causes: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and len(causes) < 12:
        causes.append(current)
        current = current.__cause__ or current.__context__
    return causes


def _is_no_json(causes: list[BaseException]) -> bool:
    return any(isinstance(cause, json.JSONDecodeError) for cause in causes)


def _retry_after(causes: list[BaseException]) -> float | None:
    for cause in causes:
        headers: Any = getattr(getattr(cause, "response", None), "headers", None)
        if headers and (value := headers.get("retry-after")) is not None:
            return retry_after(str(value))
    return None


def _reason(causes: list[BaseException]) -> str:
    refused = next((cause for cause in causes if isinstance(cause, OSError) and cause.strerror), None)
    return str(getattr(refused, "strerror", "")) or _line(causes[-1])


def _line(error: BaseException) -> str:
    return told(str(error))
