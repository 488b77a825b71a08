"""Keeps in the run what Ray workers tell: answers, paid calls and transitions, and ends the jobs they are done with."""

import sqlite3
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from synthtools.errors import BudgetExceeded
from synthtools.runs.budget import Budget
from synthtools.runs.journal import RunLedger
from synthtools.runs.ray.link import Flight
from synthtools.runs.ray.messages import Amended, Answered, Ended, Event, Paid, Recorded
from synthtools.runs.store import Store


class Intake:
    """Writes for all workers of a run, on the driver's event loop."""

    def __init__(self, store: Store, ledger: RunLedger, budget: Budget, when_spent: Callable[[str], None]) -> None:
        """Sets up the intake. `when_spent`: told once why no more is to be paid."""
        self._store = store
        self._ledger = ledger
        self._budget = budget
        self._when_spent = when_spent
        self._writes: deque[Future[None]] = deque()
        self.spent = self._what_is_spent()
        """Why no more is to be paid; empty while something is left."""

    def take(self, flights: Mapping[int, Flight], events: list[Event]) -> None:
        """Keeps what one worker told.

        Args:
            flights: The worker's jobs under way, by number. Of others only costs and transitions are kept.
            events: In the order they happened.

        Raises: RunError, where something told earlier could not be written.
        """
        self._check_writes()
        self._record([event for event in events if isinstance(event, Recorded)])
        has_paid = False
        for event in events:
            match event:
                case Answered(number, key, answer):
                    if number in flights:
                        flights[number].journal.put_packed(key, answer)
                case Paid(number, call, entry):
                    amend = self._ledger.write(entry)
                    has_paid = True
                    if number in flights:
                        flights[number].amends[call] = amend
                case Amended(number, call, outcome):
                    if number in flights:
                        flights[number].amends[call](outcome)
                case Ended():
                    if event.job in flights:
                        _end(flights[event.job], event)
                case Recorded():
                    pass
        if has_paid and not self.spent:
            self.spent = self._what_is_spent()
            if self.spent:
                self._when_spent(self.spent)

    def _record(self, transitions: list[Recorded]) -> None:
        if not transitions:
            return
        rows = [(event.key, event.tool, event.body) for event in transitions]

        def insert(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR IGNORE INTO transitions VALUES (?, ?, ?)", rows)

        self._writes.append(self._store.submit(insert))

    def _check_writes(self) -> None:
        while self._writes and self._writes[0].done():
            self._writes.popleft().result()

    def _what_is_spent(self) -> str:
        try:
            self._budget.check()
        except BudgetExceeded as error:
            return str(error)
        return ""


def _end(flight: Flight, event: Ended) -> None:
    if flight.ended.done():
        return
    if event.problem is not None:
        flight.ended.set_exception(event.problem.error())
    elif event.record is None:
        flight.ended.cancel()
    else:
        flight.ended.set_result(event.record)
