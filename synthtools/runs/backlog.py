"""What is left to do in a stage, page by page."""

from collections import deque
from collections.abc import Callable, Container

from synthtools.runs.item import Item
from synthtools.runs.reader import StoreReader

_PAGE = 256


class Backlog:
    """Hands out a stage's items that are to be done, in the order of their ids, each once.

    Only a page is in memory. Items added meanwhile are found after `refill`.
    """

    def __init__(self, store: StoreReader, stage: str, wanted: Callable[[Item], bool]) -> None:
        self._store = store
        self._stage = stage
        self._wanted = wanted
        self._page: deque[Item] = deque()
        self._after = ""
        self._empty = False
        self._set_aside: set[str] = set()

    def refill(self) -> None:
        """Says that there may be new items."""
        self._empty = False

    def set_aside(self, item: Item) -> None:
        """Keeps an item, which stays to be done, from being handed out again."""
        self._set_aside.add(item.id)

    def next(self, busy: Container[tuple[str, str]]) -> Item | None:
        """Takes the next item that is neither busy nor set aside; None: there is none for now."""
        return self._page.popleft() if self.has_next(busy) else None

    def has_next(self, busy: Container[tuple[str, str]]) -> bool:
        """Whether there is an item to take."""
        from_start = self._after == ""
        while not self._page:
            if self._empty:
                return False
            found = self._store.items(self._stage, "todo", self._after, _PAGE)
            if found:
                self._after = found[-1].id
                self._page.extend(
                    item
                    for item in found
                    if item.key not in busy and item.id not in self._set_aside and self._wanted(item)
                )
            elif from_start:
                self._empty = True
            else:
                self._after, from_start = "", True
        return True
