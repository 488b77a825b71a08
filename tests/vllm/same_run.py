"""The same run on every backend: `python -m tests.vllm.same_run [--weights NAME] [--whole] [--only PREFIX]...`.

One set of trained weights, as a GGUF file for `embedded/` and as plain ones for vLLM: in this process, and by two
servers that LiteLLM and our own client reach. The commands differ in the model string and its addresses alone. The run
is rollouts of the scripted stand-in's tasks, or with `--whole` every stage for one field. It is complete when the
command ends with 0 and every item is done, or dropped for its quality; what each backend made is shown side by side.
The servers and the engine in the process load the same weights; embedded/ has them in their quantised form.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from synthtools.runs.run import Run, open_run
from tests.e2e.shared import command
from tests.vllm.environment import PROJECT
from tests.vllm.models import made
from tests.vllm.servers import ENVIRONMENT, serving

MODELS = PROJECT / ".venv-vllm" / "models"
FIELD = ("--field", "Community libraries")
SMALL = ("--profile", "small", "--seed", "7", "--set", "profile.subfields=1", "--set", "profile.scenarios=1")
LEAST_RIGHT = 0.25
"""Share of the expected calls that trained weights make: those of half a billion parameters half of them."""
LIMIT_SECONDS = 1200
ON_CPUS = {
    **{name: value for name, value in ENVIRONMENT.items() if name.startswith(("HF_", "VLLM_"))},
    "OMP_NUM_THREADS": "1",
    "GOMP_SPINCOUNT": "0",  # whoever waits leaves the core to the others
}
"""What vLLM is told on this kind of machine, so that the model string says the rest."""


@dataclass(frozen=True)
class Backend:
    """A model string with its addresses."""

    model: str
    addresses: tuple[str, ...] = ()

    @property
    def options(self) -> tuple[str, ...]:
        return ("--model", self.model, *(part for address in self.addresses for part in ("--api-base", address)))


@dataclass(frozen=True)
class Made:
    """What a run made, and whether it is complete."""

    backend: Backend
    wall: float
    """Seconds, loading a model in the process included, starting servers not."""
    counts: tuple[int, ...]
    """As in `COUNTS`."""
    broken: tuple[str, ...]
    """What keeps the run from being complete; empty: nothing."""

    def row(self) -> str:
        prefix, _, name = self.backend.model.partition("/")
        cells = (*self.counts, round(self.wall))
        return f"{prefix + '/' + Path(name).name:34}" + "".join(f"{cell:>9}" for cell in cells)


COUNTS = ("done", "dropped", "failed", "solved", "right", "of", "calls", "prompt", "written")
"""Items of the stages that asked a model; rollouts solved; expected calls made, of how many; calls and their tokens."""
HEAD = f"{'model':34}" + "".join(f"{title:>9}" for title in (*COUNTS, "wall s"))


def commanded(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", **ON_CPUS}
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS, env=environment
    )


def dataset(folder: Path) -> Path:
    """Certified tasks that need no model to make. Raises: RuntimeError."""
    done = commanded("run", "--run", folder / "tasks", *FIELD, "--model", "scripted/library", *SMALL)
    if done.returncode:
        raise RuntimeError(f"the scripted run failed: {done.stderr}")
    return folder / "tasks" / "task_content.jsonl"


def counted(run: Run) -> tuple[int, ...]:
    """What a run holds, as in `COUNTS`."""
    asked = {str(stage) for (stage,) in run.store.rows("SELECT DISTINCT stage FROM ledger")}
    status = run.status()
    stages = [stage for name, stage in status.stages.items() if name in asked]
    expected = {task.id: task.gt_tool_calls for task in run.tasks()}
    solved = right = of = 0
    for rollout in run.trajectories():
        executed = [call for step in rollout.steps for call in step.calls]
        solved += rollout.verdict is not None and rollout.verdict.passed
        right += sum(call in executed for call in expected[rollout.task_id])
        of += len(expected[rollout.task_id])
    items = (sum(stage.done for stage in stages), sum(stage.dropped for stage in stages))
    failed = sum(stage.failed for stage in stages)
    usage = status.usage
    return (*items, failed, solved, right, of, usage.calls, usage.prompt_tokens, usage.completion_tokens)


def broken_in(run: Run, backend: Backend) -> Iterator[str]:
    """What keeps a run from being complete, and from being this backend's."""
    for name, stage in run.status().stages.items():
        if stage.failed or stage.left:
            yield f"{name}: {stage.failed} failed, {stage.left} left"
    calls = {(str(model), str(at)) for model, at in run.store.rows("SELECT DISTINCT model, replica FROM ledger")}
    if {model for model, _ in calls} != {backend.model}:
        yield f"calls of {sorted({model for model, _ in calls})}"
    if backend.addresses and {address for _, address in calls if address} != set(backend.addresses):
        yield f"calls to {sorted({address for _, address in calls})} only"


def make(backend: Backend, arguments: Sequence[str | Path], folder: Path) -> Made:
    started = time.monotonic()
    done = commanded(*arguments, folder, *SMALL, *backend.options)
    wall = time.monotonic() - started
    ended = () if done.returncode == 0 else (f"exit code {done.returncode}: {done.stderr[-1500:]}",)
    if not (folder / "run.sqlite").is_file():
        return Made(backend, wall, (0,) * len(COUNTS), ended)
    with open_run(folder) as run:
        counts = counted(run)
        broken = [*ended, *broken_in(run, backend)]
    found = dict(zip(COUNTS, counts, strict=True))
    if found["right"] < LEAST_RIGHT * found["of"]:
        broken.append("too few of the expected calls: the weights make no sense as they are loaded here")
    return Made(backend, wall, counts, tuple(broken))


def backends(weights: str, logs: Path, wanted: Sequence[str]) -> Iterator[Backend]:
    """One after the other; the servers run while theirs are asked for."""
    model = made(MODELS, weights)
    for backend in (Backend(f"embedded/{weights}"), Backend(f"vllm/{model}")):
        if not wanted or backend.model.startswith(tuple(wanted)):
            yield backend
    served = [prefix for prefix in ("hosted_vllm", "direct") if not wanted or prefix in wanted]
    if served:
        with serving(Path(sys.executable), model, logs, dtype="bfloat16") as servers:
            for prefix in served:
                yield Backend(f"{prefix}/{weights}", tuple(server.address for server in servers))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="qwen2.5-coder-0.5b", help="of `synthtools models list`")
    parser.add_argument("--whole", action="store_true", help="every stage, not rollouts of given tasks")
    parser.add_argument("--only", action="append", default=[], metavar="PREFIX")
    parser.add_argument("--keep", type=Path, help="folder for the runs")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="synthtools-same-run-")))
        folder.mkdir(parents=True, exist_ok=True)
        if options.whole:
            arguments: tuple[str | Path, ...] = ("run", *FIELD, "--run")
        else:
            tasks = dataset(folder)
            arguments = ("trajectory-generation", "--dataset", tasks, "--out")
        print(HEAD, flush=True)
        results: list[Made] = []
        for backend in backends(options.weights, folder, options.only):
            results.append(make(backend, arguments, folder / backend.model.partition("/")[0]))
            print(results[-1].row(), *results[-1].broken, sep="\n  ! ", flush=True)
    return 1 if any(result.broken for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
