"""Items that wait for those of their field before them, so that each knows all that came before it.

What is made then depends on items with lower ids, never on which of two happened to end first: a run that is killed
and resumed makes the same records.
"""

from synthtools.runs.item import Item
from synthtools.runs.reader import StoreReader


def order(id: str) -> tuple[int, str]:
    """Where an id stands among those of its field: by its number, however many digits that has."""
    return (len(id), id)


class Siblings:
    """The items of one stage, by field: which is the first that is still to be done.

    That one is remembered until it is done, so that items which wait cost no query.
    """

    def __init__(self, store: StoreReader, stage: str) -> None:
        self._store = store
        self._stage = stage
        self._first: dict[str, tuple[int, str]] = {}

    def are_final(self, item: Item) -> bool:
        """Whether everything of the item's field with a lower id is done, dropped or failed."""
        known = self._first.get(item.field)
        if known is not None and known < order(item.id):
            return False
        found = self._store.rows(
            "SELECT id FROM items WHERE stage = ? AND status = 'todo' AND field = ? ORDER BY length(id), id LIMIT 1",
            (self._stage, item.field),
        )
        first = order(str(found[0][0])) if found else None
        if first is None or first >= order(item.id):
            return True
        self._first[item.field] = first
        return False

    def ended(self, item: Item) -> None:
        """Says that something came of an item of the stage."""
        self._first.pop(item.field, None)
