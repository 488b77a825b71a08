"""How well one process keeps its slots busy: share of the ideal wall time with answers that take a second on average.

`python benchmarks/saturation.py [--rounds N] [--json FILE]`. The ideal is the larger of the sum of all latencies over
the slots and the longest latency. Bar: 95 %, `direct/` at 256 slots and `hosted_vllm/` at 128. Latencies are log-normal
and fixed by each call's seed. Two baselines stand beside: what taking the calls as they come gives without any client
(the slots do not all end together), and plain aiohttp in the same run, which shows what the machine had to spare.
All calls go through a role module. The longest stall is the most that a watchdog on the event loop was late; its bar is
50 ms, and here too the baseline shows what the machine itself takes away.
"""

import argparse
import asyncio
import heapq
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from overhead import ANSWER, Ask, floor, judging
from server import latency, running

from synthtools.backends import model, scope
from synthtools.backends.registry import replica_states

BAR = 0.95
STALL_BAR = 50.0
"""Milliseconds."""
WATCH_SECONDS = 0.005
"""Between two looks of the watchdog."""
BASELINE = "aiohttp"
SLOTS = {BASELINE: 256, "direct/": 256, "hosted_vllm/": 128}
MEAN = 1.0
"""Seconds of a latency."""


def greedy(latencies: Sequence[float], slots: int) -> float:
    """Seconds that the calls take in this order if whoever is free takes the next."""
    free = [0.0] * slots
    for seconds in latencies:
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)


async def watch(stalls: list[float]) -> None:
    """Appends how late each look at the clock came, in milliseconds, until it is cancelled."""
    while True:
        due = time.perf_counter() + WATCH_SECONDS
        await asyncio.sleep(WATCH_SECONDS)
        stalls.append((time.perf_counter() - due) * 1000)


async def kept_busy(ask: Ask, slots: int, count: int) -> dict[str, float]:
    """Wall seconds of so many calls, and shares of it."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await ask(number)

    await ask(count)  # imports, schemas and the first connection
    stalls: list[float] = []
    watching = asyncio.create_task(watch(stalls))
    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(slots)))
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    watching.cancel()
    latencies = [latency(MEAN, number) for number in range(count)]
    ideal = max(sum(latencies) / slots, max(latencies))
    return {
        "slots": slots,
        "calls": count,
        "wall_s": wall,
        "share": ideal / wall,
        "greedy_share": ideal / greedy(latencies, slots),
        "cpu_share": cpu / wall,
        "longest_stall_ms": max(stalls),
        "stalls_over_bar": sum(stall > STALL_BAR for stall in stalls),
        "limit": slots,
    }


async def measure(client: str, slots: int, rounds: int, url: str) -> dict[str, float]:
    """What a client makes of its slots."""
    if client == BASELINE:
        return await kept_busy(floor(url), slots, slots * rounds)
    with model(f"{client}fixed", api_base=url, concurrency=slots, max_tokens=500) as lm:
        judge = judging()

        async def ask(number: int) -> object:
            with scope(variation=number):  # the seed, which decides the latency
                return await judge(number)

        found = await kept_busy(ask, slots, slots * rounds)
        (state,) = replica_states(lm)
    return {**found, "limit": state.limit}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=60, help="calls a slot")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with running(json.dumps(ANSWER), MEAN) as url:
        results = {prefix: asyncio.run(measure(prefix, slots, options.rounds, url)) for prefix, slots in SLOTS.items()}
    head = f"{'':14}{'slots':>6}{'calls':>7}{'wall s':>8}{'of ideal':>10}{'greedy':>8}{'CPU':>7}{'limit':>7}"
    print(f"{head}{'longest stall ms':>18}{'over 50':>9}")
    for prefix, found in results.items():
        print(
            f"{prefix:14}{found['slots']:6}{found['calls']:7}{found['wall_s']:8.1f}{found['share']:10.1%}"
            f"{found['greedy_share']:8.1%}{found['cpu_share']:7.0%}{found['limit']:7}"
            f"{found['longest_stall_ms']:18.1f}{found['stalls_over_bar']:9}"
        )
    ours = [found for client, found in results.items() if client != BASELINE]
    held = all(found["share"] >= BAR for found in ours)
    steady = all(found["longest_stall_ms"] <= STALL_BAR for found in ours)
    print(f"bar {BAR:.0%} of the ideal: {'held' if held else 'NOT held'}")
    print(f"bar {STALL_BAR:.0f} ms of stall: {'held' if steady else 'NOT held'}")
    if options.json:
        report = {"bar": BAR, "held": held, "stall_bar_ms": STALL_BAR, "steady": steady, "results": results}
        options.json.write_text(json.dumps(report, indent=1))
    return 0 if held and steady else 1


if __name__ == "__main__":
    sys.exit(main())
