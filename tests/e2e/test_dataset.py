"""Tasks of a file that somebody else made: their worlds are served by a model, and every one is rolled out."""

from pathlib import Path

import pytest

from synthtools.backends.scripted_server import serve
from synthtools.runs.run import open_run
from tests.cli.shared import invoke
from tests.sample_data import sample


@pytest.mark.parametrize("script", ["schema", "library"])
def test_the_sample_tasks_are_rolled_out(script: str, tmp_path: Path) -> None:
    from synthtools.backends.scripted import script_named

    with serve(script_named(script)) as server:
        model = ("--model", "openai/any", "--api-base", server.url, "--profile", "small")
        dataset = ("--dataset", sample("v2_tasks_sample.jsonl"), "--out", tmp_path / "out")
        result = invoke("trajectory-generation", *dataset, *model)
        assert result.exit_code == 0, result.stderr
        asked = len(server.requests)
        assert invoke("trajectory-generation", *dataset, *model).exit_code == 0
        assert len(server.requests) == asked
    with open_run(tmp_path / "out") as run:
        rollouts = list(run.trajectories())
        stage = run.status().stages["trajectory-generation"]
    assert (stage.done, stage.failed, stage.left) == (3, 0, 0)
    assert all(rollout.verdict is not None for rollout in rollouts)
    assert any(rollout.calls for rollout in rollouts)
