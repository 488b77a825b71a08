"""Processes beside this one that certify behaviours and tasks.

A certification is some hundred short runs in the sandbox, and what code makes of them. In threads of a run's own
process, they and the event loop would take the interpreter from each other thousands of times a second, on one core.

`python -m synthtools.world.certifiers` reads what to certify on standard input, one JSON record a line, and writes one
line for each: the `Certification` of a behaviour, or the `Certificate` of a task.
"""

import asyncio
import atexit
import os
import sys
from collections.abc import Collection as SomeOf
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from queue import LifoQueue, PriorityQueue
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, TypeAdapter

from synthtools.errors import SandboxError, WorldError
from synthtools.types import AnswerValue, Certificate, Collection, EnvSpec, Task, Tool, ToolCall
from synthtools.types.record import Record, State
from synthtools.world import sandbox
from synthtools.world.behaviour import Behaviour
from synthtools.world.beside import Beside, package_environment
from synthtools.world.certificate import certify
from synthtools.world.certification import Certification
from synthtools.world.design import ToolDesign
from synthtools.world.designed_behaviour import DesignedBehaviour
from synthtools.world.example import Example
from synthtools.world.precedence import Place, current_place

Oracle = Behaviour | DesignedBehaviour
"""What answers every call of a tool rightly, for all that is known."""

SECONDS = 300.0
"""Most that one certification may take."""

_NICENESS = 10
"""How far the processes stand back: where cores are scarce, the event loop with its calls in flight comes first."""

_COMMAND = (sys.executable, "-P", "-m", "synthtools.world.certifiers")  # -P: the working directory gives no modules


class _BehaviourToCertify(Record):
    """What `Behaviour.certify` takes."""

    kind: Literal["behaviour"] = "behaviour"
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

    def certified(self) -> Certification:
        return Behaviour(self.source).certify(
            self.tool,
            self.state,
            self.examples,
            collections=self.collections,
            now=self.now,
            draws=self.draws,
            second=self.second if self.design is None else DesignedBehaviour(self.design),
        )


class _TaskToCertify(Record):
    """What `certify` takes."""

    kind: Literal["task"] = "task"
    task: Task
    expected_answer: tuple[AnswerValue, ...]
    second_solution: tuple[ToolCall, ...] | None
    paraphrased: tuple[tuple[int, str], ...]

    def certified(self) -> Certificate:
        return certify(
            self.task,
            expected_answer=self.expected_answer,
            second_solution=self.second_solution,
            paraphrased=self.paraphrased,
        )


_TO_CERTIFY = TypeAdapter[_BehaviourToCertify | _TaskToCertify](
    Annotated[_BehaviourToCertify | _TaskToCertify, Field(discriminator="kind")]
)


class _Waiting(NamedTuple):
    """A job that waits for a process, in the order in which they go."""

    place: Place
    number: int
    """Of jobs with one place, the earlier goes first."""
    job: Record
    answer: Future[bytes]


class Certifiers:
    """So many processes at most as the machine has cores; each starts when the others are busy.

    Whose place in the line comes first goes first, however long others have waited. Taken in turn, the behaviours of
    hundreds of environments that wait together would all be certified at about the same time, late, and nothing could
    be made of any environment before.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        """Starts nothing yet. `seconds`: most that one certification may take."""
        self._processes = [Beside(_COMMAND, package_environment, seconds) for _ in range(sandbox.PROCESSES)]
        self._idle = LifoQueue[Beside]()
        for process in self._processes:
            self._idle.put(process)
        self._line = PriorityQueue[_Waiting]()
        self._numbers = count()
        # One waits for each process, so that what waits for a process keeps no thread from anybody.
        self._threads = ThreadPoolExecutor(len(self._processes), thread_name_prefix="certifier")

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the processes that have been started."""
        return tuple(process.pid for process in self._processes if process.pid is not None)

    async def behaviour(
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
        job = _BehaviourToCertify(
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
        return Certification.model_validate_json(await self._answer(job))

    async def task(
        self,
        task: Task,
        *,
        expected_answer: Sequence[AnswerValue],
        second_solution: Sequence[ToolCall] | None = None,
        paraphrased: SomeOf[tuple[int, str]] = (),
    ) -> Certificate:
        """`certify` in a process of its own; where a model answers a tool, on the task's own recorded calls.

        Raises:
            SandboxError: The process itself failed.
        """
        job = _TaskToCertify(
            task=task,
            expected_answer=tuple(expected_answer),
            second_solution=None if second_solution is None else tuple(second_solution),
            paraphrased=tuple(paraphrased),
        )
        return Certificate.model_validate_json(await self._answer(job))

    def close(self) -> None:
        """Ends the processes."""
        for process in self._processes:
            process.close()

    async def _answer(self, job: Record) -> bytes:
        waiting = _Waiting(current_place(), next(self._numbers), job, Future())
        self._line.put(waiting)
        self._threads.submit(self._answer_first)
        return await asyncio.wrap_future(waiting.answer)

    def _answer_first(self) -> None:
        """Has the first job in the line done, unless nobody waits for its answer any more."""
        _, _, job, answer = self._line.get()
        if not answer.set_running_or_notify_cancel():
            return
        try:
            answer.set_result(self._answered(job))
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            answer.set_exception(error)

    def _answered(self, job: Record) -> bytes:
        process = self._idle.get()
        try:
            return process.ask(job.model_dump_json(by_alias=True).encode())
        except WorldError as error:
            raise SandboxError(f"the certifying process failed: {error}") from error
        finally:
            self._idle.put(process)


CERTIFIERS = Certifiers()
"""Those of this process."""
atexit.register(CERTIFIERS.close)


def _main() -> None:
    os.nice(_NICENESS)
    for line in sys.stdin.buffer:
        found = _TO_CERTIFY.validate_json(line).certified()
        sys.stdout.buffer.write(found.model_dump_json(by_alias=True).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _main()
