"""Commands as a user gives them, in processes of their own or in this one, and what a run then is."""

import subprocess
import sys
from pathlib import Path

from synthtools.runs.run import open_run

VERBS = ("env-generation", "env-audit", "task-sequences", "task-generation", "task-audit", "trajectory-generation")
SMALL = ("--profile", "small", "--set", "profile.subfields=1", "--set", "profile.scenarios=2")
"""One field, two environments."""


def command(*arguments: str | Path) -> list[str]:
    """The command line of `synthtools ...` in a process of its own."""
    return [sys.executable, "-c", "from synthtools.cli import app; app()", *map(str, arguments)]


def finished(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False, timeout=300)


def hashes(folder: Path) -> dict[str, str]:
    with open_run(folder) as run:
        return {name: stage.ids_sha256 for name, stage in run.status().stages.items()}
