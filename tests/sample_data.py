"""Where the sample data of the older versions is, for the tests that read it."""

import os
from pathlib import Path

import pytest

_FOLDER = Path(os.environ.get("SYNTHTOOLS_SAMPLE_DATA") or Path(__file__).parents[1] / ".." / "shared" / "data")


def sample(name: str) -> Path:
    """The path of a sample file; skips the test where there is none."""
    path = _FOLDER / name
    if not path.is_file():
        pytest.skip(f"no sample data: {name} is not in {_FOLDER} (set SYNTHTOOLS_SAMPLE_DATA)")
    return path
