"""A small language model in this process, by llama.cpp: the default of the quickstart.

The engine decodes under a grammar made from the schema, so that an answer is compact JSON of that schema unless it is
cut. Calls run in a thread of their own, one at a time: on few cores, requests in parallel gain nothing, and the prompt
cache serves one after another best.
"""

import asyncio
import atexit
import importlib
import os
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import orjson

from synthtools.backends import weights
from synthtools.backends.spec import ModelSpec
from synthtools.errors import ConfigError, ContextTooSmall, DataError, ProviderError
from synthtools.types.record import Json, JsonObject

DEFAULT_CONTEXT = 4096
"""Tokens of prompt and answer together."""

DEFAULT_MAX_TOKENS = 1024
"""Tokens of an answer where the caller sets no limit: a number may go on for ever under any schema."""

_PROMPT_CACHE_MIB = 1024
"""Memory for the states of earlier prompts, from which the next call with the same beginning goes on."""


class EmbeddedTransport:
    """Chat completions by a .gguf file in this process."""

    structured = True
    native_tools = False
    """llama.cpp reads the calls of some models' templates only, and not those of the catalogue's."""
    logprobs = True

    def __init__(self, spec: ModelSpec) -> None:
        spec.only(("n_ctx", "n_threads"))
        if spec.api_bases:
            raise ConfigError(f"{spec.name} runs in this process; it has no --api-base")
        self.model = spec.name
        self._spec = spec
        self._context = _whole_number(spec, "n_ctx", DEFAULT_CONTEXT)
        self._threads = _whole_number(spec, "n_threads", _free_cores())

    def send(self, body: JsonObject) -> JsonObject:
        """The completion of a body. Raises: ContextTooSmall, ProviderError, ConfigError (weights not pulled)."""
        return self._server().ask(self._request(body), self._spec.timeout).result()

    async def asend(self, body: JsonObject) -> JsonObject:
        """As `send`; cancelling ends the generation at its next token."""
        server = await asyncio.to_thread(self._server)
        return await server.ask(self._request(body), self._spec.timeout).awaited()

    def state(self) -> JsonObject:
        """Settings of `build_lm`."""
        return self._spec.to_json()

    def _server(self) -> "_Server":
        return _server_for(self.file(), self._context, self._threads)

    def file(self) -> Path:
        """The model's file. Raises: ConfigError if it is not there, with the command that fetches it."""
        if self._spec.path.endswith(".gguf"):
            path = Path(self._spec.path).expanduser()
            if not path.is_file():
                raise ConfigError(f"{self.model}: no such file")
            return path
        path = weights.locate(self._spec.path)
        if path is None:
            raise ConfigError(f"{self.model} is not here yet: `synthtools models pull {self._spec.path}` fetches it")
        return path

    def _request(self, body: JsonObject) -> JsonObject:
        request: JsonObject = {"max_tokens": DEFAULT_MAX_TOKENS, "cache_prompt": True, **body}
        shape = request.pop("response_format", None)
        if isinstance(shape, dict) and isinstance(named := shape.get("json_schema"), dict):
            request["grammar"] = _grammar(cast(JsonObject, named["schema"]))
        elif shape is not None:
            request["response_format"] = shape
        return {**request, "stream": True, "stream_options": {"include_usage": True}}


class _Server:
    """One loaded file: a llama.cpp server object and the thread that talks to it."""

    def __init__(self, path: Path, context: int, threads: int) -> None:
        # Threads that spin for ever at barriers starve whoever shares the cores, this server included; threads that
        # never spin generate a third slower on idle cores. Read at the import.
        os.environ.setdefault("GOMP_SPINCOUNT", "30000")
        try:
            xllamacpp = importlib.import_module("xllamacpp")
        except ImportError as error:
            raise ConfigError("embedded/ needs llama.cpp: pip install 'synthtools[embedded]'") from error
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.n_ctx = context
        params.n_parallel = 1
        params.cpuparams.n_threads = threads
        params.cpuparams_batch.n_threads = threads
        params.cache_ram_mib = _PROMPT_CACHE_MIB
        params.verbosity = -1
        params.warmup = False
        params.ui = False
        params.endpoint_slots = False
        params.api_keys = [secrets.token_urlsafe(24)]  # it also listens on a loopback port, which nobody is to use
        try:
            self.native = xllamacpp.Server(params)
        except RuntimeError as error:
            raise DataError(f"{path}: llama.cpp cannot load it: {error}") from error
        self.name = path.name
        self.context = context
        self.pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="synthtools-embedded")

    def ask(self, request: JsonObject, timeout: float | None) -> "Generation":
        generation = Generation(self, request, timeout)
        generation.start()
        return generation

    def close(self) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)
        del self.native


class Generation:
    """One answer while it is being written; it can be stopped at any token."""

    def __init__(self, server: _Server, request: JsonObject, timeout: float | None) -> None:
        self._server = server
        self._request = request
        self._timeout = timeout
        self._stopped = threading.Event()
        self._text: list[str] = []
        self._logprobs: list[Json] = []
        self._finish = ""
        self._usage: Json = None
        self._deadline: float | None = None
        self._error: JsonObject | None = None

    @property
    def tokens(self) -> int:
        """Pieces written so far."""
        return len(self._text)

    def start(self) -> None:
        """Queues it behind the answers before it."""
        self._future = self._server.pool.submit(self._run)

    def result(self) -> JsonObject:
        """Waits for the completion, blocking the thread."""
        try:
            return self._future.result()
        except BaseException:
            self._stop()
            raise

    async def awaited(self) -> JsonObject:
        """Waits for the completion on the event loop; cancelling stops it."""
        try:
            return await asyncio.wrap_future(self._future)
        except asyncio.CancelledError:
            self._stop()
            raise

    def _stop(self) -> None:
        self._stopped.set()
        self._future.cancel()

    def _run(self) -> JsonObject:
        self._deadline = None if self._timeout is None else time.monotonic() + self._timeout
        self._server.native.handle_chat_completions(self._request, self._chunk)
        if self._error is not None:
            raise _typed(self._error, self._server.name)
        if not self._finish:
            if self._stopped.is_set():
                raise ProviderError(f"{self._server.name}: the call was cancelled")
            raise ProviderError(f"{self._server.name}: no answer within {self._timeout or 0:g} s")
        if self._finish == "length" and _total(self._usage) >= self._server.context:
            raise ContextTooSmall(
                f"{self._server.name}: prompt and answer need more than the context of {self._server.context} tokens"
            )
        return {
            "model": self._server.name,
            "replica": "in-process",
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": "".join(self._text)},
                "finish_reason": self._finish,
                "logprobs": {"content": self._logprobs} if self._logprobs else None,
            }],
            "usage": self._usage,
        }  # fmt: skip

    def _chunk(self, chunk: Any) -> bool:
        """Takes a piece of the answer; True ends the generation."""
        if "error" in chunk:
            self._error = chunk["error"]
            return True
        for choice in chunk.get("choices") or ():
            if piece := choice["delta"].get("content"):
                self._text.append(piece)
            if given := choice.get("logprobs"):
                self._logprobs += given["content"]
            self._finish = choice.get("finish_reason") or self._finish
        self._usage = chunk.get("usage") or self._usage
        return self._stopped.is_set() or (self._deadline is not None and time.monotonic() > self._deadline)


_servers: dict[tuple[Path, int, int], _Server] = {}
_servers_lock = threading.Lock()


def _server_for(path: Path, context: int, threads: int) -> _Server:
    """The one server of a file with these settings in this process; loading takes seconds."""
    key = (path.resolve(), context, threads)
    with _servers_lock:
        if key not in _servers:
            _servers[key] = _Server(path, context, threads)
        return _servers[key]


@atexit.register
def _close_servers() -> None:
    """Native threads must end before the interpreter takes down what they use."""
    with _servers_lock:
        while _servers:
            _servers.popitem()[1].close()


def _grammar(schema: JsonObject) -> str:
    compact = {**schema, "x-guidance": {"whitespace_flexible": False}}
    return "%llguidance {}\nstart: %json " + orjson.dumps(compact).decode()


def _typed(error: JsonObject, name: str) -> Exception:
    message = f"{name}: {error.get('message')}"
    return ContextTooSmall(message) if error.get("type") == "exceed_context_size_error" else ProviderError(message)


def _total(usage: Json) -> int:
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return total if isinstance(total, int) else 0


def _free_cores() -> int:
    """Cores for the model: all of two, and all but one of more, so that the rest of a run is not starved."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if cores <= 2 else cores - 1


def _whole_number(spec: ModelSpec, name: str, default: int) -> int:
    value = spec.settings.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{spec.name}: {name} must be a whole number of at least 1, not {value!r}")
    return value
