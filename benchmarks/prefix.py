"""How much of the prompts a real vLLM serves from its prefix cache: replicas chosen by prefix, and by chance.

`python benchmarks/prefix.py --model direct/NAME --api-base A --api-base B [--json FILE]`. The prompts are those of a
run of the scripted stand-in, in the order in which they were sent; every one is sent for a short answer: to one
server, to the replica picked by what a prompt begins with, and to any replica. Before that, the server's own
tokenizer says how long the prompts are and how much of one stood at the front of an earlier one: what a single cache
without an end could give.
"""

import argparse
import asyncio
import json
import secrets
import statistics
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import aiohttp

from synthtools.backends.direct import DirectClient
from synthtools.backends.routed import Routed
from synthtools.backends.scripted import script_named
from synthtools.backends.scripted_server import serve
from synthtools.backends.spec import ModelSpec
from synthtools.backends.wire import completion_usage, schema_title
from synthtools.types.record import JsonObject
from synthtools.types.usage import Usage

BARS = {"shared": 0.7, "median_tokens": 1500}
"""Least share of a tool's prompt tokens that stood at the front of an earlier prompt; most tokens of the median one."""
TOOL_ROLES = ("DesignTool", "WriteBehaviour", "FirstTurn", "NextTurn", "SolveTurn", "NextStep")
"""Calls about one tool or with one set of tools, of which there are many."""
FIELDS = ("Community libraries", "Bicycle rental", "Veterinary clinics")
IN_FLIGHT = 8
ANSWER_TOKENS = 16
"""Long enough for both servers to be at work at once."""


class Scattered(Routed):
    """Replicas that no call prefers."""

    def _key(self, body: Any) -> bytes:
        return secrets.token_bytes(16)


def recorded(fields: int) -> list[Any]:
    """Bodies of the calls of a whole run, in their order of arrival."""
    with serve(script_named("library")) as server, tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", "from synthtools.cli import app; app()", "run", "--run", f"{folder}/run"]
        for field in FIELDS[:fields]:
            command += ["--field", field]
        options = ["--model", "openai/any", "--api-base", server.url, "--profile", "small", "--concurrency", "8"]
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr)
        return list(server.requests)


async def tokens_of(bodies: list[Any], base: str) -> list[list[int]]:
    """The tokens of each prompt, as the server counts them."""
    address = base.removesuffix("/v1") + "/tokenize"
    async with aiohttp.ClientSession() as session:
        found: list[list[int]] = []
        for body in bodies:
            async with session.post(address, json={"messages": body["messages"]}) as answer:
                answer.raise_for_status()
                found.append((await answer.json())["tokens"])
        return found


def seen_before(prompts: list[list[int]]) -> list[int]:
    """How many tokens at the front of each prompt stood at the front of an earlier one."""
    known: dict[int, Any] = {}
    found: list[int] = []
    for prompt in prompts:
        node, shared, is_known = known, 0, True
        for token in prompt:
            is_known = is_known and token in node
            shared += is_known
            node = node.setdefault(token, {})
        found.append(shared)
    return found


async def replayed(routed: Routed, bodies: list[Any]) -> dict[str, Any]:
    """What came of all calls, `IN_FLIGHT` at once: the cached share of their tokens, and how many each server took."""
    left = iter(bodies)
    total = Usage()
    servers: Counter[str] = Counter()

    async def some() -> None:
        nonlocal total
        for body in left:
            asked = {"messages": body["messages"], "max_tokens": ANSWER_TOKENS, "temperature": 0.0}
            completion = await routed.asend(asked)
            total += completion_usage(completion)
            servers[str(completion["replica"])] += 1

    await asyncio.gather(*(some() for _ in range(IN_FLIGHT)))
    return {"cached": total.cached_tokens / total.prompt_tokens, "calls": sorted(servers.values())}


async def measured(model: str, bases: list[str], fields: int) -> dict[str, Any]:
    bodies = recorded(fields)
    prompts = await tokens_of(bodies, bases[0])
    roles: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for body, prompt, shared in zip(bodies, prompts, seen_before(prompts), strict=True):
        roles[schema_title(body)].append((len(prompt), shared))
    about_tools = [call for role in TOOL_ROLES for call in roles[role]]
    result: dict[str, Any] = {
        "calls": len(bodies),
        "median_tokens": statistics.median(len(prompt) for prompt in prompts),
        "shared": _share([call for calls in roles.values() for call in calls]),
        "tools": {"median_tokens": statistics.median(size for size, _ in about_tools), "shared": _share(about_tools)},
        "roles": {
            role: {"calls": len(calls), "median_tokens": statistics.median(size for size, _ in calls),
                   "shared": _share(calls)}
            for role, calls in sorted(roles.items())
        },
    }  # fmt: skip
    for name, kind, servers in (
        ("one", Routed, bases[:1]),
        ("by_prefix", Routed, bases),
        ("by_chance", Scattered, bases),
    ):
        # A salt of its own: no pass finds in the caches what another one left there.
        salted: JsonObject = {"extra_body": {"cache_salt": secrets.token_hex()}}
        spec = ModelSpec(name=model, api_bases=tuple(servers), settings=salted)
        result[name] = await replayed(kind(DirectClient(spec), spec), bodies)
    return result


def _share(calls: list[tuple[int, int]]) -> float:
    return sum(shared for _, shared in calls) / max(1, sum(size for size, _ in calls))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--api-base", action="append", required=True)
    parser.add_argument("--fields", type=int, default=2, choices=range(1, len(FIELDS) + 1))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = asyncio.run(measured(options.model, options.api_base, options.fields))
    print(f"{'role':28} {'calls':>6} {'median tokens':>14} {'shared':>7}")
    for role, found in result["roles"].items():
        print(f"{role:28} {found['calls']:6} {found['median_tokens']:14.0f} {found['shared']:7.2f}")
    print(f"{'calls about tools':28} {'':6} {result['tools']['median_tokens']:14.0f} {result['tools']['shared']:7.2f}")
    print(f"{'all':28} {result['calls']:6} {result['median_tokens']:14.0f} {result['shared']:7.2f}")
    for name in ("one", "by_prefix", "by_chance"):
        found = result[name]
        print(f"{name:28} {found['cached']:.3f} of all prompt tokens cached; calls by server {found['calls']}")
    held = result["tools"]["shared"] >= BARS["shared"] and result["median_tokens"] <= BARS["median_tokens"]
    print(f"bars {BARS}: {'held' if held else 'NOT held'}")
    if options.json:
        options.json.write_text(json.dumps({"bars": BARS, "held": held, **result}, indent=1))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
