"""The ids and field values that collections hold, and which of them a parameter means by its name."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from synthtools.types.record import Json, State

_TOO_COMMON = frozenset({"id", "ids", "of", "the", "by", "to", "from", "in", "for", "is", "min", "max", "new", "old"})


class Held(NamedTuple):
    """The ids of a collection, or the values of one field of its records, nested ones apart."""

    words: frozenset[str]
    """Of its name: `total_cents` has `total` and `cents`."""
    values: list[Json]


def held_values(state: State, collections: Iterable[str]) -> list[Held]:
    """The ids and the text and number fields of some collections, each with its different values in order.

    Fields of objects and of the items of lists count, too, wherever they stand.
    """
    found: dict[tuple[str, ...], dict[tuple[type, Json], None]] = {}
    for name in dict.fromkeys(collections):
        records = state.get(name)
        if isinstance(records, dict):
            found.setdefault((name,), {}).update({(str, record_id): None for record_id in records})
            for record_id in sorted(records):
                _add(found, (name, ""), records[record_id])
        elif records is not None:
            _add(found, (name, ""), records)
    return [Held(telling_words(path[-1] or path[0]), [value for _, value in values]) for path, values in found.items()]


def akin(name: str, pools: Sequence[Held]) -> list[Held]:
    """The pools whose name shares the most words with a parameter's name; empty: none shares a word."""
    words = telling_words(name)
    most = max((len(words & pool.words) for pool in pools), default=0)
    return [pool for pool in pools if len(words & pool.words) == most] if most else []


def collection_of(name: str, collections: Iterable[str]) -> str | None:
    """The collection whose ids a parameter takes, by its name: `order_id`, `order_ids` or `order`."""
    return _collection_of(name, tuple(collections))


@lru_cache(maxsize=4096)  # many draws ask the same of the same few names
def _collection_of(name: str, collections: tuple[str, ...]) -> str | None:
    for suffix in ("_ids", "_id", ""):
        if name.endswith(suffix):
            stem = name.removesuffix(suffix)
            for collection in collections:
                if stem and (stem == singular(collection) or stem.endswith("_" + singular(collection))):
                    return collection
    return None


def telling_words(name: str) -> frozenset[str]:
    """The words of a name, in the singular, without those that any name may have."""
    words = re.findall(r"[a-z]+|\d+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    return frozenset(singular(word) for word in words if word not in _TOO_COMMON)


@lru_cache(maxsize=1024)
def singular(plural: str) -> str:
    """The singular of a collection's name: `categories` -> `category`, `boxes` -> `box`, `orders` -> `order`."""
    if plural.endswith("ies") and len(plural) > 4:
        return plural[:-3] + "y"
    if plural.endswith(("sses", "shes", "ches", "xes", "zes")):
        return plural[:-2]
    if plural.endswith("s") and not plural.endswith("ss"):
        return plural[:-1]
    return plural


def _add(found: dict[tuple[str, ...], dict[tuple[type, Json], None]], path: tuple[str, ...], value: Json) -> None:
    for inner, scalar in _scalars(path, value):
        found.setdefault(inner, {})[type(scalar), scalar] = None


def _scalars(path: tuple[str, ...], value: Json) -> Iterator[tuple[tuple[str, ...], Json]]:
    match value:
        case dict():
            for key, inner in value.items():
                yield from _scalars((*path, key), inner)
        case list():
            for inner in value:
                yield from _scalars(path, inner)
        case bool() | None:
            pass
        case _:
            yield path, value
