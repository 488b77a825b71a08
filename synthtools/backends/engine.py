"""The engines DSPy calls: journal first, then a slot, then the transport, then the ledger; a fallback where it fails.

They wrap every transport alike, so that a backend is a `Transport` and nothing more. Errors of ours pass through DSPy
wrapped; `SynthAdapter` unwraps them.
"""

import asyncio
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Self

import dspy
from dspy.lm15 import Request, Response

from synthtools.backends.fallback import Fallback
from synthtools.backends.ledger import Amend, count_usage
from synthtools.backends.scope import Scope, current_scope
from synthtools.backends.slots import Slots, Turn
from synthtools.backends.tools import TOOL_KEYS, has_tools, problem_of
from synthtools.backends.wire import (
    Transport,
    body_key,
    chat_body,
    completion_usage,
    finish_reason,
    schema_title,
    to_response,
    tool_calls,
    trimmed,
)
from synthtools.errors import ConfigError, ParseError, ProviderError, TruncatedAnswer
from synthtools.types.record import JsonObject
from synthtools.types.usage import OK, LedgerEntry, Usage

SUPPORTED_PARAMS = frozenset(
    {"temperature", "top_p", "seed", "max_tokens", "stop", "response_format", "frequency_penalty", "presence_penalty"}
)


@dataclass(slots=True)
class _Call:
    """One request on its way: what it belongs to, its key and its clock."""

    body: JsonObject
    scope: Scope
    role: str
    key: str = ""
    """Under which the journal keeps its answer; empty where there is none."""
    started: float = 0.0
    replica: str = ""
    """Who answered it."""


class Calls:
    """What the sync and the async engine of a model share."""

    def __init__(self, transport: Transport, concurrency: int | None, fallback: "Calls | None" = None) -> None:
        """Sets up the calls of a model.

        Args:
            transport: Reaches it.
            concurrency: Most calls in flight; None: the transport's own.
            fallback: Calls of the model that is asked where this one fails.
        """
        self.transport = transport
        self.slots = Slots(concurrency) if concurrency is not None else None
        self.fallback = None if fallback is None else Fallback(fallback)

    def state(self) -> JsonObject:
        """What rebuilds them, the fallback included; holds no secret."""
        state = self.transport.state()
        return state if self.fallback is None else {**state, "fallback": self.fallback.calls.state()}

    def complete(self, request: Request) -> Response:
        """One request, one response. Raises: ModelError of ours, BudgetExceeded."""
        call = self.opened(request)
        journal = call.scope.journal
        if journal is not None and (stored := journal.get(call.key)) is not None:
            return self.replayed(call, stored)
        fallback = self.fallback_of(call)
        if fallback is None:
            return self.answered(call, _sent(self, call))
        failure: ProviderError | None = None
        if fallback.first_is_due():
            try:
                answer = _sent(self, call)
            except ProviderError as error:
                failure = fallback.first_failed(error)
            else:
                fallback.first_answered()
                return self.answered(call, answer)
        with fallback.taking_over(failure):
            answer = _sent(fallback.calls, call)
        return fallback.calls.answered(call, answer)

    async def acomplete(self, request: Request) -> Response:
        """As `complete`; never blocks the event loop, and belongs to none."""
        call = self.opened(request)
        journal = call.scope.journal
        if journal is not None and (stored := await journal.aget(call.key)) is not None:
            await asyncio.sleep(0)  # what waits for nothing lets others have their turn
            return self.replayed(call, stored)
        fallback = self.fallback_of(call)
        if fallback is None:
            return self.answered(call, await _asent(self, call))
        failure: ProviderError | None = None
        if fallback.first_is_due():
            try:
                answer = await _asent(self, call)
            except ProviderError as error:
                failure = fallback.first_failed(error)
            else:
                fallback.first_answered()
                return self.answered(call, answer)
        with fallback.taking_over(failure):
            answer = await _asent(fallback.calls, call)
        return fallback.calls.answered(call, answer)

    def opened(self, request: Request) -> _Call:
        """The call of a request."""
        scope = current_scope()
        body = chat_body(request)
        if not self.transport.native_tools and has_tools(body):
            raise ConfigError(
                f"{self.transport.model} takes no native tools: ask for the calls as fields of the answer, "
                "as dspy adapters do without use_native_function_calling"
            )
        if not self.transport.logprobs and "logprobs" in body:
            raise ConfigError(
                f"{self.transport.model} gives no probabilities of tokens (logprobs), which were asked for"
            )
        role = scope.role or schema_title(body)
        call = _Call(body, scope, role)
        if scope.journal is not None:
            call.key = body_key(role, self.transport.model, scope.attempt, body)
        return call

    def fallback_of(self, call: _Call) -> Fallback | None:
        """Who takes a call that fails; nobody where it needs what the fallback cannot do."""
        if self.fallback is None:
            return None
        other = self.fallback.calls.transport
        if (has_tools(call.body) and not other.native_tools) or ("logprobs" in call.body and not other.logprobs):
            return None
        return self.fallback

    def started(self, call: _Call) -> None:
        """Just before the transport: the budget may refuse here."""
        if call.scope.before_call is not None:
            call.scope.before_call()
        call.started = time.monotonic()

    def failed(self, call: _Call, error: BaseException) -> None:
        """Writes the ledger entry of a call that gave no answer."""
        self._booked(call, Usage(), type(error).__name__)

    def kept(self, call: _Call, completion: JsonObject, turn: Turn | None) -> JsonObject:
        """The answer of a completion, journaled whatever it is worth; its slot is held until then.

        So at most as many answers are lost with the process as it has slots.
        """
        call.replica = str(completion.get("replica") or "")
        answer = trimmed(completion, call.body)
        if call.scope.journal is not None:
            written = call.scope.journal.put(call.key, answer)
            if turn is not None:
                turn.until = written
        return answer

    def answered(self, call: _Call, answer: JsonObject) -> Response:
        """Books an answer, whatever it is worth. Raises: as `replayed`."""
        cut = finish_reason(answer) == "length"
        error = _unusable(call, answer)
        outcome = TruncatedAnswer.__name__ if cut else OK if error is None else type(error).__name__
        amend = self._booked(call, completion_usage(answer), outcome)
        if amend is not None and call.scope.role:
            call.scope.made.append(amend)
        return self.replayed(call, answer)

    def replayed(self, call: _Call, answer: JsonObject) -> Response:
        """The response of an answer, new or from the journal.

        Raises:
            TruncatedAnswer: a schema was asked for or a tool was called, and the answer was cut.
            ParseError: a tool was called with what is no JSON object.
        """
        count_usage(completion_usage(answer))
        if (error := _unusable(call, answer)) is not None:
            raise error
        return to_response(answer, self.transport.model)

    def _booked(self, call: _Call, usage: Usage, outcome: str) -> Amend | None:
        if call.scope.ledger is None:
            return None
        return call.scope.ledger.write(
            LedgerEntry(
                stage=call.scope.stage,
                item=call.scope.item,
                role=call.role,
                model=self.transport.model,
                replica=call.replica,
                attempt=call.scope.attempt,
                retry=call.scope.retry,
                prompt_tokens=usage.prompt_tokens,
                cached_tokens=usage.cached_tokens,
                completion_tokens=usage.completion_tokens,
                seconds=time.monotonic() - call.started,
                outcome=outcome,
            )
        )


def _unusable(call: _Call, answer: JsonObject) -> ParseError | None:
    """What is wrong with an answer before anybody reads it."""
    called = tool_calls(answer)
    if finish_reason(answer) == "length" and ("response_format" in call.body or called):
        return TruncatedAnswer("the answer was cut by the token limit; write less")
    problem = problem_of(called)
    return None if problem is None else ParseError(problem)


class _Engine:
    supports_reasoning = False

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.supports_response_schema = calls.transport.structured
        self.supports_function_calling = calls.transport.native_tools
        self.supported_params = SUPPORTED_PARAMS
        if calls.transport.native_tools:
            self.supported_params |= TOOL_KEYS
        if calls.transport.logprobs:
            self.supported_params |= {"logprobs"}

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Copies of a program share the model's connections."""
        return self

    def dump_state(self) -> JsonObject:
        """What rebuilds the engine; holds no secret."""
        return self.calls.state()

    @classmethod
    def load_state(cls, state: JsonObject) -> Self:
        """The engine of a saved program's model."""
        from synthtools.backends.registry import calls_from_state

        return cls(calls_from_state(state))


class SyncEngine(_Engine):
    """For `predict(...)`: blocks the calling thread."""

    def complete(self, request: Request) -> Response:
        """One request, one response. Raises: ModelError of ours, BudgetExceeded."""
        return self.calls.complete(request)


class AsyncEngine(_Engine):
    """For `await predict.acall(...)`: never blocks the event loop, and belongs to none."""

    async def complete(self, request: Request) -> Response:
        """One request, one response. Raises: ModelError of ours, BudgetExceeded."""
        return await self.calls.acomplete(request)


def unwatched(lm: dspy.BaseLM) -> Calls | None:
    """The calls of a model of ours, where DSPy has nothing to do but pass them on; else None.

    A `dspy.LM` prepares and prices each call in threads of its own, which costs as much as sending it. That is for
    callbacks, usage tracking, history, its cache and streams, none of which a run has.
    """
    settings: Any = dspy.settings
    engine: object = getattr(lm, "engine", None)
    watched = (
        settings.callbacks or lm.callbacks or settings.usage_tracker or settings.send_stream
        or not settings.disable_history or lm.cache
    )  # fmt: skip
    return engine.calls if type(lm) is dspy.LM and isinstance(engine, SyncEngine) and not watched else None


def _sent(calls: Calls, call: _Call) -> JsonObject:
    """The answer to a call of one model, once there is a slot; its failure is booked."""
    with calls.slots.held() if calls.slots is not None else nullcontext() as turn:
        calls.started(call)
        try:
            completion = calls.transport.send(call.body)
        except BaseException as error:
            calls.failed(call, error)
            raise
        return calls.kept(call, completion, turn)


async def _asent(calls: Calls, call: _Call) -> JsonObject:
    """As `_sent`, on the running event loop."""
    async with calls.slots.aheld() if calls.slots is not None else nullcontext() as turn:
        calls.started(call)
        try:
            completion = await calls.transport.asend(call.body)
        except BaseException as error:
            calls.failed(call, error)
            raise
        return calls.kept(call, completion, turn)
