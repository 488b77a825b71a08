"""What is left to do in a stage, page by page."""

from collections import deque
from collections.abc import Callable, Container

from synthtools.runs.item import Item
from synthtools.runs.reader import StoreReader
from synthtools.runs.siblings import Siblings

_PAGE = 256


class Backlog:
    """Hands out a stage's items that are to be done, in the order of their ids, each once.

    Only a page is in memory, and the items that wait for siblings; these hold nothing back but themselves. Items added
    meanwhile are found after `refill`.
    """

    def __init__(
        self, store: StoreReader, stage: str, wanted: Callable[[Item], bool], siblings: Siblings | None = None
    ) -> None:
        self._store = store
        self._stage = stage
        self._wanted = wanted
        self._siblings = siblings
        self._waiting: dict[str, dict[str, Item]] = {}
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

    def ended(self, sibling: Item) -> None:
        """Says that something came of an item that others may have waited for."""
        self._page.extendleft(reversed(self._waiting.pop(sibling.field, {}).values()))

    def next(self, busy: Container[tuple[str, str]]) -> Item | None:
        """Takes the next item that is neither busy nor set aside and waits for nothing; None: there is none for now."""
        return self._page.popleft() if self.has_next(busy) else None

    def has_next(self, busy: Container[tuple[str, str]]) -> bool:
        """Whether there is an item to take."""
        from_start = self._after == ""
        while not self._is_ready():
            if self._empty:
                return False
            found = self._store.items(self._stage, "todo", self._after, _PAGE)
            if found:
                self._after = found[-1].id
                self._page.extend(
                    item
                    for item in found
                    if item.key not in busy
                    and item.id not in self._set_aside
                    and item.id not in self._waiting.get(item.field, {})
                    and self._wanted(item)
                )
            elif from_start:
                self._empty = True
            else:
                self._after, from_start = "", True
        return True

    def _is_ready(self) -> bool:
        """Whether the page begins with an item that may be begun; those before it that wait are put by."""
        while self._page:
            item = self._page[0]
            if self._siblings is None or self._siblings.are_final(item):
                return True
            self._waiting.setdefault(item.field, {})[item.id] = self._page.popleft()
        return False
