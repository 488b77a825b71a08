"""A process that works on a run with fake programs, logs each paid call, and kills itself at one of them."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from synthtools.runs.executors import LocalExecutor
from synthtools.runs.journal import RunLedger
from synthtools.runs.scheduler import Limits, Scheduler
from synthtools.runs.stages import STAGES, first_items
from synthtools.runs.store import Store
from synthtools.types import SMALL
from tests.runs.fake_programs import FakeModel, fake_programs

PROFILE = SMALL.model_copy(update={"subfields": 2, "scenarios": 2})


def main(folder: str, log: str, concurrency: int, killed_at: int) -> None:
    model = FakeModel()
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def on_call(key: str) -> None:
        os.write(file, f"{key}\n".encode())
        if len(model.asked) == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)

    model.on_call = on_call
    with Store(Path(folder), create=True) as store:
        store.plan(first_items({"bikes": "Bikes"}))
        executor = LocalExecutor(store, RunLedger(store), fake_programs(model))
        asyncio.run(Scheduler(store, executor, tuple(STAGES.values()), PROFILE, Limits(concurrency=concurrency)).run())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
