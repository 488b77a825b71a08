"""What a field has before an item: the scenarios and tools that later ones must not repeat.

Records are read once a field, in the order of their ids, and only what is compared is kept. The fields that were not
asked for of late are forgotten, and read again where need be.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from synthtools.runs.item import Item
from synthtools.runs.reader import StoreReader
from synthtools.runs.siblings import order
from synthtools.types.environment import Scenario
from synthtools.world.duplicates import EarlierTools

_FIELDS = 32
"""Most fields that are remembered: more than are worked on at a time."""


@dataclass(slots=True)
class _Field:
    """What is known of a field."""

    known: EarlierTools
    scenarios: dict[str, tuple[Scenario, ...]] = field(default_factory=dict[str, tuple[Scenario, ...]])
    """By item of the stage scenarios: those that repeat nothing."""
    repeated: dict[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """By environment, in order: its tools that repeat an earlier one, and which."""


class Earlier:
    """Answers for each item what its field had before it."""

    def __init__(self, store: StoreReader, read: Callable[[str, str], Any], threshold: float) -> None:
        """Sets it up.

        Args:
            store: The run.
            read: A done record by stage and id.
            threshold: Least similarity of what counts as the same.
        """
        self._store = store
        self._read = read
        self._threshold = threshold
        self._fields: OrderedDict[str, _Field] = OrderedDict()

    def scenarios(self, item: Item) -> tuple[Scenario, ...]:
        """The scenarios of lower items of the field, but those that are repetitions themselves."""
        known = self._field(item.field).scenarios
        found: list[Scenario] = []
        for id in self._done("scenarios", item.field):
            if order(id) < order(item.id):
                if id not in known:
                    record: tuple[Scenario, ...] = self._read("scenarios", id)
                    known[id] = tuple(scenario for scenario in record if not scenario.repeats)
                found.extend(known[id])
        return tuple(found)

    def repeated_tools(self, item: Item) -> Mapping[str, str]:
        """The tools of the environment of that id which repeat one of the field's lower environments, and which."""
        ids = [id for id in self._done("env-generation", item.field) if order(id) <= order(item.id)]
        repeated = self._field(item.field).repeated
        if [*repeated][: len(ids)] != ids[: len(repeated)]:  # one before them came later: it was tried again
            del self._fields[item.field]
        known = self._field(item.field)
        for id in ids[len(known.repeated) :]:
            known.repeated[id] = known.known.add(self._read("env-generation", id))
        return known.repeated[item.id]

    def _done(self, stage: str, of_field: str) -> list[str]:
        rows = self._store.rows(
            "SELECT id FROM items WHERE stage = ? AND status = 'done' AND field = ? ORDER BY length(id), id",
            (stage, of_field),
        )
        return [str(row[0]) for row in rows]

    def _field(self, name: str) -> _Field:
        if name not in self._fields:
            self._fields[name] = _Field(EarlierTools(self._threshold))
            if len(self._fields) > _FIELDS:
                self._fields.popitem(last=False)
        self._fields.move_to_end(name)
        return self._fields[name]
