"""Kills a run at random moments, resumes it, and sees whether anybody could tell: `python -m tests.e2e.soak`.

A run of every stage works as a process of its own on a scripted server, whose answers depend on the request alone. A
moment after a request arrives, both drawn by chance, the process gets SIGKILL; `status --check` looks at what it left,
and the run is resumed, until it ends. Then it must be what an undisturbed run is, in ids, contents and files, and may
have asked again only what was in flight at the kills. Processes are forked from one that has the imports done.
"""

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import NamedTuple

import orjson

from synthtools.backends.scripted import script_named
from synthtools.backends.scripted_server import serve
from tests.cli.shared import invoke
from tests.e2e.shared import SMALL

KILLS_A_RUN = 10
"""On average, until a run comes to its end."""
CONCURRENCY = (4, 1, 32)
"""Calls in flight, one run after another."""
LATENCY = 0.002
"""Seconds of an answer: what is in flight is then really on its way."""
LATER = 0.05
"""Most seconds from the request to the kill, so that code, commits and files are hit as well."""

_PRELOADED = ["synthtools.cli.actions.pipeline", "synthtools.runs.driver", "dspy", "tests.cli.shared"]


class Broken(AssertionError):
    """A promise that a killed run did not keep."""


class Killer:
    """Kills a process a moment after the request that was drawn; told of requests by the server."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None
        self._at = -1

    def aim(self, process: BaseProcess, at: int, later: float) -> None:
        """Takes aim. `at`: number of the request; `later`: seconds after it."""
        self._at, self._timer = at, threading.Timer(later, process.kill)

    def __call__(self, number: int) -> None:
        """A request has come; none meets a fault."""
        if number == self._at and self._timer is not None:
            self._timer.start()

    def rest(self) -> None:
        """Gives up the aim; nothing is killed after this."""
        self._at = -1
        if self._timer is not None and self._timer.ident is not None:
            self._timer.join()


class Made(NamedTuple):
    """What a finished run is."""

    hashes: Mapping[str, str]
    """SHA-256 over ids and contents, by stage."""
    files: Mapping[str, bytes]
    """The files of the corpus, by name."""


class Soak:
    """Runs on one server: an undisturbed one, and others that are killed."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._folder = folder
        self._chance = chance
        self._killer = Killer()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(_PRELOADED)

    def kill(self, kills: int) -> None:
        """Kills so often, in as many runs as that takes. Raises: Broken."""
        with serve(script_named("library"), latency=LATENCY, faults=self._killer) as self._server:
            self._work(self._folder / "undisturbed", CONCURRENCY[0])
            whole, requests = made(self._folder / "undisturbed"), len(self._server.requests)
            print(f"undisturbed: {requests} requests, {sum(len(rows(file)) for file in whole.files.values())} rows")
            runs = 0
            while kills > 0:
                runs += 1
                kills -= self._one(f"killed-{runs}", CONCURRENCY[runs % len(CONCURRENCY)], kills, whole, requests)

    def _one(self, name: str, concurrency: int, kills: int, whole: Made, requests: int) -> int:
        """One run with so many kills at most. Returns how many there were."""
        folder, before = self._folder / name, len(self._server.requests)
        killed: list[int] = []
        while len(killed) < kills:
            after = 1 + self._chance.randrange(2 * requests // KILLS_A_RUN)
            if not self._work(folder, concurrency, after):
                break
            killed.append(len(self._server.requests) - before)
            status(folder)
        else:
            self._work(folder, concurrency)
        found, used = made(folder), len(self._server.requests) - before
        print(f"{name}: {concurrency} at once, killed after {killed} requests; {used - requests} were made again")
        if found.hashes != whole.hashes:
            raise Broken(f"{folder}: other records than without the kills: {differing(found.hashes, whole.hashes)}")
        if found.files != whole.files:
            raise Broken(f"{folder}: other files than without the kills: {differing(found.files, whole.files)}")
        for file, content in found.files.items():
            if len(rows(content)) != len(set(rows(content))):
                raise Broken(f"{folder}/{file}: a row is there twice")
        if not requests <= used <= requests + len(killed) * concurrency:
            raise Broken(f"{folder}: {used} requests instead of {requests}, after {len(killed)} kills")
        return len(killed)

    def _work(self, folder: Path, concurrency: int, kill_after: int | None = None) -> bool:
        """Begins or resumes a run in a process of its own. Returns whether that was killed."""
        arguments = ["run", "--run", str(folder), "--concurrency", str(concurrency)]
        if not folder.exists():
            arguments += ["--field", "Bicycle rental", *SMALL]
            arguments += ["--model", "direct/library", "--api-base", self._server.url]
        log = folder.with_suffix(".log")
        process = self._context.Process(target=command, args=(arguments, log))
        if kill_after is not None:
            self._killer.aim(process, len(self._server.requests) + kill_after - 1, self._chance.uniform(0, LATER))
        process.start()
        process.join()
        self._killer.rest()
        self._server.idle.wait()
        if process.exitcode == -signal.SIGKILL and kill_after is not None:
            return True
        if process.exitcode != 0:
            raise Broken(f"synthtools {' '.join(arguments)} ended with {process.exitcode}; {log}: {log.read_text()}")
        return False


def command(arguments: Sequence[str], log: Path) -> None:
    """`synthtools ...`, in the process that was begun for it; what it says goes to the log."""
    from synthtools.cli import app

    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    app(list(arguments))


def status(folder: Path) -> dict[str, dict[str, object]]:
    """The stages in the status of a run. Raises: Broken where something in it is damaged."""
    result = invoke("status", "--run", folder, "--check", "--json")
    if result.exit_code:
        raise Broken(f"status --check of {folder} ended with {result.exit_code}: {result.stderr}")
    found = orjson.loads(result.stdout)
    if found["damage"]:
        raise Broken(f"{folder}: {found['damage']}")
    return found["stages"]


def made(folder: Path) -> Made:
    """What a finished run is. Raises: Broken where something is left to do, or damaged."""
    stages = status(folder)
    if left := [name for name, stage in stages.items() if stage["left"] or stage["failed"]]:
        raise Broken(f"{folder}: not everything is done in {', '.join(left)}")
    files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.jsonl"))}
    return Made({name: str(stage["ids_sha256"]) for name, stage in stages.items()}, files)


def rows(content: bytes) -> list[bytes]:
    """The rows of a file."""
    return content.splitlines()


def differing(one: Mapping[str, object], other: Mapping[str, object]) -> str:
    """The names under which two mappings differ."""
    return ", ".join(sorted(name for name in {*one, *other} if one.get(name) != other.get(name)))


def main() -> int:
    """Prints a line a run. Returns the exit code: 1 where a promise was broken, and the runs are then kept."""
    parser = argparse.ArgumentParser(description="Kills runs at random moments, and resumes them.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="draws the same moments again")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="synthtools-soak-"))
    print(f"{options.kills} kills, --seed {options.seed}, in {folder}", flush=True)
    try:
        Soak(folder, random.Random(options.seed)).kill(options.kills)
    except Broken as error:
        print(f"broken: {error}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    print("every run came to the same end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
