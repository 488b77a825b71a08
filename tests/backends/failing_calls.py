"""Two thousand calls that fail, hang or are cancelled, and what they leave: `python -m tests.backends.failing_calls`.

Run in a process of its own by `test_leaks.py`, whose server does to a call what its seed says. Prints JSON.
"""

import argparse
import asyncio
import gc
import json
import os
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import dspy

from synthtools.backends import build_lm, sessions
from synthtools.backends.registry import adapter, servers_state
from synthtools.errors import SynthToolsError
from tests.backends.shared import NameTool

GOOD, HANGS, RESET, HALF, FAILS, BUSY, REFUSED, NO_JSON = range(8)
"""What a seed asks of the server, in remainders of `KINDS`."""
KINDS = 8
FAILING = (RESET, HALF, FAILS, BUSY, REFUSED, NO_JSON)
IN_FLIGHT = 100
TIMEOUT = 0.4
"""Seconds of a call that hangs until it is given up."""


def sockets() -> int:
    """Sockets that this process has open."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found += os.readlink(descriptor).startswith("socket:")
        except FileNotFoundError:
            continue
    return found


def children() -> int:
    """Processes that this one started and that are not gone."""
    return sum(len(path.read_text().split()) for path in Path("/proc/self/task").glob("*/children"))


async def ask(lm: dspy.LM, kind: int, number: int) -> str:
    """The outcome of a call: `ok` or the name of its error."""
    with dspy.context(lm=lm, adapter=adapter()):
        try:
            await dspy.Predict(NameTool).acall(field=f"f{number}", config={"seed": kind + number * KINDS})
        except (SynthToolsError, asyncio.CancelledError) as error:
            return type(error).__name__
    return "ok"


async def fail(lm: dspy.LM, count: int) -> Counter[str]:
    """So many calls that fail at once, each in one of six ways."""
    kinds = [FAILING[number % len(FAILING)] for number in range(count)]
    return Counter(await asyncio.gather(*(ask(lm, kind, number) for number, kind in enumerate(kinds))))


async def hang(slow: dspy.LM, patient: dspy.LM, count: int) -> Counter[str]:
    """So many calls that hang: half are given up in time; half are cancelled then, some of which wait for a place."""
    cancelled = [asyncio.create_task(ask(patient, HANGS, number)) for number in range(count // 2)]
    outcomes = await asyncio.gather(*(ask(slow, HANGS, number) for number in range(count // 2)))
    for call in cancelled:
        call.cancel()
    return Counter([*outcomes, *await asyncio.gather(*cancelled)])


def tasks() -> list[str]:
    """Tasks of the running loop but this one, and but LiteLLM's worker, which ends with the loop."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    return [text for task in left if "logging_worker" not in (text := repr(task))]


async def settled(before: dict[str, int]) -> dict[str, int]:
    """What is open once nothing more is let go of, or no more than before."""
    now = open_now()
    for _ in range(500):
        gc.collect()
        now = open_now()
        if not tasks() and all(now[name] <= before[name] for name in now):
            break
        await asyncio.sleep(0.01)
    return now


def open_now() -> dict[str, int]:
    """Threads but for those of a loop's executor, which are few and end with it; sockets and processes."""
    threads = sum(not thread.name.startswith("asyncio_") for thread in threading.enumerate())
    return {"threads": threads, "sockets": sockets(), "processes": children()}


async def work(prefix: str, base: str, calls: int) -> dict[str, Any]:
    settings: dict[str, Any] = {"api_base": base, "retries": 0, "concurrency": IN_FLIGHT}
    failing = build_lm(f"{prefix}/x", timeout=30.0, **settings)
    patient = build_lm(f"{prefix}/x", timeout=30.0, **settings)
    assert await ask(failing, GOOD, 0) == "ok"  # imports, threads of a library, a first connection
    before = open_now()
    outcomes = await fail(failing, calls // 2)
    used = [failing, patient]
    for _ in range(4):
        slow = build_lm(f"{prefix}/x", timeout=TIMEOUT, **settings)
        outcomes += await hang(slow, patient, calls // 8)
        used.append(slow)
    after = await settled(before)
    states = [state for lm in used if (servers := servers_state(lm)) for state in servers.replicas]
    return {
        "outcomes": outcomes,
        "before": before,
        "after": after,
        "tasks": tasks(),
        "in_flight": sum(state.in_flight for state in states),
        "free": [lm.engine.calls.slots._free for lm in used],
        "next": [await ask(lm, GOOD, 0) for lm in used],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("prefix")
    parser.add_argument("base")
    parser.add_argument("--calls", type=int, default=2000)
    options = parser.parse_args()
    sessions._IDLE_SECONDS = 0.02  # idle connections are kept for seconds, which is no leak
    print(json.dumps(asyncio.run(work(options.prefix, options.base, options.calls))))


if __name__ == "__main__":
    main()
