"""A process beside this one, with another hash seed, that replays tasks as they come.

A run certifies its tasks one by one, and starting Python for each would take a hundred times as long as its replay;
`fingerprints_elsewhere` starts a new process for a whole batch.
"""

import atexit

import orjson

from synthtools.errors import ReplayError, WorldError
from synthtools.types import Task
from synthtools.types.record import JsonObject
from synthtools.world.beside import Beside
from synthtools.world.replay import COMMAND, SECONDS_A_TASK, replaying_environment


class Replayer:
    """Replays tasks in a process of its own."""

    def __init__(self, seconds: float = SECONDS_A_TASK) -> None:
        """Starts nothing yet. `seconds`: most that one task may take."""
        self.beside = Beside(COMMAND, replaying_environment, seconds)

    def fingerprint(self, task: Task) -> str:
        """The fingerprint that the other process gets; `error: ...` where the replay fails.

        Raises:
            ReplayError: The process itself failed.
        """
        try:
            answer = self.beside.ask(task.model_dump_json(by_alias=True).encode())
        except WorldError as error:
            raise ReplayError(f"the replaying process failed: {error}") from error
        row: JsonObject = orjson.loads(answer)
        return str(row.get("fingerprint") or f"error: {row.get('error')}")


REPLAYER = Replayer()
"""That of this process."""
atexit.register(REPLAYER.beside.close)
