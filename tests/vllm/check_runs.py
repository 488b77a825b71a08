"""Runs on two real vLLM servers, one of which is killed in the middle of one.

The model's weights are random: what it writes fits the schemas and means nothing. What is looked at is that every item
ends, none is lost, both servers work, and prompts come from their prefix caches.
"""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from synthtools.runs.run import open_run
from tests.e2e.shared import command, finished

SERVERS: list[dict[str, Any]] = json.loads(os.environ["SYNTHTOOLS_VLLM_SERVERS"])
ADDRESSES = [server["address"] for server in SERVERS]
SMALL = ("--profile", "small", "--max-tokens", "160", "--concurrency", "16")
SERVED = ("--model", "direct/tiny", *(part for address in ADDRESSES for part in ("--api-base", address)))
ROLLOUTS = 8
"""Rollouts of each task."""
BEFORE_THE_KILL = 16
"""Answers that both servers have given together."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tasks of the scripted stand-in."""
    run = tmp_path_factory.mktemp("tasks") / "run"
    two = ("--profile", "small", "--set", "profile.subfields=1", "--set", "profile.scenarios=2")
    done = finished("run", "--run", run, "--field", "Community libraries", "--model", "scripted/library", *two)
    assert done.returncode == 0, done.stderr
    return run / "task_content.jsonl"


def answers(run: Path) -> Counter[str]:
    """Calls that were answered, by server."""
    database = run / "run.sqlite"
    if not database.is_file():
        return Counter()
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        try:
            rows = connection.execute("SELECT replica, count(*) FROM ledger WHERE replica <> '' GROUP BY replica")
            return Counter(dict(rows.fetchall()))
        except sqlite3.OperationalError:
            return Counter()  # not made yet


def counters() -> Counter[str]:
    """The servers' prefix caches, added up: tokens looked for and tokens found."""
    found: Counter[str] = Counter()
    for address in ADDRESSES:
        with urllib.request.urlopen(address.removesuffix("/v1") + "/metrics", timeout=10) as answer:
            text = answer.read().decode()
        for name, value in re.findall(r"^vllm:prefix_cache_(queries|hits)_total\{[^}]*\} (\S+)$", text, re.MULTILINE):
            found[name] += int(float(value))
    return found


def test_a_whole_run_ends_with_every_item_accounted_for(tmp_path: Path) -> None:
    fields = ("--field", "Community libraries", "--field", "Bicycle rental")
    done = finished("run", "--run", tmp_path / "run", *fields, *SERVED, *SMALL)
    assert done.returncode in (0, 1), done.stderr
    with open_run(tmp_path / "run") as run:
        status = run.status()
    assert status.stages["subfields"].done == 2
    assert all(stage.left == 0 for stage in status.stages.values())
    assert sum(stage.done + stage.dropped + stage.failed for stage in status.stages.values()) > 2
    assert "provider" not in status.failures
    assert set(answers(tmp_path / "run")) == set(ADDRESSES)


def test_rollouts_are_shared_out_and_most_of_their_prompts_are_cached(dataset: Path, tmp_path: Path) -> None:
    before = counters()
    done = finished("trajectory-generation", "--dataset", dataset, "--out", tmp_path / "out", "--samples", "4",
                    "--max-turns", "3", *SERVED, *SMALL)  # fmt: skip
    assert done.returncode == 0, done.stderr
    after = counters()
    share = (after["hits"] - before["hits"]) / (after["queries"] - before["queries"])
    with open_run(tmp_path / "out") as run:
        usage = run.status().usage
    print(f"cached share of the servers' prompt tokens: {share:.2f}; as told in their answers: "
          f"{usage.cached_tokens / usage.prompt_tokens:.2f}; calls {dict(answers(tmp_path / 'out'))}")  # fmt: skip
    assert set(answers(tmp_path / "out")) == set(ADDRESSES)
    assert share > 0.5
    assert usage.cached_tokens > usage.prompt_tokens / 2


def test_a_run_whose_server_is_killed_loses_nothing(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ("trajectory-generation", "--dataset", dataset, "--out", out, "--samples", str(ROLLOUTS),
                 "--max-turns", "3", *SERVED, *SMALL)  # fmt: skip
    with subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while process.poll() is None and not (len(seen := answers(out)) == 2 and seen.total() >= BEFORE_THE_KILL):
            time.sleep(0.05)
        assert process.poll() is None, "the run ended before the server could be killed"
        os.killpg(SERVERS[1]["pid"], signal.SIGKILL)
        _, told = process.communicate(timeout=300)
    assert process.returncode == 0, told.decode()
    with open_run(out) as run:
        stage = run.status().stages["trajectory-generation"]
    tasks = len(dataset.read_bytes().splitlines())
    assert (stage.done, stage.dropped, stage.failed, stage.left) == (tasks * ROLLOUTS, 0, 0, 0)
    print(f"{tasks * ROLLOUTS} rollouts, one of two servers killed after {seen.total()} answers: "
          f"{dict(answers(out))}", file=sys.stdout)  # fmt: skip
