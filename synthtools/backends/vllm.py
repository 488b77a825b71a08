"""A model by vLLM in this process: `vllm/PATH`, a folder with weights or a repository of the model hub.

vLLM's engine is not thread-safe: one thread owns it and runs it step by step, and takes in and lets go of calls between
two steps, so that all calls in flight are decoded as one batch. The engine gets no process of its own, which would
outlive a killed parent.
"""

import asyncio
import atexit
import importlib
import importlib.util
import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias, cast

from synthtools.backends.failures import told
from synthtools.backends.spec import ModelSpec
from synthtools.errors import ConfigError, ContextTooSmall, DataError, ProviderError
from synthtools.types.record import Json, JsonObject

SETTINGS: dict[str, type] = {
    "block_size": int,
    "dtype": str,
    "enable_prefix_caching": bool,
    "enforce_eager": bool,
    "gpu_memory_utilization": float,
    "kv_cache_memory_bytes": int,
    "max_model_len": int,
    "max_num_batched_tokens": int,
    "max_num_seqs": int,
    "quantization": str,
    "tensor_parallel_size": int,
    "tokenizer": str,
}
"""Settings of the engine that may be given, under vLLM's own names, with their types."""

_SENT = frozenset({"temperature", "top_p", "top_k", "max_tokens", "seed", "stop", "frequency_penalty",
                   "presence_penalty", "min_p", "repetition_penalty", "min_tokens"})  # fmt: skip
"""Settings of a call that the engine takes, under the same names."""

_ENVIRONMENT = {
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",  # a command's output is on the other one
}
"""What vLLM reads at its import, where the user has not decided."""

_Key: TypeAlias = tuple[str, tuple[tuple[str, Json], ...]]


class VllmTransport:
    """Chat completions by vLLM in this process."""

    structured = True
    native_tools = False
    """Which parser reads a model's calls, a vLLM server is told (`--tool-call-parser`)."""
    logprobs = True

    def __init__(self, spec: ModelSpec) -> None:
        spec.only(SETTINGS)
        if spec.api_bases:
            raise ConfigError(f"{spec.name} runs in this process; a server is reached by hosted_vllm/ or direct/NAME")
        self.model = spec.name
        self._spec = spec
        self._key = (_source(spec), tuple(sorted((name, _checked(spec, name)) for name in spec.settings)))
        if importlib.util.find_spec("vllm") is None:
            raise ConfigError(
                f"{spec.name}: vLLM is not installed here: pip install 'synthtools[vllm]' on a machine with a GPU, "
                "or run `vllm serve` there and reach it by direct/NAME"
            )

    def send(self, body: JsonObject) -> JsonObject:
        """The completion of a body. Raises: ContextTooSmall, ProviderError, DataError (vLLM cannot load the model)."""
        call = _engine_for(self._key).ask(body, self._spec.timeout)
        try:
            return call.begun.result().result()
        except BaseException:
            call.drop()
            raise

    async def asend(self, body: JsonObject) -> JsonObject:
        """As `send`; cancelling takes the call out of the batch."""
        engine = await asyncio.to_thread(_engine_for, self._key)
        call = engine.ask(body, self._spec.timeout)
        try:
            return await asyncio.wrap_future(await asyncio.wrap_future(call.begun))
        except BaseException:
            call.drop()
            raise

    def state(self) -> JsonObject:
        """Settings of `build_lm`."""
        return self._spec.to_json()


@dataclass(slots=True, eq=False)
class _Call:
    """One call, from its submission on."""

    engine: "_Engine"
    id: str
    body: JsonObject
    timeout: float | None
    started: float
    begun: "Future[Future[JsonObject]]" = field(init=False)
    """Done when the engine has taken it in, which it may refuse to."""
    answer: "Future[JsonObject]" = field(default_factory=lambda: Future[JsonObject]())

    def drop(self) -> None:
        """Ends it wherever it is; nothing happens where it is over."""
        if not self.begun.cancel():
            self.engine.drop(self)


class _Engine:
    """A loaded model and the thread that owns it; `native` and `calls` are touched on that thread only."""

    def __init__(self, source: str, settings: dict[str, Json]) -> None:
        self.name = f"vllm/{source}"
        self.calls: dict[str, _Call] = {}
        self._ids = count()
        self._stepping = False
        self._broken: ProviderError | None = None
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="synthtools-vllm")
        try:
            self.native = self._pool.submit(_loaded, self.name, source, settings).result()
        except BaseException:
            self._pool.shutdown(wait=False, cancel_futures=True)
            raise
        self._context = int(self.native.model_config.max_model_len)
        self._usual: dict[str, Any] = self.native.model_config.get_diff_sampling_param()
        atexit.register(self.close)

    def ask(self, body: JsonObject, timeout: float | None) -> _Call:
        """Hands a call over; from any thread."""
        call = _Call(self, str(next(self._ids)), body, timeout, time.monotonic())
        try:
            call.begun = self._pool.submit(self._begin, call)
        except RuntimeError as error:
            raise ProviderError(f"{self.name}: the model was closed") from error
        return call

    def drop(self, call: _Call) -> None:
        """Takes a call out of the batch; from any thread."""
        try:
            self._pool.submit(self._end, call, ProviderError(f"{self.name}: the call was cancelled"))
        except RuntimeError:
            return  # the model is closed, and the call with it

    def close(self) -> None:
        """Ends the thread, the calls and the engine."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._fail(ProviderError(f"{self.name}: the model was closed"))
        self.native.engine_core.shutdown()

    def _begin(self, call: _Call) -> "Future[JsonObject]":
        if self._broken is not None:
            raise self._broken
        prompt, parameters = self._request(call.body)
        try:
            self.native.add_request(call.id, prompt, parameters)
        except _refusals() as error:
            raise ProviderError(f"{self.name}: {told(str(error))}") from error
        call.answer.set_running_or_notify_cancel()
        self.calls[call.id] = call
        self._go_on()
        return call.answer

    def _request(self, body: JsonObject) -> tuple[Any, Any]:
        """Prompt and sampling of a call, as the engine takes them."""
        sampling: Any = importlib.import_module("vllm.sampling_params")
        renderers: Any = importlib.import_module("vllm.renderers")
        asked: dict[str, Any] = {**body}
        messages, shape = asked.pop("messages"), asked.pop("response_format", None)
        if asked.pop("logprobs", False):
            asked["logprobs"] = asked.pop("top_logprobs", 0)
        if unknown := sorted(set(asked) - _SENT - {"logprobs"}):
            raise ConfigError(f"{self.name}: {', '.join(unknown)} cannot be sent to a model in this process")
        if isinstance(shape, dict):
            named = cast("JsonObject", shape).get("json_schema")
            asked["structured_outputs"] = sampling.StructuredOutputsParams(
                **({"json": named["schema"]} if isinstance(named, dict) else {"json_object": True})
            )
        try:
            # Unbounded unless the call says otherwise, as a server is; vLLM's own default is 16 tokens.
            parameters = sampling.SamplingParams(
                **{"max_tokens": None, **self._usual, **asked}, output_kind=sampling.RequestOutputKind.FINAL_ONLY
            )
            _, (prompt,) = self.native.renderer.render_chat(
                [messages],
                renderers.ChatParams(chat_template_kwargs={"add_generation_prompt": True}),
                renderers.TokenizeParams(max_total_tokens=None, add_special_tokens=False),
            )
        except _refusals() as error:
            raise ProviderError(f"{self.name}: {told(str(error))}") from error
        length = len(prompt["prompt_token_ids"])
        if length >= self._context:
            raise ContextTooSmall(
                f"{self.name}: a prompt of {length} tokens does not fit the context of {self._context} tokens"
            )
        return prompt, parameters

    def _go_on(self) -> None:
        if self._stepping or not self.calls:
            return
        try:
            self._pool.submit(self._step)
        except RuntimeError:
            self._fail(ProviderError(f"{self.name}: the model was closed"))
        else:
            self._stepping = True

    def _step(self) -> None:
        """One token of every call in the batch; whoever came meanwhile is in the queue before the next step."""
        self._stepping = False
        try:
            outputs = self.native.step()
        except BaseException as error:
            self._broken = ProviderError(f"{self.name}: vLLM failed: {told(str(error)) or type(error).__name__}")
            self._fail(self._broken)
            raise
        for output in outputs:
            if output.finished and (call := self.calls.pop(output.request_id, None)) is not None:
                self._answer(call, output)
        for call in self._late(time.monotonic()):
            self._end(call, ProviderError(f"{self.name}: no answer within {call.timeout or 0:g} s"))
        self._go_on()

    def _answer(self, call: _Call, output: Any) -> None:
        written = output.outputs[0]
        prompt, completion = len(output.prompt_token_ids), len(written.token_ids)
        if written.finish_reason in ("abort", "error"):
            call.answer.set_exception(ProviderError(f"{self.name}: vLLM gave the call up"))
        elif written.finish_reason == "length" and prompt + completion >= self._context:
            call.answer.set_exception(
                ContextTooSmall(f"{self.name}: prompt and answer need more than the context of {self._context} tokens")
            )
        else:
            call.answer.set_result({
                "model": self.name,
                "replica": "in-process",
                "choices": [{
                    "index": 0,
                    "message": {"role": "assistant", "content": written.text},
                    "finish_reason": written.finish_reason,
                    "logprobs": _logprobs(written),
                }],
                "usage": {
                    "prompt_tokens": prompt,
                    "completion_tokens": completion,
                    "prompt_tokens_details": {"cached_tokens": output.num_cached_tokens or 0},
                },
            })  # fmt: skip

    def _late(self, now: float) -> list[_Call]:
        return [call for call in self.calls.values() if call.timeout is not None and now - call.started > call.timeout]

    def _end(self, call: _Call, error: ProviderError) -> None:
        if self.calls.pop(call.id, None) is not None:
            self.native.abort_request([call.id])
            call.answer.set_exception(error)

    def _fail(self, error: ProviderError) -> None:
        while self.calls:
            self.calls.popitem()[1].answer.set_exception(error)


def _logprobs(written: Any) -> Json:
    """The probabilities of an answer's tokens, as OpenAI's API writes them; None where they were not asked for."""
    if written.logprobs is None:
        return None
    content: list[Json] = []
    for token, possible in zip(written.token_ids, written.logprobs, strict=True):
        ranked = sorted(possible.values(), key=lambda one: -one.logprob)
        top: list[Json] = [{"token": one.decoded_token, "logprob": one.logprob} for one in ranked]
        own = possible[token]
        content.append({"token": own.decoded_token, "logprob": own.logprob, "top_logprobs": top})
    return {"content": content}


_engines: dict[_Key, _Engine] = {}
_engines_lock = threading.Lock()


def _engine_for(key: _Key) -> _Engine:
    """The one engine of a model with these settings in this process; loading takes from seconds to minutes."""
    with _engines_lock:
        if key not in _engines:
            source, settings = key
            _engines[key] = _Engine(source, dict(settings))
        return _engines[key]


def _loaded(name: str, source: str, settings: dict[str, Json]) -> Any:
    for variable, value in _ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    vllm: Any = importlib.import_module("vllm")
    config: Any = importlib.import_module("vllm.config")
    try:
        return vllm.LLMEngine.from_engine_args(
            vllm.EngineArgs(
                model=source,
                disable_log_stats=True,
                # The decoder that keeps to our schemas without spaces and line ends, which cost tokens.
                structured_outputs_config=config.StructuredOutputsConfig(
                    backend="guidance", disable_any_whitespace=True
                ),
                **settings,
            )
        )
    except Exception as error:
        raise DataError(f"{name}: vLLM cannot load it: {told(str(error)) or type(error).__name__}") from error


def _refusals() -> tuple[type[Exception], ...]:
    """What vLLM raises for a request that it does not take."""
    exceptions: Any = importlib.import_module("vllm.exceptions")
    return (exceptions.VLLMError, ValueError, TypeError)


def _source(spec: ModelSpec) -> str:
    """The folder of the weights, or the name of their repository."""
    path = Path(spec.path).expanduser()
    if path.exists():
        return str(path.resolve())
    if path.is_absolute() or spec.path.startswith("."):
        raise ConfigError(f"{spec.name}: no such folder")
    return spec.path


def _checked(spec: ModelSpec, name: str) -> Json:
    value, wanted = spec.settings[name], SETTINGS[name]
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise ConfigError(f"{spec.name}: {name} must be of type {wanted.__name__}, not {value!r}")
    return value
