"""Runs made with fake programs, for tests of what commands print."""

import asyncio
from pathlib import Path

from typer.testing import CliRunner, Result

from synthtools.cli import app
from synthtools.runs.executors import LocalExecutor
from synthtools.runs.journal import RunLedger
from synthtools.runs.scheduler import Limits, Scheduler
from synthtools.runs.stages import STAGES, first_items
from synthtools.runs.store import Store
from synthtools.types import SMALL
from tests.runs.fake_programs import Fail, FakeModel, fake_programs

PROFILE = SMALL.model_copy(update={"subfields": 2, "scenarios": 2})


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def error_of(result: Result) -> str:
    """The one line on stderr."""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


def fake_run(folder: Path, fail: Fail = lambda stage, item, what: None) -> Path:
    with Store(folder, create=True) as store:
        store.plan(first_items({"bikes": "Bikes"}))
        executor = LocalExecutor(store, RunLedger(store), fake_programs(FakeModel(fail)))
        asyncio.run(Scheduler(store, executor, tuple(STAGES.values()), PROFILE, Limits(concurrency=4)).run())
    return folder
