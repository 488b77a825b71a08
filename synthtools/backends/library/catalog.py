"""What the scripted library knows: its kinds of records, their fields, and plausible values for them."""

import random
from collections.abc import Mapping, Sequence
from typing import cast

from synthtools.backends.fitting import fitting
from synthtools.types.record import Json, JsonObject

SUBFIELDS = (
    *("Lending desk", "Reading rooms", "Member records", "Branch stock", "Late returns", "Book repairs"),
    *("Opening hours", "Shelf planning", "New arrivals", "Holiday loans", "Night returns", "Local history"),
)
PLACES = (
    *("town", "school", "harbour", "village", "college", "station", "hospital", "museum", "valley", "island"),
    *("market", "castle"),
)
_KINDS = (
    *(("branch", "branches"), ("member", "members"), ("book", "books"), ("loan", "loans")),
    *(("reading", "readings"), ("repair", "repairs"), ("order", "orders"), ("event", "events")),
    *(("room", "rooms"), ("ticket", "tickets"), ("course", "courses"), ("donation", "donations")),
    *(("journal", "journals"), ("poster", "posters"), ("locker", "lockers"), ("guide", "guides")),
)
_CHOSEN = {1: ("book",), 2: ("book", "loan"), 3: ("member", "book", "loan")}
_FIELDS: dict[str, tuple[JsonObject, ...]] = {
    "branch": (
        {"kind": "text", "name": "district"},
        {"kind": "text", "name": "manager"},
        {"kind": "choice", "name": "season", "options": ["summer", "winter"]},
        {"kind": "number", "name": "desks", "minimum": 1, "maximum": 60},
        {"kind": "flag", "name": "heated"},
    ),
    "member": (
        {"kind": "text", "name": "name"},
        {"kind": "choice", "name": "standing", "options": ["good", "warned", "blocked"]},
        {"kind": "date", "name": "joined"},
        {"kind": "number", "name": "fee_cents", "minimum": 0, "maximum": 9000},
        {"kind": "text", "name": "street"},
    ),
    "book": (
        {"kind": "text", "name": "title"},
        {"kind": "text", "name": "author"},
        {"kind": "choice", "name": "shelf", "options": ["open", "closed"]},
        {"kind": "number", "name": "copies", "minimum": 1, "maximum": 40},
        {"kind": "flag", "name": "illustrated"},
    ),
    "loan": (
        {"kind": "text", "name": "reader"},
        {"kind": "date", "name": "due_day"},
        {"kind": "number", "name": "fine_cents", "minimum": 0, "maximum": 5000},
    ),
}
_OTHER: tuple[JsonObject, ...] = (
    {"kind": "text", "name": "keeper"},
    {"kind": "date", "name": "day"},
    {"kind": "number", "name": "seats", "minimum": 1, "maximum": 90},
)
_STAGES = {"loan": ("lent", "overdue", "returned"), "member": ("applied", "admitted"), "book": ("ordered", "shelved")}
_PEOPLE = (
    *("Ann Lee", "Omar Haddad", "Julia Novak", "Kofi Mensah", "Rosa Marin", "Piet Visser", "Mei Tanaka"),
    *("Liam Byrne", "Nadia Petrova", "Hugo Silva", "Ingrid Dahl", "Sam Okoro", "Elena Rossi", "Tariq Aziz"),
)
_TITLES = (
    *("Emma", "Middlemarch", "The Quiet Harbour", "Winter Orchards", "A Field Guide to Moss", "Salt and Iron"),
    *("The Clockmaker", "Birds of the Delta", "Letters from Kiruna", "Stone Bridges", "The Last Ferry"),
    *("Bread for Beginners", "Northern Lights", "Maps of Rain"),
)
_STREETS = (
    *("Mill Lane", "Harbour Road", "Station Street", "Chapel Hill", "Market Square", "Orchard Row", "Castle Street"),
    *("Willow Way", "Bridge Street", "Garden Walk", "Quay Side", "North Gate", "Kiln Road", "Elm Court"),
)
_VALUES = {
    **dict.fromkeys(("title",), _TITLES),
    **dict.fromkeys(("street", "district"), _STREETS),
    **dict.fromkeys(("name", "author", "reader", "manager", "keeper"), _PEOPLE),
}


def kinds(count: int, number: int = 0) -> list[Json]:
    """So many kinds of records, those that others belong to first; other ones for another number, while there are."""
    names = _CHOSEN.get(count) or [singular for singular, _ in _KINDS[:count]]
    others = [singular for singular, _ in _KINDS if singular not in names]
    groups = [names, *(others[start : start + count] for start in range(0, len(others) - count + 1, count))]
    chosen = groups[number % len(groups)]
    return [{"singular": singular, "plural": plural} for singular, plural in _KINDS if singular in chosen]


def number_of(subfield: str, seed: int) -> int:
    """Which one a subfield is among those that are named with a seed; 0 where it is none of them."""
    return (SUBFIELDS.index(subfield) - seed * 5) % len(SUBFIELDS) if subfield in SUBFIELDS else 0


def fields_of(kind: str, most: int) -> list[Json]:
    """At most so many fields of a kind of records, given in singular or plural."""
    return list(_FIELDS.get(_singular(kind), _OTHER)[:most])


def stages_of(kind: str, most: int) -> list[Json]:
    """The stages that records of a kind go through."""
    return list(_STAGES.get(_singular(kind), ("planned", "started", "finished"))[:most])


def _singular(kind: str) -> str:
    return next((singular for singular, plural in _KINDS if kind in (singular, plural)), kind)


def records(schema: Mapping[str, Json], count: int, draw: random.Random) -> list[Json]:
    """Different records of a schema: values of one field never repeat while there are enough of them."""
    properties = cast("Mapping[str, JsonObject]", schema.get("properties") or {})
    columns = {name: _column(name, field, count, draw) for name, field in properties.items()}
    return [{name: values[row] for name, values in columns.items()} for row in range(count)]


def _column(name: str, field: JsonObject, count: int, draw: random.Random) -> Sequence[Json]:
    first = draw.randrange(100)
    if name in _VALUES:
        pool = _VALUES[name]
        return [pool[(first + row) % len(pool)] for row in range(count)]
    if "2026" in str(field.get("pattern", "")):
        return [f"2026-{(first + row) % 12 + 1:02d}-{(first * 7 + row) % 28 + 1:02d}" for row in range(count)]
    return [fitting(field, draw, name) for _ in range(count)]
