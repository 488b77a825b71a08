"""Executors: they call a stage's program on an item. The scheduler decides which item; the driver alone writes."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Protocol

from synthtools.backends.scope import scope
from synthtools.runs.item import Item
from synthtools.runs.journal import ItemJournal, RunLedger
from synthtools.runs.stages import Inputs, Program, Stage
from synthtools.runs.store import Store
from synthtools.world.precedence import placed


class Executor(Protocol):
    """Where programs run."""

    async def execute(self, stage: Stage, item: Item, inputs: Inputs, variation: int) -> Any:
        """The record of an item.

        Args:
            stage: The stage whose program does it.
            item: Whom the calls belong to.
            inputs: The program's keyword arguments.
            variation: Added to the seed: other than 0 where the same question must get another answer.

        Raises:
            SynthToolsError: as the program does.
        """
        ...


class LocalExecutor:
    """Runs programs in this process and event loop, every call journaled and accounted for in the store."""

    def __init__(
        self,
        store: Store,
        ledger: RunLedger,
        programs: Callable[[Stage], Program],
        *,
        before_call: Callable[[], None] | None = None,
    ) -> None:
        """Sets up the executor.

        Args:
            store: Takes journal and ledger.
            ledger: Counts what is paid.
            programs: A stage's program, asked for once a stage.
            before_call: Called before each paid call; may raise BudgetExceeded.
        """
        self._store = store
        self._ledger = ledger
        self._make = programs
        self._programs: dict[str, Program] = {}
        self._begun = count()
        self._before_call = before_call

    def load(self, stages: Sequence[Stage]) -> None:
        """Makes the programs of stages beforehand, since their imports would stall calls that are in flight."""
        for stage in stages:
            self._program(stage)

    async def execute(self, stage: Stage, item: Item, inputs: Inputs, variation: int) -> Any:
        """Runs the program in the item's scope."""
        program = self._program(stage)
        with (
            placed(-stage.depth, next(self._begun)),
            scope(
                stage=stage.name,
                item=item.id,
                journal=ItemJournal(self._store, item),
                ledger=self._ledger,
                before_call=self._before_call,
                variation=variation,
            ),
        ):
            return await program.acall(**inputs)

    def _program(self, stage: Stage) -> Program:
        if stage.name not in self._programs:
            self._programs[stage.name] = self._make(stage)
        return self._programs[stage.name]
