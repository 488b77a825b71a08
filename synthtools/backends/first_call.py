"""A process's first call of LiteLLM, made ahead of time and answered within the process.

LiteLLM imports some fifty modules, the client of OpenAI and a tokenizer at its first call: a tenth of a second and more
of work, most of it in the threads in which it readies every call. Calls that begin meanwhile wait for the same imports
and come back all at once, each with a connection to open, and stall the event loop.
"""

import functools
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

_ANSWER = {
    "id": "",
    "object": "chat.completion",
    "created": 0,
    "model": "first-call",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "{}"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
}
_SHAPE = {"type": "json_schema", "json_schema": {"name": "Empty", "schema": {"type": "object"}, "strict": True}}
_NOWHERE = "http://first-call.invalid/v1"
"""No address, by RFC 2606, should a request ever leave the process."""
_TURN = threading.Lock()


def make_first_call(litellm: Any, prefix: str) -> None:
    """Makes it, once a process, blocking the thread.

    No server is asked. Of the callbacks that a notebook may have set for LiteLLM, those before a call hear of it.

    Args:
        litellm: The package, set up.
        prefix: The provider: `openai` calls through OpenAI's client, which is loaded then. For all others it is made as
            for a server of one's own, which covers what providers share.
    """
    with _TURN:
        _made("openai" if prefix == "openai" else "hosted_vllm", litellm)


@functools.cache
def _made(provider: str, litellm: Any) -> None:
    import httpx

    with httpx.Client(transport=httpx.MockTransport(_answer), trust_env=False) as http:
        litellm.completion(
            model=f"{provider}/first-call",
            messages=[{"role": "user", "content": ""}],
            response_format=_SHAPE,
            api_base=_NOWHERE,
            api_key="none",
            num_retries=0,
            max_retries=0,
            caching=False,
            client=_client(provider, http, litellm),
            **{"no-log": True},
        )


def _client(provider: str, http: "httpx.Client", litellm: Any) -> Any:
    """What LiteLLM takes for the provider as its client."""
    if provider != "openai":
        return litellm.HTTPHandler(client=http)
    import openai

    return openai.OpenAI(api_key="none", base_url=_NOWHERE, max_retries=0, http_client=http)


def _answer(request: "httpx.Request") -> "httpx.Response":
    import httpx

    return httpx.Response(200, json=_ANSWER, request=request)
