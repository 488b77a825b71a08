"""LiteLLM's first call is made ahead of time, within the process; the real one then finds everything imported."""

import json
import subprocess
import sys
from typing import Any

from synthtools.backends.scripted_server import serve
from tests.backends.shared import ECHO

OF_THE_LOOP = {
    "litellm._service_logger",
    "litellm.integrations.prometheus_services",
    "litellm.types.integrations.prometheus",
}
"""What only a call on an event loop imports; it takes 3 ms."""

CHILD = """
import asyncio, json, sys
from synthtools.backends.litellm import LiteLLMClient, load_litellm
from synthtools.backends.spec import ModelSpec

OURS = ("litellm", "openai", "tiktoken", "tiktoken_ext", "httpx", "aiohttp")
WATCHED = ("socket.connect", "socket.getaddrinfo", "socket.bind", "socket.sendto")
url, reached, told = sys.argv[1], [], []
sys.addaudithook(lambda event, given: reached.append(event) if event in WATCHED else None)
litellm = load_litellm()


class Listener(litellm.integrations.custom_logger.CustomLogger):
    def log_success_event(self, kwargs, response_obj, start_time, end_time):
        told.append(kwargs["model"])

    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        told.append(kwargs["model"])


litellm.callbacks = [Listener()]
shape = {"type": "json_schema", "json_schema": {"name": "NameTool", "schema": {"type": "object"}}}
body = {"messages": [{"role": "user", "content": "[[ ## field ## ]]\\nBikes"}], "response_format": shape, "seed": 1}


async def found(prefix):
    client = LiteLLMClient(ModelSpec(name=f"{prefix}/real", api_bases=(url,)))
    reached.clear()
    await asyncio.to_thread(client.prepare)
    in_preparing, before = list(reached), set(sys.modules)
    answer = await client.aattempt(body, url)
    return {
        "in_preparing": in_preparing,
        "in_calling": list(reached),
        "answer": answer["choices"][0]["message"]["content"],
        "new": [name for name in set(sys.modules) - before if name.split(".")[0] in OURS],
    }


async def both():
    return {prefix: await found(prefix) for prefix in ("hosted_vllm", "openai")}


print(json.dumps([asyncio.run(both()), told]))
"""


def test_after_preparing_a_call_imports_nothing_and_no_server_or_listener_knows_of_another() -> None:
    with serve(ECHO) as server:
        command = [sys.executable, "-c", CHILD, server.url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        asked = len(server.requests)
    assert done.returncode == 0, done.stderr
    found, told = json.loads(done.stdout)
    for prefix in ("hosted_vllm", "openai"):
        of_one: dict[str, Any] = found[prefix]
        assert of_one["in_preparing"] == []
        assert "socket.connect" in of_one["in_calling"]
        assert "Bikes" in of_one["answer"]
        assert set(of_one["new"]) <= OF_THE_LOOP
    assert asked == 2
    assert set(told) == {"real"}
