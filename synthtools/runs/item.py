"""Items: the units of work of a run, and what came of one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import orjson

from synthtools.types.canonical import sha256_hex
from synthtools.types.record import Json

Status = Literal["todo", "done", "dropped", "failed"]
"""`dropped` is a quality verdict and final; `failed` has a cause and is tried again by `--retry-failed`."""

STATUSES: tuple[Status, ...] = ("todo", "done", "dropped", "failed")


@dataclass(frozen=True, slots=True)
class Item:
    """One unit of work: a stage's program is called once with it."""

    stage: str
    id: str
    parent: str = ""
    """Id of the record of the stage before, which the item is made from."""
    position: int = 0
    """Which part of the parent: of a subfield, a scenario, a sequence; of a rollout, its sample."""
    field: str = ""
    """Slug of the field the item belongs to."""
    status: Status = "todo"
    reason: str = ""
    """Why it was dropped, or the cause of its failure."""
    detail: str = ""
    tries: int = 0
    """How often the item was tried before and failed."""

    @property
    def key(self) -> tuple[str, str]:
        """Stage and id: unique in a run."""
        return (self.stage, self.id)


@dataclass(frozen=True, slots=True)
class Loss:
    """A part of a record that did not make it, while the record did."""

    part: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an item, committed with everything that follows from it in one transaction."""

    item: Item
    status: Status
    payload: bytes = b""
    """JSON of the record; empty unless done."""
    hash: str = ""
    reason: str = ""
    detail: str = ""
    seconds: float = 0.0
    losses: Sequence[Loss] = field(default_factory=tuple)
    tallies: Mapping[str, int] = field(default_factory=dict[str, int])
    """What the record counts for, by name."""
    children: Sequence[Item] = field(default_factory=tuple)
    """Items of later stages that the record makes possible."""
    expanded: str = ""
    """The expansion key the children were planned with; see `Stage.expansion`."""
    keep_journal: bool = False
    """Whether the item's journaled answers stay, for its next try."""


def content_hash(payload: bytes, ignored: Sequence[str] = ()) -> str:
    """SHA-256 (hex) of a JSON payload's content: key order and the `ignored` top-level keys do not count."""
    value: Json = orjson.loads(payload)
    if ignored and isinstance(value, dict):
        value = {key: part for key, part in value.items() if key not in ignored}
    return sha256_hex(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))
