"""What a peer is asked and how its work is timed: the same prompts, schema and answer as our own clients get.

Standard library and pydantic only: it is imported in the environment of each peer.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

# Nothing of a benchmark leaves the machine. Read at the imports that follow this one.
os.environ.update(
    {
        "OPENAI_API_KEY": "none",
        "HF_HUB_OFFLINE": "1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "NEMO_TELEMETRY_ENABLED": "false",
        "TELEMETRY_ENABLED": "false",
        "TQDM_DISABLE": "1",
    }
)


class Verdict(BaseModel):
    """What the server answers."""

    missing_calls: list[str]
    extra_calls: list[str]
    reason: str
    goal_reached: bool


@dataclass(frozen=True)
class Question:
    """Read from standard input, as JSON."""

    url: str
    in_flight: int
    warm_up: int
    """How many of the prompts are asked before the clock starts."""
    system: str
    prompts: list[str]
    folder: str
    """For what a peer writes; new and empty."""

    @classmethod
    def read(cls) -> "Question":
        question = cls(**json.load(sys.stdin))
        os.chdir(Path(question.folder))
        return question


def cpu_seconds() -> float:
    """Of this process and of the children that it has waited for, threads included."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def report(question: Question, answered: Callable[[list[str]], Sequence[Verdict]]) -> None:
    """Asks and prints the milliseconds of a call. Raises: RuntimeError where answers are missing or wrong."""
    answered(question.prompts[: question.warm_up])
    prompts = question.prompts[question.warm_up :]
    cpu, wall = cpu_seconds(), time.perf_counter()
    verdicts = answered(prompts)
    cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    right = sum(bool(verdict.missing_calls) and not verdict.goal_reached for verdict in verdicts)
    if right != len(prompts):
        raise RuntimeError(f"{right} right answers to {len(prompts)} prompts")
    print(json.dumps({"cpu_ms": cpu * 1000 / len(prompts), "wall_ms": wall * 1000 / len(prompts)}))
