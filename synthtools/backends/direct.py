"""`direct/NAME`: chat completions of an OpenAI-compatible server, by a lean client that imports no model library.

What a server answers is told apart by status and by the error object in its body; wording is looked at only where
vLLM gives nothing else (a prompt too long for the model). Proxies and passwords that the machine is set up with are not
used: what is asked goes to the address that was given.
"""

import asyncio
import os
from collections.abc import Mapping

import aiohttp
import orjson
from yarl import URL

from synthtools.backends.failures import check_addresses, no_address, retry_after, told
from synthtools.backends.retries import Transient
from synthtools.backends.sessions import Sessions, background_loop
from synthtools.backends.spec import ModelSpec
from synthtools.errors import ConfigError, ContextTooSmall, ModelUnreachable, ProviderError
from synthtools.types.record import Json, JsonObject

DEFAULT_TIMEOUT = 300.0
"""Seconds for one try."""

MAX_ANSWER_BYTES = 1 << 25
"""An answer that goes on beyond this is given up."""

_KEYS = ("DIRECT_API_KEY", "OPENAI_API_KEY")
"""Environment variables that may hold the server's key, the first that is set."""

_TOO_LONG = frozenset({"context_length_exceeded", "exceed_context_size_error", "input_tokens"})
"""What OpenAI's `code`, llama.cpp's `type` and vLLM's `param` say where a prompt does not fit."""
_TOO_LONG_WORDS = "maximum context length"
"""Older vLLM says so in the message only."""

_HEADERS = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"}


class DirectClient:
    """Asks one server once."""

    native_tools = True
    logprobs = True

    def __init__(self, spec: ModelSpec) -> None:
        spec.only(("extra_body", "structured"))
        check_addresses(spec)
        if not spec.api_bases:
            raise no_address(spec)
        extra, structured = spec.settings.get("extra_body") or {}, spec.settings.get("structured", True)
        if not isinstance(extra, dict) or not isinstance(structured, bool):
            raise ConfigError(f"{spec.name}: extra_body is an object that is sent along, structured is true or false")
        self.structured = structured
        self._model = spec.name
        self._timeout = spec.timeout or DEFAULT_TIMEOUT
        self._fixed: JsonObject = {"model": spec.path, **extra}
        self._urls = {base: _url(spec, base) for base in spec.api_bases}
        self._sessions = Sessions(self._timeout)

    def attempt(self, body: JsonObject, base: str) -> JsonObject:
        """The completion of a body, blocking the thread."""
        call = asyncio.run_coroutine_threadsafe(self.aattempt(body, base), background_loop(os.getpid()))
        try:
            return call.result()
        except BaseException:
            call.cancel()
            raise

    async def aattempt(self, body: JsonObject, base: str) -> JsonObject:
        """The completion of a body, on the running event loop; cancelling it closes the connection."""
        session = await self._sessions.session()
        where = f"{self._model} at {base}"
        try:
            async with session.post(
                self._urls[base],
                data=orjson.dumps({**body, **self._fixed}),
                headers=_headers(),
                allow_redirects=False,
            ) as response:
                text = await _read(response)
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise self._lost(error, where) from error
        if response.status != 200:
            raise _refused(response.status, response.headers, text, where)
        return _completion(text, where)

    def _lost(self, error: Exception, where: str) -> Exception:
        """Our error for one of the connection."""
        match error:
            case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
                return ModelUnreachable(f"{where}: no secure connection: {told(str(error))}")
            case aiohttp.ClientConnectorError():
                reason = error.os_error.strerror or str(error.os_error)
                return Transient(ModelUnreachable(f"nothing answers for {where}: {told(reason)}"), "unreachable")
            case aiohttp.ConnectionTimeoutError():
                return Transient(ModelUnreachable(f"nothing answers for {where}: no connection in time"), "unreachable")
            case TimeoutError():
                return Transient(ProviderError(f"{where}: no answer within {self._timeout:g} s"), "slow")
            case _:
                said = told(str(error)) or type(error).__name__
                return Transient(ProviderError(f"{where}: the connection broke: {said}"), "busy")


def _url(spec: ModelSpec, base: str) -> URL:
    try:
        return URL(f"{base.rstrip('/')}/chat/completions")
    except ValueError as error:
        raise ConfigError(f"{spec.name}: {base!r} is no address: {error}") from error


def _headers() -> dict[str, str]:
    key = next((os.environ[name] for name in _KEYS if os.environ.get(name)), None)
    return _HEADERS if key is None else {**_HEADERS, "Authorization": f"Bearer {key}"}


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body of an answer. Raises: ProviderError if it is longer than any answer should be."""
    length = response.content_length
    if length is not None and length <= MAX_ANSWER_BYTES:
        return await response.read()
    text = bytearray()
    async for piece in response.content.iter_any():
        text += piece
        if len(text) > MAX_ANSWER_BYTES:
            response.close()
            raise ProviderError(f"{response.url}: the answer is longer than {MAX_ANSWER_BYTES} bytes")
    return bytes(text)


def _completion(text: bytes, where: str) -> JsonObject:
    try:
        answer: Json = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        said = "the answer is empty" if not text.strip() else f"the answer is not JSON: {_shown(text)}"
        raise Transient(ProviderError(f"{where}: {said}"), "busy") from error
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or not isinstance(choices, list) or not choices:
        raise ProviderError(f"{where}: the server answered without choices: {_shown(text)}")
    return answer


def _refused(status: int, headers: Mapping[str, str], text: bytes, where: str) -> Exception:
    """Our error for an answer that is none."""
    error = _error_object(text)
    said = told(str(error.get("message") or "")) or _shown(text) or f"status {status}"
    if status == 429:
        after = retry_after(headers.get("Retry-After"))
        return Transient(ProviderError(f"{where}: too many requests: {said}"), "limited", after)
    if status >= 500:
        return Transient(ProviderError(f"{where}: {said}"), "busy", retry_after(headers.get("Retry-After")))
    if status == 408:
        return Transient(ProviderError(f"{where}: the server gave up waiting: {said}"), "slow")
    if status == 404:
        return ModelUnreachable(f"{where}: there is no such model there: {said}")
    if status in (400, 413) and _is_too_long(error):
        return ContextTooSmall(f"{where}: the prompt does not fit the model's context: {said}")
    if 300 <= status < 400:
        return ProviderError(f"{where}: the server sends callers elsewhere ({status}); give the address it means")
    return ProviderError(f"{where}: {said}")


def _error_object(text: bytes) -> JsonObject:
    try:
        body: Json = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(body, dict):
        return {}
    error = body.get("error")
    if isinstance(error, dict):
        return error
    return {"message": error} if isinstance(error, str) else body


def _is_too_long(error: JsonObject) -> bool:
    marks = {str(error.get(key)) for key in ("code", "type", "param")}
    return bool(marks & _TOO_LONG) or _TOO_LONG_WORDS in str(error.get("message")).lower()


def _shown(text: bytes) -> str:
    return told(text[:400].decode(errors="replace"))
