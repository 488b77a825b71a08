"""A model on one or several servers: each call picks a server, and what may pass is tried again, elsewhere first."""

import asyncio
import hashlib
import time
from collections import Counter
from typing import Protocol

from synthtools.backends.replicas import Replicas
from synthtools.backends.retries import Transient, Tries
from synthtools.backends.spec import ModelSpec
from synthtools.types.record import Json, JsonObject

_NEXT_SECTION = "\n\n[[ ## "
"""Where a prompt's second input begins."""
_KEYED_CHARS = 2048


class Client(Protocol):
    """One way to ask one server once; used from any thread and event loop at once.

    Failures that may pass are raised as Transient, all others as ModelUnreachable, ContextTooSmall or ProviderError.
    """

    structured: bool
    """Whether a JSON Schema in `response_format` binds the answer."""
    native_tools: bool
    """Whether `tools` may be sent."""
    logprobs: bool
    """Whether the probabilities of tokens may be asked for."""

    def attempt(self, body: JsonObject, base: str) -> JsonObject:
        """The completion of a body, blocking the thread. `base`: the server's address; empty: the client's own."""
        ...

    async def aattempt(self, body: JsonObject, base: str) -> JsonObject:
        """The completion of a body, without blocking the event loop."""
        ...


class Routed:
    """The transport of every client that reaches servers."""

    def __init__(self, client: Client, spec: ModelSpec) -> None:
        self.model = spec.name
        self.structured = client.structured
        self.native_tools = client.native_tools
        self.logprobs = client.logprobs
        self.replicas = Replicas(spec.api_bases or ("",), spec.concurrency, affinity=spec.affinity)
        self._client = client
        self._spec = spec

    def send(self, body: JsonObject) -> JsonObject:
        """The completion of a body. Raises: ModelUnreachable, ContextTooSmall, ProviderError."""
        key, tried = self._key(body), Counter[str]()
        tries = Tries(self._spec.retries, len(self.replicas))
        while True:
            try:
                with self.replicas.held(key, tried) as lease:
                    return lease.answered(self._client.attempt(body, lease.address))
            except Transient as failure:
                wait = tries.wait_after(failure)
            if not self.replicas.has_other(tried):
                time.sleep(wait)

    async def asend(self, body: JsonObject) -> JsonObject:
        """As `send`, on the running event loop."""
        key, tried = self._key(body), Counter[str]()
        tries = Tries(self._spec.retries, len(self.replicas))
        while True:
            try:
                async with self.replicas.aheld(key, tried) as lease:
                    return lease.answered(await self._client.aattempt(body, lease.address))
            except Transient as failure:
                wait = tries.wait_after(failure)
            if not self.replicas.has_other(tried):
                await asyncio.sleep(wait)

    def prepare(self) -> None:
        """Does now what the client would do once at its first call, where that takes long."""
        prepare = getattr(self._client, "prepare", None)
        if prepare is not None:
            prepare()

    def state(self) -> JsonObject:
        """Settings without keys, which come from the environment only."""
        return self._spec.to_json()

    def _key(self, body: JsonObject) -> bytes:
        return prefix_key(body) if len(self.replicas) > 1 else b""


def prefix_key(body: JsonObject) -> bytes:
    """What a prompt has in common with others: all its messages but the last, and the first input of that.

    The adapter puts the most shared input first (an environment, a tool, its tools): with the system message before it,
    that is what a server's prefix cache holds from one call to the next. Keyed by one input more, several servers would
    have to read what calls share.
    """
    messages = body["messages"]
    assert isinstance(messages, list)
    digest = hashlib.blake2b(digest_size=16)
    for message in messages[:-1]:
        digest.update(_content(message).encode())
        digest.update(b"\0")
    last = _content(messages[-1])
    digest.update(last[: min(_KEYED_CHARS, _end(last))].encode())
    return digest.digest()


def _end(text: str) -> int:
    end = text.find(_NEXT_SECTION)
    return len(text) if end < 0 else end


def _content(message: Json) -> str:
    content = message.get("content") if isinstance(message, dict) else None
    return content if isinstance(content, str) else ""
