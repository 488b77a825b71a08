"""What a bad day costs: calls on servers of which one request in four is refused, breaks off, hangs or is nonsense.

`python benchmarks/faults.py [--slots N] [--rounds N] [--latency SECONDS] [--servers N] [--seed N] [--client PREFIX]
[--json FILE]`. The faults are those of `synthtools.backends.faults.BAD_DAY`, decided by each request and how often it
came, so that every client meets the same; another seed asks other questions. Every request takes a log-normal time with
that mean, a refusal too. All calls go through a role module; the servers count what they were asked themselves.

The ideal is a lower bound for the requests that were made, however a client orders them: every slot is busy from the
beginning to the end, with the mean latency for each request and the deadline for each that hangs, since only time tells
that it does. What is not in it counts against the client: waits before a call is tried again, those that a server asks
for too; places that it leaves empty; its own work and the server's; and the end, when the last calls hang while the
other slots have nothing left, which weighs the more the fewer rounds there are. `plain` is the same with the mean
latency for a request that hangs too. Bars: at most 1.5 times the ideal, at most 1.6 requests for a call, and at most
one call in a hundred lost.
"""

import argparse
import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from overhead import ANSWER, judging

from synthtools.backends import model, scope
from synthtools.backends.litellm import load_litellm
from synthtools.backends.registry import servers_state
from synthtools.backends.scripted import Script
from synthtools.errors import ModelError

CLIENTS = ("direct/", "hosted_vllm/")
WALL_BAR = 1.5
REQUESTS_BAR = 1.6
LOST_BAR = 0.01
"""Of the calls; three bad answers in a row, or two requests that hang, are to be expected of one in 900."""
TIMEOUT = 10.0
"""Mean latencies after which a request that hangs is given up."""

FIXED = Script(otherwise=lambda inputs, schema, seed: dict(ANSWER))
"""What the server says where nothing goes wrong."""


@contextmanager
def faulty(latency: float, number: int, said: list[str]) -> Generator[str]:
    """The address of a server in a process of its own; what it says at its end is added to `said`."""
    command = [
        sys.executable,
        "-m",
        "synthtools.backends.scripted",
        "faults:FIXED",
        "--faults",
        "--faults-seed",
        str(number),
        "--latency",
        str(latency),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent) as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        try:
            yield found[0]
        finally:
            process.send_signal(signal.SIGINT)
            said.append(process.stdout.read().strip())


async def all_called(urls: list[str], client: str, slots: int, numbers: range, latency: float) -> dict[str, Any]:
    """Wall seconds of so many calls, which failed, and the limit of calls in flight, on average."""
    left = iter(numbers)
    failed: Counter[str] = Counter()
    limits = [slots]
    with model(f"{client}fixed", api_base=urls, concurrency=slots, timeout=TIMEOUT * latency, max_tokens=500) as lm:
        judge = judging()

        async def work() -> None:
            for number in left:
                try:
                    with scope(variation=number):
                        await judge(number)
                except ModelError as error:
                    failed[type(error).__name__] += 1
                limits.append(servers.limit if (servers := servers_state(lm)) is not None else slots)

        started = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(slots)))
        wall = time.perf_counter() - started
    return {"calls": len(numbers), "failed": failed, "wall_s": wall, "limit": sum(limits) / len(limits)}


def measure(client: str, options: argparse.Namespace) -> dict[str, Any]:
    """What a client makes of the servers."""
    said: list[str] = []
    count, latency = options.slots * options.rounds, options.latency
    numbers = range(options.seed * count, (options.seed + 1) * count)
    with ExitStack() as stack:
        urls = [stack.enter_context(faulty(latency, number, said)) for number in range(options.servers)]
        found = asyncio.run(all_called(urls, client, options.slots, numbers, latency))
    requests, hung = counted(said, "requests"), counted(said, "hangs")
    plain = requests * latency / options.slots
    ideal = plain + hung * (TIMEOUT - 1.0) * latency / options.slots
    return {
        **found,
        "requests": requests,
        "requests_a_call": requests / count,
        "ideal_s": ideal,
        "of_ideal": found["wall_s"] / ideal,
        "of_plain": found["wall_s"] / plain,
        "servers": said,
    }


def counted(said: list[str], what: str) -> int:
    """How many of them the servers counted."""
    return sum(int(number) for line in said for number in re.findall(rf"(\d+) {what}", line))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=60, help="calls a slot")
    parser.add_argument("--latency", type=float, default=0.5, help="mean seconds of a request")
    parser.add_argument("--servers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--client", action="append", choices=CLIENTS, help="both unless given")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    clients = options.client or CLIENTS
    if any(client != "direct/" for client in clients):
        load_litellm()
    results = {client: measure(client, options) for client in clients}
    head = f"{'':14}{'calls':>7}{'failed':>8}{'requests':>10}{'a call':>8}{'wall s':>8}{'ideal s':>9}"
    print(f"{head}{'times':>7}{'plain':>7}{'limit':>7}")
    for client, found in results.items():
        print(
            f"{client:14}{found['calls']:7}{found['failed'].total():8}{found['requests']:10}{found['requests_a_call']:8.2f}"
            f"{found['wall_s']:8.1f}{found['ideal_s']:9.1f}{found['of_ideal']:7.2f}{found['of_plain']:7.2f}"
            f"{found['limit']:7.1f}"
        )
        for line in found["servers"]:
            print(f"  a server {line}")
    held = {
        f"at most {WALL_BAR} times the ideal": all(found["of_ideal"] <= WALL_BAR for found in results.values()),
        f"at most {REQUESTS_BAR} requests a call": all(
            found["requests_a_call"] <= REQUESTS_BAR for found in results.values()
        ),
        f"at most {LOST_BAR:.0%} of the calls lost": all(
            found["failed"].total() <= LOST_BAR * found["calls"] for found in results.values()
        ),
    }
    for bar, holds in held.items():
        print(f"bar {bar}: {'held' if holds else 'NOT held'}")
    if options.json:
        report = {
            "slots": options.slots,
            "latency_s": options.latency,
            "seed": options.seed,
            "bars": held,
            "results": results,
        }
        options.json.write_text(json.dumps(report, indent=1))
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
