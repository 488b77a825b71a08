"""What a bad day costs: calls on a server of which one request in four is refused, breaks off, hangs or is nonsense.

`python benchmarks/faults.py [--slots N] [--rounds N] [--latency SECONDS] [--client PREFIX] [--json FILE]`. The faults
are those of `synthtools.backends.faults.BAD_DAY`, decided by each request and how often it came, so that every client
meets the same. Every request takes a log-normal time with that mean, a refusal too. The ideal is what the requests that
were made take when every slot is always busy: requests times latency over slots. Bars: at most 1.5 times the ideal, at
most 1.6 requests for a call, and at most one call in a hundred lost. All calls go through a role module; the server
counts what it was asked itself.
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
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from overhead import ANSWER, judging

from synthtools.backends import model, scope
from synthtools.backends.registry import replica_states
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
def faulty(latency: float, said: list[str]) -> Generator[str]:
    """The address of a server in a process of its own; what it says at its end is added to `said`."""
    command = [
        sys.executable,
        "-m",
        "synthtools.backends.scripted",
        "faults:FIXED",
        "--faults",
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


async def all_called(url: str, client: str, slots: int, count: int, latency: float) -> dict[str, Any]:
    """Wall seconds of so many calls, which failed, and the limit of calls in flight, on average."""
    numbers = iter(range(count))
    failed: Counter[str] = Counter()
    limits = [slots]
    with model(f"{client}fixed", api_base=url, concurrency=slots, timeout=TIMEOUT * latency, max_tokens=500) as lm:
        judge = judging()

        async def work() -> None:
            for number in numbers:
                try:
                    with scope(variation=number):
                        await judge(number)
                except ModelError as error:
                    failed[type(error).__name__] += 1
                limits.append(replica_states(lm)[0].limit)

        started = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(slots)))
        wall = time.perf_counter() - started
    return {"calls": count, "failed": failed, "wall_s": wall, "limit": sum(limits) / len(limits)}


def measure(client: str, slots: int, rounds: int, latency: float) -> dict[str, Any]:
    """What a client makes of the server."""
    said: list[str] = []
    with faulty(latency, said) as url:
        found = asyncio.run(all_called(url, client, slots, slots * rounds, latency))
    counted = re.search(r"(\d+) requests", said[0])
    assert counted is not None, said
    requests = int(counted[1])
    ideal = requests * latency / slots
    return {
        **found,
        "requests": requests,
        "requests_a_call": requests / found["calls"],
        "ideal_s": ideal,
        "of_ideal": found["wall_s"] / ideal,
        "server": said[0],
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=30, help="calls a slot")
    parser.add_argument("--latency", type=float, default=0.5, help="mean seconds of a request")
    parser.add_argument("--client", action="append", choices=CLIENTS, help="both unless given")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    clients = options.client or CLIENTS
    results = {client: measure(client, options.slots, options.rounds, options.latency) for client in clients}
    head = f"{'':14}{'calls':>7}{'failed':>8}{'requests':>10}{'a call':>8}{'wall s':>8}{'ideal s':>9}"
    print(f"{head}{'times':>7}{'limit':>7}")
    for client, found in results.items():
        print(
            f"{client:14}{found['calls']:7}{found['failed'].total():8}{found['requests']:10}{found['requests_a_call']:8.2f}"
            f"{found['wall_s']:8.1f}{found['ideal_s']:9.1f}{found['of_ideal']:7.2f}{found['limit']:7.1f}"
        )
        print(f"  the server {found['server']}")
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
        report = {"slots": options.slots, "latency_s": options.latency, "bars": held, "results": results}
        options.json.write_text(json.dumps(report, indent=1))
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
