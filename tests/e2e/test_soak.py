"""Runs whose process is killed at random moments, ten times; `make soak` does it a hundred times."""

import random
from pathlib import Path

import pytest

from tests.e2e.soak import Soak


@pytest.mark.slow
def test_runs_that_are_killed_at_random_moments_come_to_the_same_end(tmp_path: Path) -> None:
    Soak(tmp_path, random.Random(2026)).kill(10)
