"""When to give up on a model: the circuit breaker of a run."""

from synthtools.errors import ModelUnreachable, ProviderError
from synthtools.runs.item import Item


class Breaker:
    """Counts failures of the provider in a row, of one kind; quality verdicts and other failures break the row."""

    def __init__(self, limit: int) -> None:
        """Trips after `limit` in a row, or at the first where nothing was ever answered at the address."""
        self._limit = limit
        self._answered = False
        self._tripped = False
        self._error: ProviderError | None = None
        self._items: list[Item] = []

    @property
    def items(self) -> tuple[Item, ...]:
        """The items of the row: no fault of theirs."""
        return tuple(self._items)

    @property
    def gave_out(self) -> bool:
        """Whether the provider is what a run ended with, however short the row.

        It never answered, or nothing answers for it any more and no item ended otherwise since. A request that it
        refused as the last one is a failure of that item.
        """
        return bool(self._items) and (not self._answered or isinstance(self._error, ModelUnreachable))

    @property
    def error(self) -> ProviderError | None:
        """The last failure of the row."""
        return self._error

    def answered(self) -> None:
        """Notes that the model answered; once the run is given up, an answer that was on its way changes nothing."""
        if self._tripped:
            return
        self._answered = True
        self._error = None
        self._items.clear()

    def failed(self, item: Item, error: ProviderError) -> bool:
        """Notes a failure of the provider. Returns whether the run must stop."""
        if type(error) is not type(self._error) and not self._tripped:
            self._items.clear()
        self._error = error
        self._items.append(item)
        unreachable = isinstance(error, ModelUnreachable) and not self._answered
        self._tripped = self._tripped or unreachable or len(self._items) >= self._limit
        return self._tripped
