"""What counts as the same: for states under a policy, and for two endings of one call."""

import pytest

from synthtools.types import Collection, Parameter, Tool, VerifyPolicy
from synthtools.world.comparison import Comparison
from synthtools.world.drawn_calls import DrawnCalls, states_without
from synthtools.world.edges import edge_arguments
from synthtools.world.equivalence import Ending, Equivalence
from tests.world.behaviours.bank import BANK
from tests.world.behaviours.shop import SHOP

NOTES = Collection(
    name="notes",
    id_prefix="NOT",
    fields={
        "text": Parameter(type="string"),
        "weight": Parameter(type="number"),
        "of": Parameter(type="string", required=False, references="notes"),
        "made_at": Parameter(type="string", format="date-time"),
    },
)
TOOL = Tool(
    name="AddNotes",
    description="Adds notes.",
    output={
        "note_ids": Parameter(type="array", items=Parameter(type="string")),
        "rows": Parameter(
            type="array",
            required=False,
            items=Parameter(
                type="object",
                properties={"n": Parameter(type="number"), "remark": Parameter(type="string", prose=True)},
            ),
        ),
    },
    writes=("notes",),
)
NONE = {"notes": {}}


def note(text, of=None, weight=1.0):
    made = {"text": text, "weight": weight, "made_at": "2026-01-15T09:00:00Z"}
    return made if of is None else {**made, "of": of}


def unlike(expected, actual, **given):
    found = Equivalence(TOOL, [NOTES]).unlike(NONE, Ending(*expected), Ending(*actual), **given)
    return [one.place for one in found]


def test_fields_that_derive_from_the_clock_are_left_out_unless_a_policy_names_them():
    before, now, later = NONE, {"NOT-1": note("a")}, {"NOT-1": {**note("a"), "made_at": "2026-01-16T00:00:00Z"}}

    def differ(policy, clock_fields):
        comparison = Comparison(policy, [NOTES], clock_fields=clock_fields)
        return [one.path for one in comparison.differences(before, {"notes": now}, {"notes": later})]

    assert differ(VerifyPolicy(), ()) == ["/notes/NOT-1/made_at"]
    assert differ(VerifyPolicy(), ("notes.made_at",)) == []
    assert differ(VerifyPolicy(fields={"notes.made_at": "exact"}), ("notes.made_at",)) == ["/notes/NOT-1/made_at"]
    assert differ(VerifyPolicy(), ("notes.text",)) == ["/notes/NOT-1/made_at"]


def test_created_ids_may_differ_in_records_references_and_answers_alike():
    one = ({"note_ids": ["NOT-1", "NOT-2"]}, {"notes": {"NOT-1": note("a"), "NOT-2": note("b", of="NOT-1")}})
    two = ({"note_ids": ["X", "Y"]}, {"notes": {"Y": note("b", of="X"), "X": note("a")}})
    assert unlike(one, two) == []
    assert unlike(one, ({"note_ids": ["Y", "X"]}, two[1])) == ["response.note_ids"]
    assert unlike(one, (two[0], {"notes": {"Y": note("b", of="Y"), "X": note("a")}})) == ["notes.of"]
    assert unlike(one, (two[0], {"notes": {"X": note("a")}})) != []


def test_numbers_are_those_of_the_schema_and_prose_is_left_out_at_every_depth():
    one = ({"note_ids": [], "rows": [{"n": 2, "remark": "x"}]}, {"notes": {"NOT-1": note("a", weight=3)}})
    two = ({"note_ids": [], "rows": [{"n": 2.0, "remark": "y"}]}, {"notes": {"NOT-1": note("a", weight=3.0)}})
    assert unlike(one, two) == []
    three = ({"note_ids": [], "rows": [{"n": 2.5, "remark": "x"}]}, {"notes": {"NOT-1": note("a", weight=3.5)}})
    assert unlike(one, three) == ["response.rows", "notes.weight"]


def test_arrays_count_without_their_order_only_where_that_is_asked_for():
    one = ({"note_ids": ["NOT-1", "NOT-2"]}, {"notes": {"NOT-1": note("a"), "NOT-2": note("b")}})
    two = ({"note_ids": ["NOT-2", "NOT-1"]}, one[1])
    assert unlike(one, two) == ["response.note_ids"]
    assert unlike(one, two, any_order=True) == []
    assert unlike(one, ({"note_ids": ["NOT-1", "NOT-1"]}, one[1]), any_order=True) == ["response.note_ids"]
    sums = [({"note_ids": []}, {"notes": {"NOT-1": note("a", weight=weight)}}) for weight in (0.1 + 0.2 + 0.3, 0.6)]
    assert unlike(*sums) == ["notes.weight"]
    assert unlike(*sums, any_order=True) == []


def test_the_edges_of_a_call_are_an_id_in_another_case_and_what_is_one_off_its_records_and_its_code():
    arguments = {"product_id": "PRO-1", "quantity": 2}
    found = list(edge_arguments(SHOP.tools["PlaceOrder"], arguments, SHOP.state, now="2026-01-15", constants=[10]))
    assert [edge for edge in found if edge["quantity"] == 2] == [{"product_id": "pro-1", "quantity": 2}]
    assert {edge["quantity"] for edge in found if edge["product_id"] == "PRO-1"} == {11, 12, 13, 9, 10}


def test_states_without_records_keep_no_reference_to_what_is_gone():
    without = states_without(BANK.state, ("accounts", "transfers"))
    assert [sorted(name for name, records in state.items() if not records) for state in without] == [
        ["accounts", "transfers"],
        ["transfers"],
    ]


@pytest.mark.parametrize("name", ["Transfer", "CloseAccount"])
def test_a_call_that_changed_the_state_is_made_again_where_it_led(name):
    calls = DrawnCalls(BANK.tools[name], BANK.state, BANK.collections, now="2026-01-15", draws=8, seed=0)
    made = []
    for number, (arguments, before) in enumerate(calls):
        made.append((arguments, before))
        calls.led_to({**before, "transfers": {f"TR-{number}": {}}}, refused=False)
    repeated = made[-5:]
    assert all(arguments == repeated[0][0] for arguments, _ in repeated)
    assert repeated[0][1] is BANK.state
    assert len({tuple(before["transfers"]) for _, before in repeated}) == 5
