"""How well one process keeps its slots busy: share of the ideal wall time with answers that take a second on average.

`python benchmarks/saturation.py [--stages one|all] [--latency lognormal|constant] [--mean SECONDS] [--clients NAME ...]
[--slots N ...] [--size N] [--json FILE]`. Bars: 95 % of the ideal, and no stall of more than 50 ms. Each client runs in
a process of its own, with the scheduler, executor, store, journal and ledger of a command. The server is another
process; it draws each latency by the body of the request alone, log-normal with sigma 0.5 and a mean of `--mean`
(constant: every answer takes exactly that long, so that all calls of a round come back together).

* `--stages one`: items of one judge's question each, `size` a slot, `direct/` at 256 slots and `hosted_vllm/` at 128;
  beside them plain aiohttp, which shows what the machine had to spare.
* `--stages all`: what `synthtools run` does, by its own code, on the scripted library: `size` fields of one small
  environment each a slot, from subfields to rollouts, a chain of some 28 calls.

A share is drawn latency over slots and time: a late client, a late server and an empty slot all cost. It stands there
for the whole run (`of ideal`) and for its steady state, from the first moment at which as many items are in flight as
there are slots to the last one. Slots do not all end together, so that the whole run's share stays below 1 even if
whoever is free takes the next call without any client (`greedy`). With one stage the bar is on the whole run beside
that greedy one, ramp-up and drain included; with all stages, whose calls wait for each other, on the steady state.

The longest stall is the longest that a heartbeat on the event loop, due every 5 ms from the first item to the last, was
late: nothing else gets a turn meanwhile. Beside it stands the longest without the time in which the loop's thread was
ready to run and the machine gave its cores to others (Linux), which is what a machine of one's own would show. CPU is
that of the client's process and of its sandbox, certifying and replay processes, a call, its start and first
connections included; then that of the client's process alone, whose threads share one core. Where client and server
need more cores than there are, the share says what the machine can do.
"""

import argparse
import asyncio
import heapq
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from overhead import ANSWER, floor, judging
from pydantic import TypeAdapter
from rich.console import Console
from server import SIGMA, Served, running

from synthtools.config import Settings, settle
from synthtools.modules.role import Blocking
from synthtools.runs.driver import Work, drive, make_way_for_calls
from synthtools.runs.executors import LocalExecutor
from synthtools.runs.item import Item, Outcome
from synthtools.runs.journal import RunLedger
from synthtools.runs.models import Models
from synthtools.runs.scheduler import Limits, Scheduler
from synthtools.runs.stages import STAGES, Stage, first_items
from synthtools.runs.store import Store
from synthtools.types.profile import SMALL

BAR = 0.95
STALL_BAR = 50.0
"""Milliseconds."""
BEAT_SECONDS = 0.005
"""Between two beats of the heart."""
SCHEDSTAT = "/proc/thread-self/schedstat"
"""What the kernel tells of the thread that opened it."""
BASELINE = "aiohttp"
SLOTS = {
    "one": {BASELINE: [256], "direct/": [256], "hosted_vllm/": [128]},
    "all": {"direct/": [64, 256], "hosted_vllm/": [64]},
}
SIZE = {"one": 60, "all": 2}
"""Of `one`: calls a slot; of `all`: environments a slot."""


class Judging(Blocking):
    """Does one item: asks for one verdict."""

    def __init__(self, profile: object) -> None:
        super().__init__()
        self._ask = judging()

    async def aforward(self, *, number: int) -> int:
        """Asks with a prompt of its own."""
        await self._ask(number)
        return number


STAGE = Stage(
    name="judging",
    verb="judging",
    depends_on="",
    program="saturation:Judging",
    record=TypeAdapter(int),
    expand=lambda parent, record, profile: (),
    inputs=lambda item, records: {"number": item.position},
)


class Watch:
    """Watches a run from its first item on: the heartbeat, and how many items are in flight."""

    def __init__(self, slots: int) -> None:
        self.late: list[float] = []
        """By beat: how late it came, in milliseconds."""
        self.beats: list[float] = []
        """By beat: when it came, in seconds from the first item."""
        self.late_with_core: list[float] = []
        """The same less the time in which the loop's thread was ready to run and had no core."""
        self.full: list[float] = []
        """Moments of the monotonic clock at which as many items were in flight as there are slots: first and last."""
        self.begun = self.ended = 0.0
        self._slots = slots
        self._in_flight = 0
        self._heart: asyncio.Task[None] | None = None

    def started(self, item: Item) -> None:
        """Begins to watch with the first item."""
        if self._heart is None:
            self.begun = time.monotonic()
            self._heart = asyncio.get_running_loop().create_task(self._beat())
        self._in_flight += 1
        self._note()

    def finished(self, outcome: Outcome, record: Any) -> None:
        """Takes the time."""
        self._note()
        self._in_flight -= 1
        self.ended = time.monotonic()

    def _note(self) -> None:
        if self._in_flight >= self._slots:
            self.full[1:] = [time.monotonic()]

    async def _beat(self) -> None:
        schedstat = os.open(SCHEDSTAT, os.O_RDONLY) if os.path.exists(SCHEDSTAT) else None  # noqa: ASYNC240
        waited = core_wait(schedstat)
        while True:
            due = time.perf_counter() + BEAT_SECONDS
            await asyncio.sleep(BEAT_SECONDS)
            late = (time.perf_counter() - due) * 1000
            self.late.append(late)
            self.beats.append(time.monotonic() - self.begun)
            before, waited = waited, core_wait(schedstat)
            self.late_with_core.append(late - (waited - before))


def core_wait(schedstat: int | None) -> float:
    """Milliseconds in which a thread has been ready to run without a core (Linux; else 0)."""
    return int(os.pread(schedstat, 100, 0).split()[1]) / 1e6 if schedstat is not None else 0.0


def settings(model: str, url: str, slots: int) -> Settings:
    """Those of a command with `--profile small --concurrency SLOTS`, one environment a field."""
    given = {
        "model": {"name": model, "api_base": [url], "max_tokens": 2000},
        "run": {"concurrency": slots},
        "profile": {"name": "small", "subfields": 1, "scenarios": 1},
    }
    return settle([("benchmark", given)])


def baseline(watch: Watch, url: str, slots: int, size: int) -> None:
    """Plain aiohttp, as many at once as there are slots, begun one by one as the scheduler does."""
    ask, numbers = floor(url), iter(range(slots * size))

    async def work() -> None:
        for number in numbers:
            item = Item(STAGE.name, str(number))
            watch.started(item)
            await ask(number)
            watch.finished(Outcome(item, "done"), None)

    async def all_of() -> None:
        await ask(0)  # imports and caches that every client has before its first item
        async with asyncio.TaskGroup() as group:
            for _ in range(slots):
                group.create_task(work())
                await asyncio.sleep(0)

    make_way_for_calls()
    asyncio.run(all_of())


def one_stage(watch: Watch, model: str, url: str, slots: int, size: int, folder: Path) -> None:
    """One question an item, through the scheduler."""
    STAGES[STAGE.name] = STAGE
    with ExitStack() as stack:
        store = stack.enter_context(Store(folder, create=True))
        store.plan([Item(STAGE.name, f"{number:06d}", position=number) for number in range(slots * size)])
        models = Models(settings(model, url, slots), {})
        executor = LocalExecutor(store, RunLedger(store), models.program)
        scheduler = Scheduler(store, executor, [STAGE], SMALL, Limits(concurrency=slots), watchers=[watch])
        models.prepare()
        executor.load([STAGE])
        make_way_for_calls()
        stack.enter_context(models.used())
        asyncio.run(_only(scheduler.run()))


async def _only(run: Coroutine[Any, Any, object]) -> None:
    await run


def all_stages(watch: Watch, model: str, url: str, slots: int, size: int, folder: Path) -> None:
    """`synthtools run` on so many environments."""
    fields = {f"field_{number:03d}": f"Field {number:03d}" for number in range(slots * size)}
    with Store(folder, create=True) as store:
        store.plan(first_items(fields))
        work = Work(tuple(STAGES.values()), settings(model, url, slots), watchers=(watch,))
        summary = drive(store, work, Console(quiet=True))
    assert summary.ending == "finished" and not summary.failed, summary


def cpu_seconds() -> float:
    """Of this process and of all that descend from it, dead or alive (Linux)."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        parents[int(path.parent.name)] = int(fields[1])
        ticks[int(path.parent.name)] = sum(map(int, fields[11:15]))
    total = 0
    for process in parents:
        forebear: int | None = process
        while forebear is not None and forebear != os.getpid():
            forebear = parents.get(forebear)
        total += ticks[process] if forebear is not None else 0
    return total / os.sysconf("SC_CLK_TCK")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """What one client makes of its slots, seen from inside."""
    watch, model = Watch(options.slots), f"{options.client}fixed"
    where = (watch, options.url, options.slots, options.size)
    with tempfile.TemporaryDirectory() as folder:
        run: Callable[[], None]
        if options.client == BASELINE:
            run = lambda: baseline(*where)  # noqa: E731
        else:
            stages = one_stage if options.stages == "one" else all_stages
            run = lambda: stages(watch, model, *where[1:], Path(folder) / "run")  # noqa: E731
        cpu, own = cpu_seconds(), time.process_time()
        run()
        cpu, own = cpu_seconds() - cpu, time.process_time() - own
    return {
        "begun": watch.begun,
        "ended": watch.ended,
        "full": watch.full,
        "late": watch.late,
        "beats": watch.beats,
        "late_with_core": watch.late_with_core,
        "cpu_s": cpu,
        "own_cpu_s": own,
    }


def greedy(latencies: Sequence[float], slots: int) -> float:
    """Seconds that the calls take in this order if whoever is free takes the next."""
    free = [0.0] * slots
    for seconds in latencies:
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)


def measured(client: str, slots: int, size: int, options: argparse.Namespace) -> dict[str, Any]:
    """What one client makes of its slots, beside what its server has drawn."""
    command = [sys.executable, __file__, "--client", client, "--one-of", str(slots), "--size", str(size)]
    command += ["--stages", options.stages]
    sigma, script, served = SIGMA if options.latency == "lognormal" else 0.0, "", Served()
    if options.stages == "all":
        script = "library"
    with running(json.dumps(ANSWER), options.mean, sigma=sigma, script=script, served=served) as url:
        done = subprocess.run([*command, "--url", url], stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    calls = [(came, seconds) for came, seconds in served.calls if came >= found["begun"]]
    latencies = [seconds for _, seconds in calls]
    wall, total = found["ended"] - found["begun"], sum(latencies)
    first, last = found["full"] if len(found["full"]) == 2 else (found["begun"], found["ended"])
    inside = sum(max(0.0, min(last, came + seconds) - max(first, came)) for came, seconds in calls)
    longest = max(range(len(found["late"])), key=found["late"].__getitem__)
    return {
        "slots": slots,
        "calls": len(latencies),
        "wall_s": wall,
        "share": total / slots / wall,
        "steady_s": last - first,
        "steady_share": inside / slots / (last - first),
        "greedy_share": total / slots / greedy(latencies, slots),
        "cpu_ms_a_call": found["cpu_s"] / len(latencies) * 1000,
        "own_cpu_ms_a_call": found["own_cpu_s"] / len(latencies) * 1000,
        "server_cpu_ms_a_call": served.cpu_s / len(latencies) * 1000,
        "longest_stall_ms": found["late"][longest],
        "longest_stall_at_s": found["beats"][longest],
        "longest_stall_with_core_ms": max(found["late_with_core"]),
        "stalls_over_bar": sum(late > STALL_BAR for late in found["late"]),
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stages", choices=("one", "all"), default="one")
    parser.add_argument("--latency", choices=("lognormal", "constant"), default="lognormal")
    parser.add_argument("--mean", type=float, default=1.0, help="seconds of a latency")
    parser.add_argument("--clients", nargs="+", choices=(BASELINE, "direct/", "hosted_vllm/"))
    parser.add_argument("--slots", type=int, nargs="+", help="instead of each client's own")
    parser.add_argument("--size", type=int, help="calls a slot, or environments a slot with all stages")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--client", help=argparse.SUPPRESS)
    parser.add_argument("--one-of", dest="inner_slots", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        options.slots = options.inner_slots
        print(json.dumps(measure(options)))
        return 0
    size = options.size or SIZE[options.stages]
    rows: list[tuple[str, dict[str, Any]]] = []
    head = f"{'':14}{'slots':>6}{'calls':>7}{'wall s':>8}{'of ideal':>10}{'steady s':>10}{'of ideal':>10}{'greedy':>8}"
    head += f"{'CPU ms a call':>15}{'process':>9}{'server':>8}"
    print(f"{head}{'longest stall ms':>18}{'at s':>6}{'over 50':>9}{'with a core':>13}")
    for client, usual in SLOTS[options.stages].items():
        if options.clients and client not in options.clients:
            continue
        for slots in options.slots or usual:
            found = measured(client, slots, size, options)
            rows.append((client, found))
            print(
                f"{client:14}{found['slots']:6}{found['calls']:7}{found['wall_s']:8.1f}{found['share']:10.1%}"
                f"{found['steady_s']:10.1f}{found['steady_share']:10.1%}{found['greedy_share']:8.1%}"
                f"{found['cpu_ms_a_call']:15.2f}{found['own_cpu_ms_a_call']:9.2f}{found['server_cpu_ms_a_call']:8.2f}"
                f"{found['longest_stall_ms']:18.1f}{found['longest_stall_at_s']:6.1f}{found['stalls_over_bar']:9}"
                f"{found['longest_stall_with_core_ms']:13.1f}",
                flush=True,
            )
    ours = [found for client, found in rows if client != BASELINE]
    if options.stages == "one":
        held = all(found["share"] >= BAR * found["greedy_share"] for found in ours)
    else:
        held = all(found["steady_share"] >= BAR for found in ours)
    steady = all(found["longest_stall_ms"] <= STALL_BAR for found in ours)
    print(f"bar {BAR:.0%} of the ideal: {'held' if held else 'NOT held'}")
    print(f"bar {STALL_BAR:.0f} ms of stall: {'held' if steady else 'NOT held'}")
    if options.json:
        report = {"bar": BAR, "held": held, "stall_bar_ms": STALL_BAR, "steady": steady, "results": rows}
        options.json.write_text(json.dumps(report, indent=1))
    return 0 if held and steady else 1


if __name__ == "__main__":
    sys.exit(main())
