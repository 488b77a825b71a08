"""Processes beside this one that certify behaviours.

A certification is some hundred short runs in the sandbox, and what code makes of them. In threads of a run's own
process, they and the event loop would take the interpreter from each other thousands of times a second, on one core.

`python -m synthtools.world.certifiers` reads certifications to do on standard input, one JSON record a line, and writes
one line for each: the `Certification`.
"""

import atexit
import sys
from collections.abc import Sequence
from queue import LifoQueue

from synthtools.errors import SandboxError, WorldError
from synthtools.types import Collection, EnvSpec, Tool
from synthtools.types.record import Record, State
from synthtools.world import sandbox
from synthtools.world.behaviour import Behaviour
from synthtools.world.beside import Beside, package_environment
from synthtools.world.certification import Certification
from synthtools.world.design import ToolDesign
from synthtools.world.designed_behaviour import DesignedBehaviour
from synthtools.world.example import Example

Oracle = Behaviour | DesignedBehaviour
"""What answers every call of a tool rightly, for all that is known."""

SECONDS = 300.0
"""Most that one certification may take."""

_COMMAND = (sys.executable, "-P", "-m", "synthtools.world.certifiers")  # -P: the working directory gives no modules


class _Request(Record):
    """A certification to do: what `Behaviour.certify` takes."""

    source: str
    tool: Tool
    state: State
    examples: tuple[Example, ...]
    collections: tuple[Collection, ...]
    now: str
    draws: int
    second: str | None
    """Source of another behaviour that must agree."""
    design: ToolDesign | None
    """A design that must agree."""


class Certifiers:
    """So many processes at most as the machine has cores; each starts when the others are busy."""

    def __init__(self, seconds: float = SECONDS) -> None:
        """Starts nothing yet. `seconds`: most that one certification may take."""
        self._processes = [Beside(_COMMAND, package_environment, seconds) for _ in range(sandbox.PROCESSES)]
        self._idle = LifoQueue[Beside]()
        for process in self._processes:
            self._idle.put(process)

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the processes that have been started."""
        return tuple(process.pid for process in self._processes if process.pid is not None)

    def certify(
        self,
        source: str,
        tool: Tool,
        env: EnvSpec,
        examples: Sequence[Example] = (),
        *,
        draws: int,
        oracle: Oracle | None = None,
    ) -> Certification:
        """`Behaviour.certify` in a process of its own, on an environment's state, collections and clock.

        Raises:
            SandboxError: The process itself failed.
        """
        request = _Request(
            source=source,
            tool=tool,
            state=env.initial_state,
            examples=tuple(examples),
            collections=env.collections,
            now=env.now,
            draws=draws,
            second=oracle.source if isinstance(oracle, Behaviour) else None,
            design=oracle.design if isinstance(oracle, DesignedBehaviour) else None,
        )
        process = self._idle.get()
        try:
            answer = process.ask(request.model_dump_json(by_alias=True).encode())
        except WorldError as error:
            raise SandboxError(f"the certifying process failed: {error}") from error
        finally:
            self._idle.put(process)
        return Certification.model_validate_json(answer)

    def close(self) -> None:
        """Ends the processes."""
        for process in self._processes:
            process.close()


CERTIFIERS = Certifiers()
"""Those of this process."""
atexit.register(CERTIFIERS.close)


def _main() -> None:
    for line in sys.stdin.buffer:
        request = _Request.model_validate_json(line)
        found = Behaviour(request.source).certify(
            request.tool,
            request.state,
            request.examples,
            collections=request.collections,
            now=request.now,
            draws=request.draws,
            second=request.second if request.design is None else DesignedBehaviour(request.design),
        )
        sys.stdout.buffer.write(found.model_dump_json().encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _main()
