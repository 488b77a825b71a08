"""How well one process keeps its slots busy: share of the ideal wall time with answers that take a second on average.

`python benchmarks/saturation.py [--rounds N] [--json FILE]`. The ideal is the larger of the sum of all latencies over
the slots and the longest latency. Bar: 95 %, `direct/` at 256 slots and `hosted_vllm/` at 128. Latencies are log-normal
and fixed by each call's seed. Two baselines stand beside: what taking the calls as they come gives without any client
(the slots do not all end together), and plain aiohttp in the same run, which shows what the machine had to spare.
"""

import argparse
import asyncio
import heapq
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import dspy
from overhead import ANSWER, Ask, floor, inputs
from server import latency, running

from synthtools.backends import model
from synthtools.backends.registry import replica_states
from synthtools.signatures.judges import JudgeTrajectory

BAR = 0.95
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


async def kept_busy(ask: Ask, slots: int, count: int) -> dict[str, float]:
    """Wall seconds of so many calls, and shares of it."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await ask(number)

    await ask(count)  # imports, schemas and the first connection
    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work() for _ in range(slots)))
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    latencies = [latency(MEAN, number) for number in range(count)]
    ideal = max(sum(latencies) / slots, max(latencies))
    return {
        "slots": slots,
        "calls": count,
        "wall_s": wall,
        "share": ideal / wall,
        "greedy_share": ideal / greedy(latencies, slots),
        "cpu_share": cpu / wall,
        "limit": slots,
    }


async def measure(client: str, slots: int, rounds: int, url: str) -> dict[str, float]:
    """What a client makes of its slots."""
    if client == BASELINE:
        return await kept_busy(floor(url), slots, slots * rounds)
    with model(f"{client}fixed", api_base=url, concurrency=slots, max_tokens=500) as lm:
        predict = dspy.Predict(JudgeTrajectory)

        async def ask(number: int) -> object:
            return await predict.acall(**inputs(number), config={"seed": number})

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
    print(f"{'':14}{'slots':>6}{'calls':>7}{'wall s':>8}{'of ideal':>10}{'greedy':>8}{'CPU':>7}{'limit':>7}")
    for prefix, found in results.items():
        print(
            f"{prefix:14}{found['slots']:6}{found['calls']:7}{found['wall_s']:8.1f}{found['share']:10.1%}"
            f"{found['greedy_share']:8.1%}{found['cpu_share']:7.0%}{found['limit']:7}"
        )
    held = all(found["share"] >= BAR for client, found in results.items() if client != BASELINE)
    print(f"bar {BAR:.0%} of the ideal: {'held' if held else 'NOT held'}")
    if options.json:
        options.json.write_text(json.dumps({"bar": BAR, "held": held, "results": results}, indent=1))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
