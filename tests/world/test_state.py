import copy
import json

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtools.errors import StateError
from synthtools.types import Change
from synthtools.types.canonical import same_json
from synthtools.world.ids import next_id
from synthtools.world.patch import apply_patch, diff
from synthtools.world.state import StateSchema, apply_changes, copy_state
from tests.world.hotel import COLLECTIONS, STATE

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(-3, 3), st.sampled_from(["", "a", "a/b", "~", "1"])
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("ab/~"), inner)),
    max_leaves=8,
)
records = st.dictionaries(st.sampled_from(["name", "beds", "tags", "a/b", "~x"]), values, max_size=4)
states = st.dictionaries(
    st.sampled_from(["rooms", "guests", "a/b"]),
    st.dictionaries(st.sampled_from(["R-1", "R-2", "x~/y"]), records),
    max_size=3,
)


@given(states, states)
def test_applying_a_diff_gives_the_other_state_and_leaves_the_first_one_alone(before, after):
    kept = copy.deepcopy(before)
    patch = diff(before, after)
    assert same_json(apply_patch(before, patch), after)
    assert same_json(before, kept)


@given(states, states)
def test_a_patch_means_the_same_to_other_software(before, after):
    patch = diff(before, after)
    assert same_json(jsonpatch.apply_patch(before, json.loads(json.dumps(patch))), after)


def test_equality_is_type_strict():
    assert len(diff({"c": {"r": {"a": 1, "b": True, "c": 1}}}, {"c": {"r": {"a": 1.0, "b": 1, "c": 1}}})) == 2


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "/nope/x", "value": 1},
        {"op": "remove", "path": "/rooms/RM-9"},
        {"op": "test", "path": "/rooms", "value": 1},
        {"op": "add", "path": "/rooms/RM-1"},
        {"op": "add", "path": "rooms", "value": 1},
        {"op": "add", "path": "/rooms/RM-1/name/x", "value": 1},
        {"op": "remove", "path": ""},
    ],
)
def test_a_patch_that_does_not_apply_is_refused(operation):
    with pytest.raises(StateError):
        apply_patch(copy_state(STATE), [operation])


def test_a_copy_has_its_records_in_the_order_of_their_ids():
    assert list(copy_state({"c": {"O-10": {}, "O-2": {}, "B": {}, "O-1": {}}})["c"]) == ["B", "O-1", "O-2", "O-10"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53 + 1, {1: 2}, {"a": {3}}, "\ud800"])
def test_what_json_cannot_carry_is_refused(value):
    with pytest.raises(StateError):
        copy_state({"c": {"r": {"x": value}}})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Change(op="create", collection="guests", id="G-1", fields={}), "no such collection"),
        (Change(op="create", collection="rooms", id="RM-1", fields=STATE["rooms"]["RM-1"]), "exists already"),
        (Change(op="update", collection="rooms", id="RM-9", fields={"beds": 1}), "does not exist"),
        (Change(op="delete", collection="rooms", id="RM-9"), "does not exist"),
        (Change(op="update", collection="rooms", id="RM-1", fields={"beds": 9}), "beds"),
        (Change(op="update", collection="rooms", id="RM-1", fields={"colour": "red"}), "colour"),
        (
            Change(op="update", collection="bookings", id="BK-1", fields={"room_id": "RM-9"}),
            "RM-9, which does not exist",
        ),
        (Change(op="delete", collection="rooms", id="RM-1"), "refers to rooms/RM-1"),
    ],
)
def test_a_change_that_breaks_the_state_is_refused(change, reason):
    with pytest.raises(StateError, match=reason):
        apply_changes(copy_state(STATE), [change], COLLECTIONS)


def test_changes_that_fit_are_made():
    after = apply_changes(
        copy_state(STATE),
        [
            Change(op="create", collection="rooms", id="", fields={"name": "Loft", "beds": 3, "price": 60.0}),
            Change(op="update", collection="bookings", id="BK-1", fields={"room_id": "RM-4"}),
            Change(op="delete", collection="bookings", id="BK-2"),
        ],
        COLLECTIONS,
    )
    assert after["rooms"]["RM-4"]["name"] == "Loft"
    assert after["bookings"]["BK-1"]["room_id"] == "RM-4"
    assert list(after["bookings"]) == ["BK-1", "BK-3"]


def test_an_imported_state_of_lists_can_be_changed():
    state = {"tanks": [{"tank_id": "T1", "volume": 80}], "log": []}
    after = apply_changes(
        state,
        [
            Change(op="update", collection="tanks", id="T1", fields={"volume": 90}),
            Change(op="create", collection="log", id="E1", fields={"entry_id": "E1"}),
        ],
    )
    assert after == {"tanks": [{"tank_id": "T1", "volume": 90}], "log": [{"entry_id": "E1"}]}


def test_all_problems_of_a_state_are_told():
    broken = copy.deepcopy(STATE)
    broken["rooms"]["RM-1"]["beds"] = "two"
    broken["bookings"]["BK-2"]["room_id"] = "RM-7"
    broken["guests"] = {}
    assert len(StateSchema(COLLECTIONS).problems(broken)) == 3
    with pytest.raises(StateError):
        StateSchema(COLLECTIONS).check(broken)
    assert StateSchema(COLLECTIONS).problems(STATE) == []


_changes = st.lists(
    st.builds(
        Change,
        op=st.sampled_from(["create", "update", "delete"]),
        collection=st.sampled_from(["rooms", "bookings"]),
        id=st.sampled_from(["", "RM-1", "RM-2", "RM-9", "BK-1", "BK-9"]),
        fields=st.fixed_dictionaries(
            {},
            optional={
                "name": st.just("x"),
                "beds": st.sampled_from([1, 9, "x"]),
                "price": st.just(1.5),
                "room_id": st.sampled_from(["RM-1", "RM-9"]),
                "guest": st.just("Kim"),
                "date": st.sampled_from(["2026-02-02", "soon"]),
                "status": st.sampled_from(["open", "lost"]),
            },
        ),
    ),
    max_size=4,
)


@given(_changes)
def test_random_changes_never_leave_a_state_that_breaks_its_schema_or_references(changes):
    state = copy_state(STATE)
    try:
        after = apply_changes(state, changes, COLLECTIONS)
    except StateError:
        after = state
    assert StateSchema(COLLECTIONS).problems(after) == []
    assert same_json(state, copy_state(STATE))


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["BK-1", "BK-7"], "BK-8"),
        (["BK-001", "BK-019"], "BK-020"),
        (["BK_1", "BK_2"], "BK_3"),
        (["x", "RM-9"], "BK-1"),
        ([], "BK-1"),
    ],
)
def test_the_next_id_follows_the_declared_prefix(ids, expected):
    assert next_id({"bookings": {key: {} for key in ids}}, COLLECTIONS[1]) == expected


@pytest.mark.parametrize(
    ("ids", "expected"), [(["T1", "T12"], "T13"), (["A-09", "A-10"], "A-11"), (["x"], "ORD-1"), (["4", "5"], "6")]
)
def test_without_a_schema_the_ids_themselves_tell(ids, expected):
    assert next_id({"orders": {key: {} for key in ids}}, "orders") == expected
