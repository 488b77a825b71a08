"""Two collections that the tests of designed tools share: books, and loans that belong to them."""

from synthtools.types import Collection, EnvSpec, Parameter, Scenario

COLLECTIONS = (
    Collection(
        name="books",
        record="book",
        id_prefix="BOO",
        fields={
            "title": Parameter(type="string", min_length=1, max_length=60),
            "shelf": Parameter(type="string", enum=("open", "closed")),
        },
    ),
    Collection(
        name="loans",
        record="loan",
        id_prefix="LOA",
        fields={
            "book_id": Parameter(type="string", references="books"),
            "reader": Parameter(type="string", min_length=1, max_length=60),
            "day": Parameter(type="string", format="date"),
            "status": Parameter(type="string", enum=("lent", "returned")),
        },
    ),
)

STATE = {
    "books": {"BOO-1": {"title": "Emma", "shelf": "open"}, "BOO-2": {"title": "Stone Bridges", "shelf": "closed"}},
    "loans": {
        "LOA-1": {"book_id": "BOO-1", "reader": "Ann Lee", "day": "2026-02-01", "status": "lent"},
        "LOA-2": {"book_id": "BOO-2", "reader": "Omar Haddad", "day": "2026-03-01", "status": "returned"},
    },
}

SPARES = {
    "books": ({"title": "Salt and Iron", "shelf": "open"},),
    "loans": ({"book_id": "BOO-1", "reader": "Mei Tanaka", "day": "2026-05-05", "status": "lent"},),
}

ENV = EnvSpec(
    id="lending_spec_001",
    scenario=Scenario(field="Libraries", subfield="Lending", title="Town library"),
    collections=COLLECTIONS,
    initial_state=STATE,
    spare_records=SPARES,
)
