"""The Ray cluster that a run works on: reached, or made on this machine, and its workers begun and ended.

The one file that touches Ray. It is imported on first use, and need not be installed for anything else.
"""

import contextlib
import importlib
import logging
import os
import socket
import sys
from collections.abc import Generator
from typing import Any

from synthtools.errors import ConfigError, WorkerLost
from synthtools.runs.ray.worker import Worker

LOCAL = "local"
"""The address of no cluster: one is made on this machine, for as long as it is used."""

_AT_ONCE = 100_000
"""Calls of one actor that Ray lets run side by side; the driver's own bounds are far below."""
_KNOCK = 5.0
"""Seconds for a connection to the cluster's address."""
_LONGEST_WORD = 400


class Cluster:
    """A Ray cluster, in use."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._workers: list[Any] = []
        self._actor = ray.remote(Worker).options(num_cpus=1, max_concurrency=_AT_ONCE, scheduling_strategy="SPREAD")

    @property
    def cpus(self) -> int:
        """CPUs of its nodes, as Ray counts them; at least 1, which a node may still bring."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 0)))

    def start_worker(self) -> Any:
        """A new worker process, once a CPU is free for it; `call` waits for that."""
        worker = self._actor.remote()
        self._workers.append(worker)
        return worker

    async def call(self, worker: Any, method: str, *arguments: object) -> Any:
        """What a method of a worker gives.

        Raises:
            WorkerLost: its process or node is gone.
            RayTaskError: whatever else the method raises.
        """
        try:
            return await getattr(worker, method).remote(*arguments)
        except self._ray.exceptions.RayTaskError:
            raise
        except self._ray.exceptions.RayError as error:
            raise WorkerLost(_words(error)) from error

    def tell(self, worker: Any, method: str, *arguments: object) -> None:
        """Calls a method of a worker without waiting for it; nothing comes of it where the worker is gone."""
        getattr(worker, method).remote(*arguments)

    def end_worker(self, worker: Any) -> None:
        """Ends a worker at once; also one that is gone already."""
        self._ray.kill(worker)
        self._workers.remove(worker)

    def close(self) -> None:
        """Ends every worker that is left."""
        for worker in tuple(self._workers):
            self.end_worker(worker)


@contextlib.contextmanager
def reached(address: str | None, cpus: int | None) -> Generator[Cluster]:
    """The cluster at an address; what this process is connected to already is used and left as it is.

    Args:
        address: As Ray has it, `HOST:PORT` or `auto`; None: that of `RAY_ADDRESS`, else a cluster of this machine alone
            is made, which listens on loopback.
        cpus: Workers that a cluster of this machine must have room for; None: one a CPU.

    Raises: ConfigError, where Ray is not installed or nothing answers at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = address or os.environ.get("RAY_ADDRESS") or LOCAL
    if address == LOCAL:
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # what it calls so is: listen beyond loopback
    try:
        ray: Any = importlib.import_module("ray")
    except ModuleNotFoundError as error:
        if error.name != "ray":
            raise
        raise ConfigError("--executor ray: Ray is not installed: pip install 'synthtools[ray]'") from None
    ours = not ray.is_initialized()
    with contextlib.redirect_stdout(sys.stderr):  # Ray prints what happens to workers; stdout is the command's
        if ours:
            _connect(ray, address, cpus)
        cluster = Cluster(ray)
        try:
            yield cluster
        finally:
            cluster.close()
            if ours:
                ray.shutdown()


def _connect(ray: Any, address: str, cpus: int | None) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address == LOCAL:
            ray.init(address=LOCAL, num_cpus=cpus, include_dashboard=False, **quiet)
        else:
            _knock(address)
            ray.init(address=address, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ConfigError(f"--ray-address {address}: {_words(error)}") from error


def _knock(address: str) -> None:
    """Raises ConnectionError where nothing listens at an address with a port; Ray would take minutes to say so."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=_KNOCK).close()
    except OSError as error:
        raise ConnectionError(f"nothing answers there: {error.strerror or error}") from error


def _words(error: Exception) -> str:
    """What Ray says, as one line of bounded length."""
    line = " ".join(str(error).split())
    return line if len(line) <= _LONGEST_WORD else line[: _LONGEST_WORD - 3] + "..."
