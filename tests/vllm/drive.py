"""`make test-vllm`: the checks on real vLLM servers and on vLLM in the process, on CPUs. Standard library only.

Makes its environment and a small model, starts two servers on loopback and points the checks at them. Where vLLM for
CPUs is not to be had it says so and ends with 0.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from environment import PROJECT, CannotBeHad, make, python_of
from servers import serving

FOLDER = PROJECT / ".venv-vllm"
MODEL = FOLDER / "models" / "tiny"
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "OMP_NUM_THREADS": "1",
    "SYNTHTOOLS_VLLM_MODEL": str(MODEL),
}
IN_PROCESS = {
    "dtype": "float32",
    "max_model_len": 4096,
    "enforce_eager": True,
    "block_size": 32,
    "kv_cache_memory_bytes": 1 << 28,
}
"""Settings of `vllm/PATH` on CPUs."""
PYTEST = ("-m", "pytest", "-q", "--disable-warnings", "-p", "no:cacheprovider")


@contextmanager
def part(name: str) -> Generator[None]:
    """Prints how long a part took."""
    print(f"== {name}", flush=True)
    started = time.monotonic()
    try:
        yield
    finally:
        print(f"== {name}: {time.monotonic() - started:.0f} s", flush=True)


def passes(name: str, *arguments: str | Path, **environment: str) -> bool:
    """Runs a part in the environment of the checks, and ends it when it is itself ended."""
    command = [python_of(FOLDER), *arguments]
    with (
        part(name),
        subprocess.Popen(command, cwd=PROJECT, env={**os.environ, **ENVIRONMENT, **environment}) as process,
    ):
        try:
            return process.wait() == 0
        except BaseException:
            process.terminate()
            raise


def failed_checks() -> list[str]:
    """Names of the checks that failed."""
    results = {
        "in process": passes("in process", *PYTEST, "tests/vllm/check_in_process.py"),
        "contract of vllm/": passes(
            "contract of vllm/",
            "-m",
            "tests.vllm.check_contract",
            f"vllm/{MODEL}",
            "--settings",
            json.dumps(IN_PROCESS),
        ),
    }
    with ExitStack() as stack:
        logs = stack.enter_context(tempfile.TemporaryDirectory(prefix="synthtools-vllm-"))
        with part("two servers"):
            servers = stack.enter_context(serving(python_of(FOLDER), MODEL, Path(logs)))
        addresses = [server.address for server in servers]
        for prefix in ("direct", "hosted_vllm"):
            name = f"contract of {prefix}/"
            arguments = ("-m", "tests.vllm.check_contract", f"{prefix}/tiny", "--api-base", addresses[0])
            results[name] = passes(name, *arguments)
        bases = [argument for address in addresses for argument in ("--api-base", address)]
        results["prefix"] = passes("prefix", "benchmarks/prefix.py", "--model", "direct/tiny", *bases, "--fields", "1")
        told = json.dumps([{"address": server.address, "pid": server.process.pid} for server in servers])
        results["runs"] = passes("runs", *PYTEST, "-s", "tests/vllm/check_runs.py", SYNTHTOOLS_VLLM_SERVERS=told)
    results["same run"] = passes("same run", "-m", "tests.vllm.same_run")
    return [name for name, passed in results.items() if not passed]


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    try:
        with part("environment"):
            make(FOLDER)
    except CannotBeHad as reason:
        print(f"test-vllm: skipped, vLLM for CPUs cannot be installed here: {reason}")
        return 0
    if not passes("model", "tests/vllm/models.py", FOLDER / "models"):
        return 1
    failed = failed_checks()
    seconds = time.monotonic() - started
    print(f"test-vllm: {'FAILED: ' + ', '.join(failed) if failed else 'passed'}, {seconds:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
