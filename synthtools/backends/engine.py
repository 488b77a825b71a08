"""The engines DSPy calls: journal first, then a slot, then the transport, then the ledger.

They wrap every transport alike, so that a backend is a `Transport` and nothing more. Errors of ours pass through DSPy
wrapped; `SynthAdapter` unwraps them.
"""

import time
from dataclasses import dataclass
from typing import Self

from dspy.lm15 import Request, Response

from synthtools.backends.ledger import count_usage
from synthtools.backends.scope import Scope, current_scope
from synthtools.backends.slots import Slots
from synthtools.backends.wire import (
    Transport,
    body_key,
    chat_body,
    completion_usage,
    finish_reason,
    schema_title,
    to_response,
    trimmed,
)
from synthtools.errors import TruncatedAnswer
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


class Calls:
    """What the sync and the async engine of a model share."""

    def __init__(self, transport: Transport, concurrency: int | None) -> None:
        self.transport = transport
        self.slots = Slots(concurrency) if concurrency is not None else None

    def opened(self, request: Request) -> tuple[_Call, JsonObject | None]:
        """The call of a request, and the journal's answer to it."""
        scope = current_scope()
        body = chat_body(request)
        role = scope.role or schema_title(body)
        call = _Call(body, scope, role)
        if scope.journal is None:
            return call, None
        call.key = body_key(role, self.transport.model, scope.attempt, body)
        return call, scope.journal.get(call.key)

    def started(self, call: _Call) -> None:
        """Just before the transport: the budget may refuse here."""
        if call.scope.before_call is not None:
            call.scope.before_call()
        call.started = time.monotonic()

    def failed(self, call: _Call, error: BaseException) -> None:
        """Writes the ledger entry of a call that gave no answer."""
        self._write(call, Usage(), "", type(error).__name__)

    def answered(self, call: _Call, completion: JsonObject) -> Response:
        """Journals and books an answer, whatever it is worth."""
        answer = trimmed(completion)
        if call.scope.journal is not None:
            call.scope.journal.put(call.key, answer)
        cut = finish_reason(answer) == "length"
        self._write(call, completion_usage(answer), str(completion.get("replica") or ""),
                    TruncatedAnswer.__name__ if cut else OK)  # fmt: skip
        return self.replayed(call, answer)

    def replayed(self, call: _Call, answer: JsonObject) -> Response:
        """The response of an answer, new or from the journal.

        Raises: TruncatedAnswer, where a schema was asked for and the answer was cut.
        """
        count_usage(completion_usage(answer))
        if finish_reason(answer) == "length" and "response_format" in call.body:
            raise TruncatedAnswer("the answer was cut by the token limit; write less")
        return to_response(answer, self.transport.model)

    def _write(self, call: _Call, usage: Usage, replica: str, outcome: str) -> None:
        if call.scope.ledger is None:
            return
        amend = call.scope.ledger.write(
            LedgerEntry(
                stage=call.scope.stage,
                item=call.scope.item,
                role=call.role,
                model=self.transport.model,
                replica=replica,
                attempt=call.scope.attempt,
                retry=call.scope.retry,
                prompt_tokens=usage.prompt_tokens,
                cached_tokens=usage.cached_tokens,
                completion_tokens=usage.completion_tokens,
                seconds=time.monotonic() - call.started,
                outcome=outcome,
            )
        )
        if amend is not None and call.scope.role:
            call.scope.made.append(amend)


class _Engine:
    supports_response_schema: bool
    supports_function_calling = False
    supports_reasoning = False
    supported_params = SUPPORTED_PARAMS

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.supports_response_schema = calls.transport.structured

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Copies of a program share the model's connections."""
        return self

    def dump_state(self) -> JsonObject:
        """What rebuilds the engine; holds no secret."""
        return self.calls.transport.state()

    @classmethod
    def load_state(cls, state: JsonObject) -> Self:
        """The engine of a saved program's model."""
        from synthtools.backends.registry import calls_from_state

        return cls(calls_from_state(state))


class SyncEngine(_Engine):
    """For `predict(...)`: blocks the calling thread."""

    def complete(self, request: Request) -> Response:
        """One request, one response. Raises: ModelError of ours, BudgetExceeded."""
        call, stored = self.calls.opened(request)
        if stored is not None:
            return self.calls.replayed(call, stored)
        if self.calls.slots is None:
            return self._ask(call)
        with self.calls.slots.held():
            return self._ask(call)

    def _ask(self, call: _Call) -> Response:
        self.calls.started(call)
        try:
            completion = self.calls.transport.send(call.body)
        except BaseException as error:
            self.calls.failed(call, error)
            raise
        return self.calls.answered(call, completion)


class AsyncEngine(_Engine):
    """For `await predict.acall(...)`: never blocks the event loop, and belongs to none."""

    async def complete(self, request: Request) -> Response:
        """One request, one response. Raises: ModelError of ours, BudgetExceeded."""
        call, stored = self.calls.opened(request)
        if stored is not None:
            return self.calls.replayed(call, stored)
        if self.calls.slots is None:
            return await self._ask(call)
        async with self.calls.slots.aheld():
            return await self._ask(call)

    async def _ask(self, call: _Call) -> Response:
        self.calls.started(call)
        try:
            completion = await self.calls.transport.asend(call.body)
        except BaseException as error:
            self.calls.failed(call, error)
            raise
        return self.calls.answered(call, completion)
