"""The environment of each peer, pinned to the version, and one measurement in it. Standard library only."""

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PEERS = {
    "pydantic-ai": "ask_pydantic_ai.py",
    "curator": "ask_curator.py",
    "data-designer": "ask_data_designer.py",
}
"""What asks, by peer; `NAME.txt` beside it has the versions."""


class CannotBeInstalled(Exception):
    """A peer's packages are not to be had on this machine."""


def made(folder: Path, peer: str) -> Path:
    """The Python of a peer's environment, which is made unless it is there. Raises: CannotBeInstalled."""
    environment, requirements = folder / peer, HERE / f"{peer}.txt"
    python, stamp = environment / "bin" / "python", environment / ".installed"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted:
        print(f"installing {peer} in {environment}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
        install = ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", requirements]
        done = subprocess.run([python, "-m", "pip", *install], stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise CannotBeInstalled(next(reversed(done.stderr.strip().splitlines()), "pip failed"))
        stamp.write_text(wanted)
    return python


def measured(python: Path, peer: str, question: dict[str, Any]) -> dict[str, float]:
    """Milliseconds a call of a peer, in a process of its own. Raises: RuntimeError with what it said."""
    with tempfile.TemporaryDirectory(prefix="synthtools-peer-") as folder:
        told = json.dumps({**question, "folder": folder})
        done = subprocess.run(
            [python, HERE / PEERS[peer]], input=told, capture_output=True, text=True, encoding="utf-8", check=False
        )
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise RuntimeError(f"{peer} failed: {done.stderr.strip()[-2000:]}")
    return json.loads(lines[-1])
