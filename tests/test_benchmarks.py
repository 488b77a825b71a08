"""Benchmarks are run by hand: that each still fits the package is seen here."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "benchmarks"


def test_every_benchmark_still_imports() -> None:
    names = sorted(path.stem for path in FOLDER.glob("*.py"))
    assert "saturation" in names
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(f"import {name}" for name in names)],
        cwd=FOLDER,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
