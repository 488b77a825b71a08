"""vLLM servers on loopback, for as long as a block lasts. Standard library only."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 300
STOP_SECONDS = 15

FLAGS = (
    "--host", "127.0.0.1", "--max-model-len", "4096", "--enforce-eager", "--block-size", "32",
    "--enable-prompt-tokens-details", "--enable-auto-tool-choice", "--tool-call-parser", "hermes",
    # A model with random weights would fill its answers with the spaces that JSON allows.
    "--structured-outputs-config", '{"backend": "guidance", "disable_any_whitespace": true}',
)  # fmt: skip
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # bound, two servers would spin on the same core
    "OMP_NUM_THREADS": "1",
}


@dataclass
class Server:
    """A server process, the first of its own session."""

    address: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def kill(self, how: int = signal.SIGKILL) -> None:
        """Sends a signal to the server and to the engine it started."""
        try:
            os.killpg(self.process.pid, how)
        except ProcessLookupError:
            return

    @property
    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.address.removesuffix("/v1") + "/health", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False


@contextmanager
def serving(
    python: Path, model: Path, logs: Path, *, dtype: str = "float32", count: int = 2
) -> Generator[Sequence[Server]]:
    """Servers of one model, named after its folder; ended however the block ends. Raises: RuntimeError with the log."""
    running: list[Server] = []
    try:
        for number, port in enumerate(_free_ports(count)):
            log = logs / f"server-{number}.log"
            command = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", model, *FLAGS]
            with log.open("wb") as file:
                process = subprocess.Popen(
                    [*command, "--dtype", dtype, "--served-model-name", model.name, "--port", str(port)],
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **ENVIRONMENT},
                    start_new_session=True,
                )
            running.append(Server(f"http://127.0.0.1:{port}/v1", process, log))
        for server in running:
            _wait_for(server)
        yield running
    finally:
        for server in running:
            server.kill(signal.SIGTERM)
        for server in running:
            try:
                server.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                pass
            finally:
                server.kill()
                server.process.wait()


def _wait_for(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.answers:
        if server.process.poll() is not None or time.monotonic() > deadline:
            tail = server.log.read_text(errors="replace")[-3000:]
            raise RuntimeError(f"the server at {server.address} did not come up:\n{tail}")
        time.sleep(0.5)


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [taken.getsockname()[1] for taken in held]
    finally:
        for taken in held:
            taken.close()
