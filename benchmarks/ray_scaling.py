"""How much more one Ray worker process beside another gets done, where the client's CPU is what there is too little of.

`python benchmarks/ray_scaling.py [--items N] [--repeats N] [--workers 1 2] [--clients NAME...] [--json FILE]`. Bar: two
workers do at least 1.7 times the calls a second of one, over LiteLLM, with as many calls in flight in all. Items of
eight judge's questions each, one after another, go through the executors of a run: journal, ledger and all. The server
answers at once, from a process of its own; it and the driver need CPU too, so that the bar asks for a core beyond the
workers' own. What the machine allows is measured beside it: as many processes that share nothing, each with a run of
its own. All take turns, so that a busy minute is everybody's, and the best turn of each counts, since whatever else
runs on the machine only takes away. Needs `pip install 'synthtools[ray]'`.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

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


@dataclass(frozen=True)
class Turn:
    """What one turn came to."""

    calls_s: float
    driver_ms: float
    """CPU of this process for a call."""
    workers_ms: float
    """CPU of the Ray workers for a call."""
    cores: float
    """That the workers got."""


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


class Contestant:
    """One way to do the items, set up once and asked for a turn at a time."""

    def __init__(self, executor: Executor, runner: asyncio.Runner) -> None:
        self._executor = executor
        self._runner = runner
        self._next = 0

    def turn(self, items: int) -> Turn:
        """Does so many items that were never asked before."""
        begun, cpu, workers = time.perf_counter(), time.process_time(), workers_cpu()
        self._runner.run(self._do(items))
        seconds, cpu, workers = time.perf_counter() - begun, time.process_time() - cpu, workers_cpu() - workers
        calls = items * QUESTIONS
        return Turn(calls / seconds, cpu / calls * 1e3, workers / calls * 1e3, workers / seconds)

    async def _do(self, items: int) -> None:
        numbers = iter(range(self._next, self._next + items))
        self._next += items

        async def work() -> None:
            for number in numbers:
                item = Item(STAGE.name, f"{number:06d}", position=number * QUESTIONS)
                await self._executor.execute(STAGE, item, {"first": item.position}, 0)

        await asyncio.gather(*(work() for _ in range(CONCURRENCY)))


class Apart:
    """The same in processes that share nothing, and start together at each turn."""

    def __init__(self, client: str, url: str, processes: int) -> None:
        command = [sys.executable, __file__, "--apart", url, "--clients", client]
        environ = {**os.environ, "OPENAI_API_KEY": "none"}
        self._processes = [
            subprocess.Popen(
                [*command, "--in-flight", str(CONCURRENCY // processes)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ,
            )
            for _ in range(processes)
        ]  # fmt: skip

    def turn(self, items: int) -> Turn:
        """All calls in the time of the slowest."""
        for process in self._processes:
            assert process.stdin is not None
            print(items // len(self._processes), file=process.stdin, flush=True)
        turns = [Turn(**json.loads(process.stdout.readline())) for process in self._processes if process.stdout]
        many = len(turns)
        return Turn(min(turn.calls_s for turn in turns) * many, sum(turn.driver_ms for turn in turns) / many, 0.0, 0.0)

    def close(self) -> None:
        """Ends the processes."""
        for process in self._processes:
            process.communicate()


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


@contextmanager
def contestant(client: str, url: str, workers: int) -> Generator[Contestant]:
    """A run with so many Ray workers; 0: the local executor."""
    given = {
        "model": {"name": client, "api_base": [url], "max_tokens": 500},
        "run": {"concurrency": CONCURRENCY, "executor": "ray" if workers else "local", "ray_workers": workers or 1},
    }
    settings: Settings = settle([("benchmark", given)])
    with TemporaryDirectory() as folder, Store(Path(folder) / "run", create=True) as store:
        ledger = RunLedger(store)
        if workers:
            executor = RayExecutor(store, ledger, Budget(ledger, settings), settings, {}, lambda stage: None)
            with executor.opened(), asyncio.Runner() as runner:
                yield Contestant(executor, runner)
            return
        models = Models(settings, {})
        with models.used(), asyncio.Runner() as runner:
            yield Contestant(LocalExecutor(store, ledger, models.program), runner)


def measure(client: str, url: str, workers: list[int], items: int, repeats: int) -> dict[str, Turn]:
    """The best turn of every contestant, by its name."""
    with ExitStack() as stack:
        contestants: dict[str, Contestant | Apart] = {}
        for count in workers:
            contestants[f"{count} workers"] = stack.enter_context(contestant(client, url, count))
        for count in workers:
            apart = contestants[f"{count} processes"] = Apart(client, url, count)
            stack.callback(apart.close)
        best: dict[str, Turn] = {}
        for repeat in range(repeats + 1):
            for name, each in contestants.items():
                turn = each.turn(items if repeat else CONCURRENCY)  # the first one is the warm-up
                if repeat and (name not in best or turn.calls_s > best[name].calls_s):
                    best[name] = turn
        return best


def be_apart(client: str, url: str) -> int:
    """One of the processes that share nothing: a turn for each line of standard input."""
    with contestant(client, url, 0) as each:
        for line in sys.stdin:
            print(json.dumps(asdict(each.turn(int(line)))), flush=True)
    return 0


def main() -> int:
    global CONCURRENCY
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=192)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--clients", nargs="+", default=CLIENTS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--in-flight", type=int, default=CONCURRENCY, help="calls in flight in all")
    parser.add_argument("--apart", default="", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    CONCURRENCY = options.in_flight
    add_stage()
    if options.apart:
        return be_apart(options.clients[0], options.apart)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    ray.init(
        address="local",
        num_cpus=sum(options.workers),
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={
            "worker_process_setup_hook": "ray_scaling.add_stage",
            "env_vars": {"PYTHONPATH": str(Path(__file__).parent), "OPENAI_API_KEY": "none"},
        },
    )
    with running(json.dumps(ANSWER)) as url:
        results = {
            client: measure(client, url, options.workers, options.items, options.repeats) for client in options.clients
        }
    ray.shutdown()
    return report(results, options.workers, options.json)


def report(results: dict[str, dict[str, Turn]], workers: list[int], file: Path | None) -> int:
    """Prints and writes what was found; the exit code."""
    first, last = workers[0], workers[-1]
    print(f"{os.cpu_count()} CPUs, {CONCURRENCY} calls in flight, {QUESTIONS} calls an item")
    print(f"{'':32}{'calls/s':>8}{'of one':>9}{'CPU ms a call: driver':>23}{'workers':>9}{'cores of workers':>18}")
    for client, found in results.items():
        for name, best in found.items():
            share = best.calls_s / found[f"{first} {name.split()[1]}"].calls_s
            print(
                f"{client:20}{name:>12}{best.calls_s:8.0f}{share:8.2f}x{best.driver_ms:23.2f}"
                f"{best.workers_ms:9.2f}{best.cores:18.2f}"
            )

    def scaling(client: str, of: str) -> float:
        return results[client][f"{last} {of}"].calls_s / results[client][f"{first} {of}"].calls_s

    for client in results:
        allowed, reached = scaling(client, "processes"), scaling(client, "workers")
        print(f"{client}: {reached:.2f}x from {first} to {last} workers; this machine allows {allowed:.2f}x")
    reached = scaling(next(iter(results)), "workers")
    held = reached >= BAR
    print(f"bar {BAR:.1f}x: {'held' if held else 'NOT held'}")
    if file:
        found = {client: {name: asdict(turn) for name, turn in turns.items()} for client, turns in results.items()}
        file.write_text(json.dumps({"bar": BAR, "scaling": reached, "held": held, "results": found}, indent=1))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
