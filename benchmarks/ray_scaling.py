"""How much more one Ray worker process beside another gets done, where the client's CPU is what there is too little of.

`python benchmarks/ray_scaling.py [--items N] [--repeats N] [--workers 1 2] [--json FILE]`. Bar: two workers do at least
1.7 times the calls a second of one, over LiteLLM, with as many calls in flight in all. Items of eight judge's questions
each, one after another, go through the executors of a run: journal, ledger and all. The server answers at once, from a
process of its own; it and the driver need CPU too, so that the bar asks for a core beyond the workers' own. The best of
the repeats counts, since whatever else runs on the machine only takes away: where the workers did not get a core each,
the machine was too small or too busy to tell, and the calls a second of a worker's core say how well they scale. Needs
`pip install 'synthtools[ray]'`.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from overhead import ANSWER, judging
from pydantic import TypeAdapter
from server import running

from synthtools.config import Settings, settle
from synthtools.modules.role import Blocking
from synthtools.runs.budget import Budget
from synthtools.runs.executors import Executor, LocalExecutor
from synthtools.runs.item import Item
from synthtools.runs.journal import RunLedger
from synthtools.runs.models import Models
from synthtools.runs.ray.executor import RayExecutor
from synthtools.runs.stages import STAGES, Stage
from synthtools.runs.store import Store

BAR = 1.7
QUESTIONS = 8
"""Model calls of an item."""
CONCURRENCY = 32
CLIENTS = ("hosted_vllm/fixed", "direct/fixed")
"""LiteLLM, for which the bar is, and the lean client."""


class Judging(Blocking):
    """Does one item: asks for a verdict so many times."""

    def __init__(self, profile: object) -> None:
        super().__init__()
        self._ask = judging()

    async def aforward(self, *, first: int) -> int:
        """Asks with prompts of its own."""
        for number in range(first, first + QUESTIONS):
            await self._ask(number)
        return first


STAGE = Stage(
    name="judging",
    verb="judging",
    depends_on="",
    program="ray_scaling:Judging",
    record=TypeAdapter(int),
    expand=lambda parent, record, profile: (),
    inputs=lambda item, records: {"first": item.position},
)


def add_stage() -> None:
    """In every process that does items."""
    STAGES[STAGE.name] = STAGE


async def timed(executor: Executor, items: int, repeats: int) -> dict[str, float]:
    """Of the best repeat: calls a second, this process's and the workers' CPU for one, cores that the workers got."""

    async def do(index: int) -> None:
        item = Item(STAGE.name, f"{index:06d}", position=index * QUESTIONS)
        await executor.execute(STAGE, item, {"first": item.position}, 0)

    best = {"calls_s": 0.0, "driver_ms": 0.0, "workers_ms": 0.0, "cores": 0.0}
    for repeat in range(repeats + 1):  # the first one is the warm-up
        count = items if repeat else CONCURRENCY
        first = repeat * max(items, CONCURRENCY)
        numbers = iter(range(first, first + count))

        async def work(numbers: Any = numbers) -> None:
            for number in numbers:
                await do(number)

        begun, cpu, workers = time.perf_counter(), time.process_time(), workers_cpu()
        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
        seconds, cpu, workers = time.perf_counter() - begun, time.process_time() - cpu, workers_cpu() - workers
        calls = count * QUESTIONS
        if repeat and calls / seconds > best["calls_s"]:
            best = {
                "calls_s": calls / seconds,
                "driver_ms": cpu / calls * 1e3,
                "workers_ms": workers / calls * 1e3,
                "cores": workers / seconds,
            }
    return best


def workers_cpu() -> float:
    """CPU seconds of all Ray workers of ours on this machine so far (Linux)."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if path.joinpath("cmdline").read_bytes().startswith(b"ray::Worker"):
                ticks += sum(map(int, path.joinpath("stat").read_text().rpartition(")")[2].split()[11:13]))
        except OSError:  # it has just ended
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(client: str, url: str, workers: int, items: int, repeats: int) -> dict[str, float]:
    """One client with so many workers; 0: the local executor."""
    given = {
        "model": {"name": client, "api_base": [url], "max_tokens": 500},
        "run": {"concurrency": CONCURRENCY, "executor": "ray" if workers else "local", "ray_workers": workers or 1},
    }
    settings: Settings = settle([("benchmark", given)])
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        store = stack.enter_context(Store(Path(folder) / "run", create=True))
        ledger = RunLedger(store)
        if workers:
            executor = RayExecutor(store, ledger, Budget(ledger, settings), settings, {}, lambda stage: None)
            stack.enter_context(executor.opened())
            return asyncio.run(timed(executor, items, repeats))
        models = Models(settings, {})
        stack.enter_context(models.used())
        return asyncio.run(timed(LocalExecutor(store, ledger, models.program), items, repeats))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=192)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--clients", nargs="+", default=CLIENTS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    here = str(Path(__file__).parent)
    ray.init(
        address="local",
        num_cpus=max(options.workers),
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={
            "worker_process_setup_hook": "ray_scaling.add_stage",
            "env_vars": {"PYTHONPATH": here, "OPENAI_API_KEY": "none"},
        },
    )
    add_stage()
    results: dict[str, dict[str, dict[str, float]]] = {}
    with running(json.dumps(ANSWER)) as url:
        for client in options.clients:
            results[client] = {
                "local" if not workers else f"{workers} workers": measure(
                    client, url, workers, options.items, options.repeats
                )
                for workers in (0, *options.workers)
            }
    ray.shutdown()
    print(f"{os.cpu_count()} CPUs, {CONCURRENCY} calls in flight, {QUESTIONS} calls an item")
    head = f"{'':32}{'calls/s':>8}{'of one':>9}{'CPU ms a call: driver':>23}{'workers':>9}{'cores of workers':>18}"
    print(f"{head}{'calls/s a core':>16}")
    for client, found in results.items():
        one = found[f"{options.workers[0]} workers"]["calls_s"]
        for name, best in found.items():
            share = best["calls_s"] / one
            a_core = best["calls_s"] / best["cores"] if best["cores"] else 0.0
            print(
                f"{client:20}{name:>12}{best['calls_s']:8.0f}{share:8.2f}x{best['driver_ms']:23.2f}"
                f"{best['workers_ms']:9.2f}{best['cores']:18.2f}{a_core:16.0f}"
            )
    found = results[options.clients[0]]
    scaling = found[f"{options.workers[-1]} workers"]["calls_s"] / found[f"{options.workers[0]} workers"]["calls_s"]
    held = scaling >= BAR
    print(f"bar {BAR:.1f}x from {options.workers[0]} to {options.workers[-1]} workers: {scaling:.2f}x, "
          f"{'held' if held else 'NOT held'}")  # fmt: skip
    if options.json:
        options.json.write_text(
            json.dumps({"bar": BAR, "scaling": scaling, "held": held, "results": results}, indent=1)
        )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
