"""How much of the prompts real vLLM servers find in their prefix caches: with affinity, and by the least busy server.

`python benchmarks/prefix.py --model direct/NAME --api-base A --api-base B [--affinity both|on|off] [--rounds N]
[--in-flight N] [--fields N] [--json FILE]`. The prompts are those of a run of the scripted stand-in, in the order in
which they were sent; every one is sent for a short answer. Bars: at least 70 % of the tokens of prompts about tools
stood at the front of an earlier prompt, at a median prompt of at most 1,500 tokens; with affinity, the servers found at
least 60 % of all prompt tokens in their caches.

The first table is the server's own tokenizer's: how long the prompts are, and what a single cache without an end could
give. The second is what the servers say. The ways take turns, `--rounds` times, so that what else the machine does
falls on all of them; each pass has a cache salt of its own and finds nothing that another one left. How much affinity
gains hangs on the room for caches: start servers with `--num-gpu-blocks-override` to see it where that is scarce.
"""

import argparse
import asyncio
import json
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from synthtools.backends.direct import DirectClient
from synthtools.backends.routed import Routed
from synthtools.backends.scripted import script_named
from synthtools.backends.scripted_server import serve
from synthtools.backends.spec import ModelSpec
from synthtools.backends.wire import completion_usage, schema_title
from synthtools.types.record import JsonObject

BARS = {"shared": 0.7, "median_tokens": 1500, "cached": 0.6}
"""Least share of the tokens of prompts about tools that stood at the front of an earlier prompt; most tokens of the
median prompt; least share of all prompt tokens that servers chosen by affinity find in their caches."""
TOOL_ROLES = ("DesignTool", "WriteBehaviour", "WriteTestCalls", "FirstTurn", "NextTurn", "SolveTurn", "NextStep")
"""Calls about one tool or with one set of tools, of which there are many."""
FIELDS = ("Community libraries", "Bicycle rental", "Veterinary clinics")
WAYS = {"on": "affinity on", "off": "least busy"}
ANSWER_TOKENS = 16
"""Long enough for both servers to be at work at once."""


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


class Pass(NamedTuple):
    """What came of all calls, sent once."""

    seconds: float
    servers: dict[str, tuple[int, int, int]]
    """Calls, prompt tokens and cached ones of each server."""

    @property
    def cached(self) -> float:
        tokens, cached = (sum(column) for column in list(zip(*self.servers.values(), strict=True))[1:])
        return cached / tokens


async def replayed(spec: ModelSpec, bodies: list[Any], in_flight: int) -> Pass:
    """Sends all calls, so many at once."""
    routed = Routed(DirectClient(spec), spec)
    left = iter(bodies)
    servers: dict[str, tuple[int, int, int]] = dict.fromkeys(spec.api_bases, (0, 0, 0))

    async def some() -> None:
        for body in left:
            asked = {"messages": body["messages"], "max_tokens": ANSWER_TOKENS, "temperature": 0.0}
            completion = await routed.asend(asked)
            usage = completion_usage(completion)
            base = str(completion["replica"])
            calls, tokens, cached = servers[base]
            servers[base] = (calls + 1, tokens + usage.prompt_tokens, cached + usage.cached_tokens)

    started = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(in_flight)))
    return Pass(time.perf_counter() - started, servers)


def prompts_told(bodies: list[Any], prompts: list[list[int]]) -> dict[str, Any]:
    """How long the prompts are and how much of them stood at the front of an earlier one, by role and in all."""
    roles: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for body, prompt, shared in zip(bodies, prompts, seen_before(prompts), strict=True):
        roles[schema_title(body)].append((len(prompt), shared))
    return {
        "all": _told([call for calls in roles.values() for call in calls]),
        "tools": _told([call for role in TOOL_ROLES for call in roles[role]]),
        "roles": {role: _told(calls) for role, calls in sorted(roles.items()) if calls},
    }


def _told(calls: list[tuple[int, int]]) -> dict[str, float]:
    return {
        "calls": len(calls),
        "median_tokens": statistics.median(size for size, _ in calls),
        "shared": sum(shared for _, shared in calls) / sum(size for size, _ in calls),
    }


def way_told(passes: list[Pass]) -> dict[str, Any]:
    """The passes of one way: the mean over them, and each server's part in all of them."""
    servers = {
        base: [sum(column) for column in zip(*(one.servers[base] for one in passes), strict=True)]
        for base in passes[0].servers
    }
    return {
        "cached": statistics.mean(one.cached for one in passes),
        "cached_by_pass": [one.cached for one in passes],
        "seconds": statistics.mean(one.seconds for one in passes),
        "servers": [
            {"calls": calls / len(passes), "cached": cached / max(1, tokens)}
            for calls, tokens, cached in servers.values()
        ],
    }


async def measured(options: argparse.Namespace) -> dict[str, Any]:
    bodies, bases = recorded(options.fields), tuple(options.api_base)
    result: dict[str, Any] = {"prompts": prompts_told(bodies, await tokens_of(bodies, bases[0])), "ways": {}}
    wanted = [way for way in WAYS if options.affinity in (way, "both")]
    passes: dict[str, list[Pass]] = {way: [] for way in wanted}
    for _ in range(options.rounds):
        for way in wanted:
            salted: JsonObject = {"extra_body": {"cache_salt": secrets.token_hex()}}
            spec = ModelSpec(name=options.model, api_bases=bases, affinity=way == "on",
                             concurrency=options.in_flight, settings=salted)  # fmt: skip
            passes[way].append(await replayed(spec, bodies, options.in_flight))
    result["ways"] = {way: way_told(found) for way, found in passes.items()}
    return result


def holds(result: dict[str, Any]) -> dict[str, bool]:
    """Which bars hold; that of the caches only where affinity was measured."""
    prompts, on = result["prompts"], result["ways"].get("on")
    held = {
        "shared": prompts["tools"]["shared"] >= BARS["shared"],
        "median_tokens": prompts["all"]["median_tokens"] <= BARS["median_tokens"],
    }
    return held if on is None else {**held, "cached": on["cached"] >= BARS["cached"]}


def show(result: dict[str, Any]) -> None:
    prompts = result["prompts"]
    print(f"{'role':28} {'calls':>6} {'median tokens':>14} {'shared':>7}")
    rows = {**prompts["roles"], "calls about tools": prompts["tools"], "all": prompts["all"]}
    for role, found in rows.items():
        print(f"{role:28} {found['calls']:6} {found['median_tokens']:14.0f} {found['shared']:7.2f}")
    print(f"\n{'way':28} {'cached':>7} {'by server':>14} {'calls by server':>16} {'seconds':>8}")
    for way, found in result["ways"].items():
        cached = " ".join(f"{server['cached']:.2f}" for server in found["servers"])
        calls = " ".join(f"{server['calls']:.0f}" for server in found["servers"])
        print(f"{WAYS[way]:28} {found['cached']:7.3f} {cached:>14} {calls:>16} {found['seconds']:8.1f}")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--api-base", action="append", required=True)
    parser.add_argument("--affinity", default="both", choices=("both", *WAYS))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--in-flight", type=int, default=16)
    parser.add_argument("--fields", type=int, default=2, choices=range(1, len(FIELDS) + 1))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = asyncio.run(measured(options))
    show(result)
    held = holds(result)
    said = ", ".join(f"{name} {'held' if is_held else 'NOT held'}" for name, is_held in held.items())
    print(f"bars {BARS}: {said}")
    if options.json:
        options.json.write_text(json.dumps({"bars": BARS, "held": held, **result}, indent=1))
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
