"""The backends that the contract suite runs over, with what each can do."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dspy
import orjson
import pytest

from synthtools.backends import model
from synthtools.backends.scripted import Script, register_script
from synthtools.backends.scripted_server import Fault, ScriptedServer, serve
from synthtools.backends.weights import locate
from synthtools.errors import ProviderError
from tests.backends.shared import echo_name

EMBEDDED = "qwen2.5-coder-1.5b"
CONTEXT = 4096
"""Tokens that the scripted server and the embedded model take."""

_NOTE = "The answer must fit this JSON Schema"


@dataclass(frozen=True)
class Backend:
    """One way to build a model.

    What it can do: `structured` (a schema on the wire binds the answer), `seed` (it repeats an answer), `stop`,
    `cached` (it reports prompt tokens that it had cached), `tools` (it takes native tools), `logprobs` (it gives the
    probabilities of tokens), `timeout`, `http` (it is on a server of this process, which can be made to fail).
    """

    model: str
    settings: dict[str, Any] = field(default_factory=dict)
    can: frozenset[str] = frozenset()
    context: int = 0
    """Tokens that fit; 0: not known."""

    @contextmanager
    def lm(self, **settings: Any) -> Iterator[dspy.LM]:
        """The model, set for a block; on a scripted server of its own where it needs one."""
        if "http" in self.can:
            with serve(CONTRACT) as server, self.on(server, **settings) as lm:
                yield lm
        else:
            with model(self.model, **self.settings, **settings) as lm:
                yield lm

    @contextmanager
    def on(self, server: ScriptedServer, **settings: Any) -> Iterator[dspy.LM]:
        """The model on a server that a test has made; skips a backend that is on none of ours."""
        self.needs("http")
        with model(self.model, api_base=server.url, **self.settings, **settings) as lm:
            yield lm

    def needs(self, *what: str) -> None:
        """Skips what the backend says it cannot do."""
        lacking = [one for one in what if one not in self.can]
        if lacking:
            pytest.skip(f"{self.model} does not say that it can do: {', '.join(lacking)}")


class ContractScript(Script):
    """Plays a real server: a bounded context, stop words, cached prompts, and schemas that stand in the prompt only."""

    def __init__(self) -> None:
        super().__init__({"NameTool": echo_name})
        self._seen: set[bytes] = set()

    def completion(self, body: dict[str, Any]) -> dict[str, Any]:
        messages = body["messages"]
        asked = str(messages[-1]["content"])
        if "response_format" not in body and _NOTE in asked:
            schema = orjson.loads(asked.rpartition("\n")[2])
            shape = {"type": "json_schema", "json_schema": {"name": schema["title"], "schema": schema}}
            inputs = {"role": "user", "content": asked.partition(f"\n\n{_NOTE}")[0]}
            body = {**body, "response_format": shape, "messages": [*messages[:-1], inputs]}
        answer: dict[str, Any] = super().completion(body)
        usage = answer["usage"]
        if usage["prompt_tokens"] > CONTEXT:
            asked_for = f"However, you requested {usage['prompt_tokens']} tokens"
            raise ProviderError(f"This model's maximum context length is {CONTEXT} tokens. {asked_for}")
        message = answer["choices"][0]["message"]
        for stop in body.get("stop") or ():
            message["content"] = message["content"].partition(stop)[0]
        prompt = orjson.dumps(messages)
        if prompt in self._seen:
            usage["prompt_tokens_details"] = {"cached_tokens": usage["prompt_tokens"] - 1}
        self._seen.add(prompt)
        return answer


CONTRACT = ContractScript()
register_script("contract", CONTRACT)

_SERVED = frozenset({"structured", "seed", "stop", "cached", "tools", "logprobs", "timeout", "http"})


def _embedded() -> Backend:
    if locate(EMBEDDED) is None:
        pytest.skip(f"the weights are not in the cache: synthtools models pull {EMBEDDED}")
    return Backend(
        f"embedded/{EMBEDDED}", {}, frozenset({"structured", "seed", "stop", "logprobs", "timeout"}), CONTEXT
    )


def _external() -> Backend:
    """Any model: SYNTHTOOLS_CONTRACT_MODEL, _API_BASE (several with commas), _CAN (words of `Backend`), _CONTEXT."""
    name = os.environ["SYNTHTOOLS_CONTRACT_MODEL"]
    bases = [base for base in os.environ.get("SYNTHTOOLS_CONTRACT_API_BASE", "").split(",") if base]
    can = os.environ.get("SYNTHTOOLS_CONTRACT_CAN", "structured,seed,stop,timeout").split(",")
    context = int(os.environ.get("SYNTHTOOLS_CONTRACT_CONTEXT", "0"))
    return Backend(name, {"api_base": bases} if bases else {}, frozenset(can) - {"http"}, context)


STAND_INS: dict[str, Callable[[], Backend]] = {
    "scripted": lambda: Backend(
        "scripted/contract", {}, frozenset({"structured", "seed", "stop", "cached", "tools", "logprobs"})
    ),
    "direct": lambda: Backend("direct/scripted", {}, _SERVED, CONTEXT),
    "direct-unstructured": lambda: Backend("direct/scripted", {"structured": False}, _SERVED - {"structured"}, CONTEXT),
    "openai": lambda: Backend("openai/scripted", {}, _SERVED, CONTEXT),
    "hosted_vllm": lambda: Backend("hosted_vllm/scripted", {}, _SERVED, CONTEXT),
}

MODELS: dict[str, Callable[[], Backend]] = {
    "embedded": _embedded,
    **({"external": _external} if os.environ.get("SYNTHTOOLS_CONTRACT_MODEL") else {}),
}
"""Language models, which take seconds for an answer."""

BUSY = Fault(status=429, retry_after=0.01)
"""A refusal that asks for a short wait."""
