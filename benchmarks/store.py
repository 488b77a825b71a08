"""The store of a run at the size of the reference corpus: how fast it is written, resumed, looked at and exported.

`python benchmarks/store.py [--tasks N] [--folder DIR [--parts build export ...]] [--json FILE]`. Makes a run of N tasks
(80,000) with the records, ledger and recorded calls that come with them (`many_tasks.py`), and leaves something to do
in every stage. Each figure is from a process of its own. In a folder that is kept, parts may be measured one after
another: the run is left as it was built, and the figures add up. Bars: 5 s from `--run` to the first model call,
imports apart; 500 MB of memory for the process that resumes, for as long as it works (its second half no more than a
tenth over its first), and for the export; a minute for `status --check`; a command that finds nothing to do takes less
than a fifth of what writing the corpus does, in CPU. Grouped commits are held against one commit a record, the same
records in the same process.
"""

import argparse
import importlib
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from many_tasks import COMMAND, TASKS, ManyTasks, add_calls, make_source

FIRST_CALL = 5.0
"""Seconds."""
MEMORY = 500.0
"""MB."""
CHECK = 60.0
"""Seconds of `status --check`."""
IDLE = 0.2
"""Most CPU of a command that finds nothing to do, over that of writing the corpus."""
GROWTH = 1.1
"""Most memory of a long run's second half over that of its first."""
LONG = 2000
"""Calls of a run that is long: until then caches fill."""
COMPARED = 3000
"""Records of the comparison with one commit each."""
SAMPLED = 0.2
"""Seconds between two looks at the memory."""


def memory() -> float:
    """MB that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def peak() -> float:
    """Most MB that this process held."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1.024 / 1e3


def build(source: Path, folder: Path, tasks: int) -> dict[str, float]:
    """Makes the run, and the comparison with one commit a record."""
    from synthtools.runs.reader import StoreReader
    from synthtools.runs.store import Store

    environments = max(8, round(tasks / TASKS) + 2)
    reader = StoreReader(source)
    many = ManyTasks(reader, environments)
    prepared = list(islice(many.outcomes(), COMPARED))
    with Store(folder / "compared", create=True) as store:
        started = time.perf_counter()
        store.put_all(prepared)
        grouped = len(prepared) / (time.perf_counter() - started)
    naive = sqlite3.connect(folder / "naive.sqlite", isolation_level=None)
    naive.execute("CREATE TABLE records (stage TEXT, id TEXT, hash TEXT, body BLOB, PRIMARY KEY (stage, id))")
    started = time.perf_counter()
    for outcome in prepared:
        row = (*outcome.item.key, outcome.hash, zlib.compress(outcome.payload, 1))
        naive.execute("INSERT INTO records VALUES (?, ?, ?, ?)", row)
    one_by_one = len(prepared) / (time.perf_counter() - started)
    naive.close()
    run = folder / "run"
    with Store(run, create=True) as store:
        for key, value in reader.rows("SELECT key, value FROM meta"):
            store.set_meta(str(key), str(value))
        started = time.perf_counter()
        count = store.put_all(many.outcomes())
        seconds = time.perf_counter() - started
        add_calls(store, environments)
        found = {f"{stage}_{status}": n for stage, of in store.counts().items() for status, n in of.items()}
        calls = int(str(store.rows("SELECT count(*) FROM ledger")[0][0]))
    shutil.copy(source / "config.toml", run / "config.toml")
    size = sum(file.stat().st_size for file in run.iterdir()) / 1e6
    return {
        "environments": environments,
        "tasks": found["task-audit_done"],
        "rollouts": found["trajectory-generation_done"],
        "left": sum(number for name, number in found.items() if name.endswith("_todo")),
        "ledger_rows": calls,
        "outcomes": count,
        "outcomes_per_s": count / seconds,
        "grouped_per_s": grouped,
        "one_commit_each_per_s": one_by_one,
        "disk_mb": size,
    }


def resume(folder: Path) -> dict[str, float]:
    """Goes on with the run until nothing is left; every model call is a look at the memory."""
    begun = time.monotonic()
    import typer

    importlib.import_module("synthtools.backends.adapter")
    from synthtools.backends.library.roles import ROLES
    from synthtools.backends.scripted import Script, register_script
    from synthtools.cli import app
    from synthtools.types.record import JsonObject

    called: list[tuple[float, float, float]] = []

    class Watched(Script):
        def completion(self, body: JsonObject) -> JsonObject:
            called.append((time.monotonic(), memory(), time.process_time()))
            return super().completion(body)

    register_script("library", Watched(ROLES, otherwise=None))
    imported = time.monotonic()
    before, spent = memory(), time.process_time()
    try:
        app(["run", "--run", str(folder), "--concurrency", "8"], standalone_mode=False)
        code = 0
    except (typer.Exit, SystemExit) as ended:
        code = getattr(ended, "exit_code", getattr(ended, "code", 1))
    ended = time.monotonic()
    half = called[0][0] + (called[-1][0] - called[0][0]) / 2
    return {
        "exit_code": code,
        "imports_s": imported - begun,
        "first_call_s": called[0][0] - imported,
        "first_call_cpu_s": called[0][2] - spent,
        "calls": len(called),
        "work_s": called[-1][0] - called[0][0],
        "after_last_call_s": ended - called[-1][0],
        "imported_mb": before,
        "first_call_mb": called[0][1],
        "first_half_mb": max(mb for at, mb, _ in called if at <= half),
        "second_half_mb": max(mb for at, mb, _ in called if at > half),
        "peak_mb": peak(),
    }


def export(folder: Path) -> dict[str, float]:
    """Writes the corpus of the run."""
    from synthtools.exports.task_content import write_corpus
    from synthtools.runs.run import open_run

    looks: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(SAMPLED):
            looks.append(memory())

    watching = threading.Thread(target=watch)
    watching.start()
    before, started, spent = memory(), time.perf_counter(), time.process_time()
    with open_run(folder) as run:
        files = write_corpus(run.tasks(), folder.parent / "corpus")
    seconds = time.perf_counter() - started
    over.set()
    watching.join()
    half = max(1, len(looks) // 2)
    return {
        "tasks": files.tasks,
        "seconds": seconds,
        "cpu_s": time.process_time() - spent,
        "tasks_per_s": files.tasks / seconds,
        "before_mb": before,
        "first_half_mb": max(looks[:half], default=before),
        "second_half_mb": max(looks[half:], default=before),
        "peak_mb": peak(),
        "disk_mb": files.content.stat().st_size / 1e6,
    }


CHILDREN: dict[str, Callable[..., dict[str, float]]] = {"build": build, "resume": resume, "export": export}


def child(name: str, *arguments: object) -> dict[str, float]:
    """What one of the functions above gives in a process of its own."""
    command = [sys.executable, __file__, "--child", json.dumps([name, *map(str, arguments)])]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def timed(*arguments: str) -> dict[str, float]:
    """Seconds, seconds of CPU and peak memory of a command."""
    started = time.perf_counter()
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}")
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "cpu_s": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss / 1e3}


def again(folder: Path) -> dict[str, float]:
    """A command that finds nothing to do."""
    return timed("run", "--run", str(folder), "--concurrency", "8")


def resumed(folder: Path) -> dict[str, float]:
    """Goes on with a copy of the run, so that another measurement finds it as it was."""
    shutil.rmtree(folder / "resumed", ignore_errors=True)
    shutil.copytree(folder / "run", folder / "resumed")
    return child("resume", folder / "resumed")


def built(folder: Path, tasks: int) -> dict[str, float]:
    """Makes the run."""
    make_source(folder / "source")
    return child("build", folder / "source", folder, tasks)


PARTS: dict[str, Callable[[Path, int], dict[str, float]]] = {
    "build": built,
    "help": lambda folder, tasks: timed("--help"),
    "status": lambda folder, tasks: timed("status", "--run", str(folder / "run")),
    "status --cost": lambda folder, tasks: timed("status", "--run", str(folder / "run"), "--cost"),
    "status --check": lambda folder, tasks: timed("status", "--run", str(folder / "run"), "--check"),
    "export": lambda folder, tasks: child("export", folder / "run"),
    "resume": lambda folder, tasks: resumed(folder),
    "nothing to do": lambda folder, tasks: again(folder / "resumed"),
}


def measure(tasks: int, folder: Path, parts: list[str]) -> dict[str, dict[str, float]]:
    """The figures of some parts, with those that were measured in the folder before."""
    kept = folder / "figures.json"
    found: dict[str, dict[str, float]] = json.loads(kept.read_text()) if kept.exists() else {}
    for part in parts:
        found[part] = PARTS[part](folder, tasks)
        kept.write_text(json.dumps(found))
    return found


def bars(found: dict[str, dict[str, float]]) -> dict[str, bool]:
    """Which bars are held, of the parts that were measured."""
    held: dict[str, bool] = {}
    if built := found.get("build"):
        held["grouped commits faster than one each"] = built["grouped_per_s"] > built["one_commit_each_per_s"]
    if checked := found.get("status --check"):
        held[f"check within {CHECK:.0f} s"] = checked["seconds"] <= CHECK
    if exported := found.get("export"):
        held[f"export within {MEMORY:.0f} MB"] = exported["peak_mb"] <= MEMORY
        held["export flat"] = exported["second_half_mb"] <= GROWTH * exported["first_half_mb"]
    if resumed := found.get("resume"):
        held[f"first call within {FIRST_CALL:.0f} s"] = resumed["first_call_s"] <= FIRST_CALL
        held[f"resumed process within {MEMORY:.0f} MB"] = resumed["peak_mb"] <= MEMORY
        if resumed["calls"] >= LONG:
            held["long run flat"] = resumed["second_half_mb"] <= GROWTH * resumed["first_half_mb"]
    if exported and (idle := found.get("nothing to do")) and exported["tasks"] >= 10 * LONG:
        held["nothing is written again"] = idle["cpu_s"] <= IDLE * exported["cpu_s"]
    return held


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=80_000)
    parser.add_argument("--folder", type=Path, help="where the run is made and left; by default it is removed")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=[*PARTS], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, *arguments = json.loads(options.child)
        values: list[Any] = [int(value) if value.isdigit() else Path(value) for value in arguments]
        print(json.dumps(CHILDREN[name](*values)))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        found = measure(options.tasks, folder, options.parts)
    for part, figures in found.items():
        for name, value in figures.items():
            print(f"{part:16}{name:24}{value:14,.1f}")
    held = bars(found)
    for bar, is_held in held.items():
        print(f"{bar}: {'held' if is_held else 'NOT held'}")
    if options.json:
        options.json.write_text(json.dumps({"bars": held, "results": found}, indent=1))
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
