"""Every stage against a server whose answers fit the schemas and make no sense: every item ends, with a reason."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from synthtools.backends.scripted_server import ScriptedServer, serve
from synthtools.runs.reader import StoreReader
from synthtools.runs.stages import VERBS as STAGES_OF
from tests.cli.shared import invoke
from tests.e2e.shared import SMALL, VERBS


@pytest.fixture(scope="module")
def nonsense() -> Iterator[ScriptedServer]:
    with serve() as server:
        yield server


@pytest.fixture(scope="module")
def sensible(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By verb: a run in which everything before it is done and good."""
    folder = tmp_path_factory.mktemp("sensible")
    before: dict[str, Path] = {}
    run = folder / "run"
    for verb in VERBS:
        if verb != VERBS[0]:
            before[verb] = folder / verb
            shutil.copytree(run, before[verb])
        fields = ("--field", "Bicycle rental", "--model", "scripted/library", *SMALL) if verb == VERBS[0] else ()
        assert invoke(verb, "--run", run, *fields).exit_code == 0
    return before


@pytest.mark.parametrize("verb", VERBS)
def test_a_stage_ends_whatever_the_model_says(
    verb: str, sensible: dict[str, Path], nonsense: ScriptedServer, tmp_path: Path
) -> None:
    run = sensible.get(verb, tmp_path / "run")
    fields = ("--field", "Bicycle rental", *SMALL) if verb == VERBS[0] else ("--accept-changes",)
    asked = len(nonsense.requests)
    result = invoke(verb, "--run", run, "--model", "openai/any", "--api-base", nonsense.url, *fields)
    assert result.exit_code in (0, 1), result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert len(nonsense.requests) > asked
    store = StoreReader(run)
    try:
        stage = STAGES_OF[verb][-1].name
        assert store.count(stage, ("todo",)) == 0
        assert store.count(stage, ("done", "dropped", "failed")) > 0
        for status in ("dropped", "failed"):
            assert all(item.reason for item in store.each(stage, status))
        assert (result.exit_code == 1) == (store.count(stage, ("failed",)) > 0)
    finally:
        store.close()
