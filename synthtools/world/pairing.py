"""Which new record of one state corresponds to which of another: equal content first, then the best fit."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import NamedTuple

import orjson

from synthtools.types.record import Json, State
from synthtools.world.patch import same

Created = Mapping[str, Sequence[str]]
"""Ids of new records by collection."""

Content = Callable[[str, Json], Json]
"""Gives the part of a record (collection, record) that is compared."""

Unlikeness = Callable[[str, Json, Json], tuple[int, int]]
"""Gives how much two records of a collection differ."""

_LOOKS = 3
"""How many references away a new record is looked at, to tell it from others of equal content."""


class _Changed(NamedTuple):
    """A record that is not as it was at the start."""

    name: str
    """Its collection."""
    record_id: str
    """Empty for a collection that is no map."""
    is_new: bool
    record: Json
    """What counts of it."""
    refers_to: frozenset[str]
    """The new ids in it."""


class Side(NamedTuple):
    """A state, and the ids of its new records."""

    state: State
    ids: Created


def created(initial: State, state: State, chosen: Mapping[str, Iterable[str]] | None = None) -> dict[str, list[str]]:
    """The ids of the records that are new since an initial state, without those that callers chose."""
    found: dict[str, list[str]] = {}
    for name, records in state.items():
        before = initial.get(name, {})
        if isinstance(records, dict) and isinstance(before, dict):
            left_out = frozenset((chosen or {}).get(name, ()))
            new = [record_id for record_id in records if record_id not in before and record_id not in left_out]
            if new:
                found[name] = new
    return found


def pairings(
    initial: State, wanted: Side, made: Side, content: Content, unlikeness: Unlikeness
) -> Iterator[dict[str, str]]:
    """One-to-one maps from made ids to wanted ones, the likeliest first; ids left over keep a name of their own.

    Records of equal content belong to each other: that is settled first, whatever their number. The others are tried
    in every order, beginning with the pairs that differ least.

    Args:
        initial: The state that both started from.
        wanted: The one whose ids the renamed state should have.
        made: The one whose ids are renamed.
        content: Leaves out of a record what does not count.
        unlikeness: Weighs how far a made record is off a wanted one; new ids in both are masked.
    """
    equal = _equal_records(initial, wanted, made, content)
    left = {name: [record_id for record_id in ids if record_id not in equal] for name, ids in made.ids.items()}
    taken = set(equal.values())
    free = {name: [record_id for record_id in ids if record_id not in taken] for name, ids in wanted.ids.items()}
    masks = [{record_id: "" for ids in side.ids.values() for record_id in ids} for side in (made, wanted)]

    def extend(names: Sequence[str], so_far: dict[str, str]) -> Iterator[dict[str, str]]:
        if not names:
            yield _without_clashes(so_far, made.ids)
            return
        name = names[0]
        ours, theirs = (
            {record_id: rename_within(_record(side.state, name, record_id), mask) for record_id in ids[name]}
            for side, mask, ids in ((made, masks[0], left), (wanted, masks[1], free))
        )
        for pairs in _orders(ours, theirs, lambda one, two: unlikeness(name, two, one)):
            yield from extend(names[1:], {**so_far, **pairs})

    yield from extend([name for name in left if left[name] and free.get(name)], equal)


def _orders(
    made: Mapping[str, Json], wanted: Mapping[str, Json], unlikeness: Callable[[Json, Json], tuple[int, int]]
) -> Iterator[dict[str, str]]:
    """Ways to give each made id a wanted one, as long as there are any; the best guess first."""
    targets = list(wanted)
    first: dict[str, str] = {}
    for record_id, record in made.items():
        if not targets:
            break
        costs = {other: (unlikeness(record, wanted[other]), other != record_id) for other in targets}
        first[record_id] = min(targets, key=costs.__getitem__)
        targets.remove(first[record_id])
    ours = [*first, *(record_id for record_id in made if record_id not in first)]
    theirs = [*first.values(), *targets]
    if len(ours) <= len(theirs):
        yield from (dict(zip(ours, order, strict=True)) for order in permutations(theirs, len(ours)))
    else:
        yield from (dict(zip(order, theirs, strict=True)) for order in permutations(ours, len(theirs)))


def _equal_records(initial: State, wanted: Side, made: Side, content: Content) -> dict[str, str]:
    """The made ids of which a wanted one has the same content, its references to new records included."""
    pairs: dict[str, str] = {}
    theirs, ours = (list(_changed(initial, side, content)) for side in (wanted, made))
    while True:
        targets = _groups(wanted, theirs, {target: target for target in pairs.values()})
        groups = _groups(made, ours, pairs)
        found = [(groups[look], targets[look]) for look in groups if look in targets]
        # Of records that look the same any will do, as long as no other one depends on which it is.
        linked = _linked(ours, pairs)
        sure = [
            pair
            for ids, others in found
            if len(ids) == len(others) == 1 or linked.isdisjoint(ids)
            for pair in _zipped(ids, others)
        ]
        if not sure and found:
            # Any one of them, and what refers to it then tells the next ones apart.
            sure = _zipped(*found[0])[:1]
        if not sure:
            return pairs
        pairs.update(sure)


def _linked(changed: Sequence[_Changed], paired: Mapping[str, str]) -> set[str]:
    """The new ids that refer to one without a pair, or that are one which some record refers to."""
    linked: set[str] = set()
    for one in changed:
        left = one.refers_to.difference(paired)
        linked |= left
        if left and one.is_new:
            linked.add(one.record_id)
    return linked


def _zipped(ids: Sequence[str], others: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of ids that are as good as each other; those that keep their name first."""
    kept = [one for one in ids if one in others]
    left = [other for other in others if other not in kept]
    return [*zip(kept, kept, strict=True), *zip((one for one in ids if one not in kept), left, strict=False)]


def _groups(side: Side, changed: Sequence[_Changed], paired: Mapping[str, str]) -> dict[str, list[str]]:
    """The new ids that have no pair yet, by how they look: content, what they refer to and what refers to them."""
    looks = {
        record_id: f"={paired[record_id]}" if record_id in paired else f"?{name}"
        for name, ids in side.ids.items()
        for record_id in ids
    }
    # What has its pair, and refers to nothing but what has, tells nothing apart.
    telling = [
        one for one in changed if (one.is_new and one.record_id not in paired) or not one.refers_to.issubset(paired)
    ]
    for _ in range(_LOOKS):
        seen: dict[str, list[str]] = defaultdict(list)
        for one in telling:
            record = rename_within(one.record, looks) if one.refers_to else one.record
            text = orjson.dumps(record, option=orjson.OPT_SORT_KEYS).decode()
            if one.is_new:
                seen[one.record_id].append(text)
            line = f"{one.name}/{looks[one.record_id] if one.is_new else one.record_id}/{text}"
            for other in one.refers_to:
                seen[other].append(line)
        looks = {
            record_id: look if look.startswith("=") else _look(look, sorted(seen[record_id]))
            for record_id, look in looks.items()
        }
    groups: dict[str, list[str]] = defaultdict(list)
    for record_id, look in looks.items():
        if not look.startswith("="):
            groups[look].append(record_id)
    return groups


def _look(look: str, seen: Sequence[str]) -> str:
    return "?" + hashlib.sha256("\0".join((look, *seen)).encode()).hexdigest()


def _changed(initial: State, side: Side, content: Content) -> Iterator[_Changed]:
    """The records that changed; what a new record looks like depends on no others."""
    new = frozenset(record_id for ids in side.ids.values() for record_id in ids)
    for name, records in side.state.items():
        before = initial.get(name, {})
        if not (isinstance(records, dict) and isinstance(before, dict)):
            yield _Changed(name, "", False, records, new.intersection(_strings(records)))
            continue
        own = frozenset(side.ids.get(name, ()))
        for record_id, record in records.items():
            old = before.get(record_id)
            if record_id not in before or (old is not record and not same(old, record)):
                counts = content(name, record)
                yield _Changed(name, record_id, record_id in own, counts, new.intersection(_strings(counts)))


def _record(state: State, name: str, record_id: str) -> Json:
    records = state[name]
    return records[record_id] if isinstance(records, dict) else None


def _strings(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)


def _without_clashes(renaming: dict[str, str], made: Created) -> dict[str, str]:
    """Ids that are not renamed step aside where another one takes their name."""
    targets = set(renaming.values())
    aside = {
        record_id: f"{record_id} (extra)"
        for ids in made.values()
        for record_id in ids
        if record_id not in renaming and record_id in targets
    }
    return {**renaming, **aside}


def rename_within(value: Json, renaming: Mapping[str, str]) -> Json:
    """A value with ids replaced wherever a whole string is one of them."""
    if isinstance(value, str):
        return renaming.get(value, value)
    if isinstance(value, list):
        return [rename_within(item, renaming) for item in value]
    if isinstance(value, dict):
        return {key: rename_within(item, renaming) for key, item in value.items()}
    return value
