"""Runs whose process is killed (SIGKILL) in the middle of a paid call, and resumed."""

import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from synthtools.runs.reader import StoreReader
from synthtools.runs.stages import STAGES, UNHASHED

pytestmark = pytest.mark.slow  # processes are killed and started again

_NEVER = -1


def work(folder: Path, log: Path, concurrency: int, killed_at: int = _NEVER) -> int:
    command = [sys.executable, "-m", "tests.runs.killed_run", str(folder), str(log), str(concurrency), str(killed_at)]
    return subprocess.run(command, check=False, cwd=Path(__file__).parents[2]).returncode


def hashes(folder: Path) -> dict[str, str]:
    reader = StoreReader(folder)
    try:
        assert list(reader.damage(UNHASHED)) == []
        return {stage: reader.ids_sha256(stage) for stage in STAGES}
    finally:
        reader.close()


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_killed_run_ends_the_same_and_repeats_only_the_calls_that_were_in_flight(
    tmp_path: Path, concurrency: int
) -> None:
    assert work(tmp_path / "whole", tmp_path / "whole.log", concurrency) == 0
    undisturbed = (tmp_path / "whole.log").read_text().splitlines()
    assert len(undisturbed) == len(set(undisturbed)) == 78

    chance = random.Random(concurrency)
    kills = 0
    while work(tmp_path / "killed", tmp_path / "killed.log", concurrency, chance.randint(5, 25)) != 0:
        kills += 1
    asked = Counter((tmp_path / "killed.log").read_text().splitlines())
    assert kills >= 3
    assert set(asked) == set(undisturbed)
    assert asked.total() <= len(undisturbed) + kills * concurrency
    assert hashes(tmp_path / "killed") == hashes(tmp_path / "whole")


def test_a_killed_process_leaves_no_lock_behind(tmp_path: Path) -> None:
    assert work(tmp_path / "run", tmp_path / "log", 1, killed_at=3) == -signal.SIGKILL
    assert work(tmp_path / "run", tmp_path / "log", 1) == 0
