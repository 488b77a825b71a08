"""Ids of new records: a pure function of the state, so that no counter has to stand in it."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from synthtools.types import Collection
from synthtools.types.record import Json

_NUMBERED = re.compile(r"(?P<stem>.*?)(?P<number>[0-9]{1,15})", re.DOTALL)


class IdSeries(NamedTuple):
    """What the next id of a collection is made of; the sandbox counts on from here within a call."""

    stem: str
    """What stands before the number, separator included: `ORD-`."""
    number: int
    """The next number."""
    width: int
    """Least digits of the number; shorter ones are padded with zeros."""

    @property
    def id(self) -> str:
        """The next id."""
        return f"{self.stem}{self.number:0{self.width}d}"


def id_series(name: str, ids: Iterable[str], collection: Collection | None) -> IdSeries:
    """The series of a collection's ids: one more than the highest number among those that it has.

    The stem is the one that the collection's ids have; among several stems, the declared prefix, else the one with the
    highest number. A collection without numbered ids uses its declared prefix, else the letters of its name.
    """
    return _series(name, tuple(ids), collection.id_prefix if collection is not None else "")


@lru_cache(maxsize=1024)
def _series(name: str, ids: tuple[str, ...], declared: str) -> IdSeries:
    """Every call of a tool that creates records asks, and most on a state that was asked about before."""
    stems: dict[str, tuple[int, int]] = {}
    for record_id in ids:
        match = _NUMBERED.fullmatch(record_id)
        if match is None:
            continue
        stem, digits = match["stem"], match["number"]
        highest, width = stems.get(stem, (-1, 1))
        padded = len(digits) if digits.startswith("0") else 1
        stems[stem] = max(highest, int(digits)), max(width, padded)
    own = {stem: series for stem, series in stems.items() if declared and stem.rstrip("-_ ") == declared.rstrip("-_ ")}
    candidates = own or ({} if declared else stems)
    if candidates:
        stem, (highest, width) = max(candidates.items(), key=lambda item: (item[1][0], item[0]))
        return IdSeries(stem, highest + 1, width)
    prefix = declared.rstrip("-_ ") or "".join(letter for letter in name if letter.isalnum())[:3].upper()
    return IdSeries(f"{prefix}-", 1, 1)


def next_id(state: Mapping[str, Json], collection: Collection | str) -> str:
    """The id that the next record created in a collection gets; a bare name is a collection without a schema."""
    name = collection if isinstance(collection, str) else collection.name
    records = state.get(name)
    schema = None if isinstance(collection, str) else collection
    return id_series(name, records if isinstance(records, dict) else (), schema).id
