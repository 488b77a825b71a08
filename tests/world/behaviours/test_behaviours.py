"""Right behaviours are certified and planted faults are refused for what they break, in four small domains."""

import pytest

from synthtools.types import Parameter
from synthtools.types.record import Json
from synthtools.world.behaviour import Behaviour
from synthtools.world.certification import Certification
from synthtools.world.example import Example
from tests.world.behaviours.bank import BANK
from tests.world.behaviours.bare import BARE, Bare, source_of
from tests.world.behaviours.clinic import CLINIC
from tests.world.behaviours.domain import Domain
from tests.world.behaviours.faults import DRAWS, EXAMPLE, FAULTS, SECOND, Fault
from tests.world.behaviours.library import LIBRARY
from tests.world.behaviours.shop import SHOP

DOMAINS = (BANK, CLINIC, LIBRARY, SHOP)
RIGHT = [(domain, name) for domain in DOMAINS for name in domain.sources]
OTHER_HANDS = [(domain, name) for domain in DOMAINS for name in domain.other_hand]
HEADS = {"a module list": "MADE = []\n", "a constant changed by another name": 'TABLE = {"a": []}\n'}


def certify(domain: Domain, name: str, source: str, examples=(), second=None) -> Certification:
    return Behaviour(source).certify(
        domain.tools[name], domain.state, examples, collections=domain.collections, draws=60, second=second
    )


def faulty(fault: Fault) -> str:
    source = fault.domain.sources[fault.tool]
    assert fault.right in source
    return HEADS.get(fault.name, "") + source.replace(fault.right, fault.wrong)


def test_the_set_is_as_large_as_it_should_be():
    assert len(FAULTS) >= 30 and len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert len({(id(fault.domain), fault.tool) for fault in FAULTS}) >= 8
    assert len(RIGHT) + len(OTHER_HANDS) >= 30


@pytest.mark.parametrize(("domain", "name"), RIGHT, ids=lambda value: value if isinstance(value, str) else "")
def test_right_code_is_certified(domain: Domain, name: str):
    certification = certify(domain, name, domain.sources[name])
    assert certification.failures == ()
    assert certification.certified and certification.guard_certified
    assert certification.idle_reads == certification.idle_writes == ()


@pytest.mark.parametrize(("domain", "name"), OTHER_HANDS, ids=lambda value: value if isinstance(value, str) else "")
def test_right_code_by_two_hands_agrees(domain: Domain, name: str):
    certification = certify(domain, name, domain.other_hand[name], second=domain.sources[name])
    assert certification.failures == ()
    assert certification.certified


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_refused_for_what_it_breaks(fault: Fault):
    source, examples, second = faulty(fault), [], None
    if fault.shown_by != DRAWS:
        unseen = certify(fault.domain, fault.tool, source)
        assert unseen.certified, "drawn calls alone show it: say so in the table"
    if fault.shown_by == EXAMPLE:
        examples = [Example(before=fault.domain.state, **fault.example)]
        assert certify(fault.domain, fault.tool, fault.domain.sources[fault.tool], examples).certified
    if fault.shown_by == SECOND:
        second = fault.domain.sources[fault.tool]
    certification = certify(fault.domain, fault.tool, source, examples, second)
    assert not certification.certified
    assert fault.broken in [failure.property for failure in certification.failures], certification.failures
    assert all(0 < len(str(failure)) <= 400 for failure in certification.failures)


def test_what_derives_from_the_clock_is_seen():
    derived = {
        name: (certification.clock_fields, certification.clock_outputs)
        for domain, name in ((BANK, "Transfer"), (BANK, "FreezeAccount"), (LIBRARY, "LendBook"), (CLINIC, "PlanVisit"))
        for certification in [certify(domain, name, domain.sources[name])]
    }
    assert derived == {
        "Transfer": (("transfers.made_at",), ("made_at",)),
        "FreezeAccount": ((), ()),
        "LendBook": (("loans.due",), ("due",)),
        "PlanVisit": ((), ()),
    }


def test_what_a_tool_declares_and_its_code_never_uses_is_told_and_not_refused():
    tool = BANK.tools["AddInterest"].model_copy(update={"reads": ("transfers",), "writes": ("accounts", "transfers")})
    wide = BANK.tools["Statement"].model_copy(update={"reads": ("accounts", "transfers", "cards")})
    state: dict[str, Json] = {**BANK.state, "cards": {"CAR-1": {"account_id": "ACC-1"}}}
    certification = Behaviour(BANK.sources["AddInterest"]).certify(tool, BANK.state, draws=60)
    assert certification.certified and certification.idle_writes == ("transfers",)
    certification = Behaviour(BANK.sources["Statement"]).certify(wide, state, draws=60)
    assert certification.certified and certification.idle_reads == ("cards",)


def test_what_is_read_without_being_declared_is_refused_with_the_way_out():
    tool = BANK.tools["Statement"].model_copy(update={"reads": ("accounts",)})
    plain = BANK.sources["Statement"]
    hidden = plain.replace('state["transfers"]', 'state["trans" + "fers"]')
    for source, broken in ((plain, "reads_only"), (hidden, "no_crash")):
        certification = Behaviour(source).certify(tool, BANK.state, collections=BANK.collections, draws=60)
        assert not certification.certified
        failure = certification.failures[0]
        assert failure.property == broken
        assert "add it to the tool's `reads`" in str(failure)


def test_a_guard_is_tried_on_all_draws_although_apply_fails_on_the_first():
    source = BANK.sources["Transfer"].replace('"left_cents":', '"left":')
    certification = certify(BANK, "Transfer", source)
    assert (certification.certified, certification.guard_certified) == (False, True)
    assert certification.calls >= 60 and certification.successes > 0
    moody = """    if list(state["accounts"])[0] == "ACC-4":
        return {"status_code": 409, "message": ""}
    if args["amount_cents"]"""
    both = source.replace('    if args["amount_cents"]', moody)
    assert not certify(BANK, "Transfer", both).guard_certified


def test_examples_hold_up_to_the_ids_that_a_call_creates():
    state = {"members": LIBRARY.state["members"], "books": LIBRARY.state["books"], "loans": {}}
    lent = {"member_id": "MEM-2", "book_id": "BOO-4", "due": "2026-01-29", "returned": False}
    books = {**state["books"], "BOO-4": {**state["books"]["BOO-4"], "copies": 0}}
    example = {
        "args": {"member_id": "MEM-2", "book_id": "BOO-4"},
        "before": state,
        "response": {"loan_id": "LOA-77", "due": "2026-01-29"},
        "after": {"loans": {"LOA-77": lent}, "books": books},
    }
    assert certify(LIBRARY, "LendBook", LIBRARY.sources["LendBook"], [example]).certified
    for response, loan in (({"loan_id": "LOA-78"}, {}), ({}, {"book_id": "BOO-3"})):
        wrong = {
            **example,
            "response": {**example["response"], **response},
            "after": {"loans": {"LOA-77": {**lent, **loan}}, "books": books},
        }
        failures = certify(LIBRARY, "LendBook", LIBRARY.sources["LendBook"], [wrong]).failures
        assert [failure.property for failure in failures] == ["example"]


@pytest.mark.parametrize("case", BARE, ids=lambda case: case.name)
def test_code_is_judged_where_nothing_says_what_a_parameter_names(case: Bare):
    for seed in (0, 1):
        right = Behaviour(source_of(case)).certify(case.tool, case.state, draws=60, seed=seed)
        assert right.failures == () and right.certified
    wrong = Behaviour(source_of(case, wrong=True)).certify(case.tool, case.state, draws=60)
    assert case.broken in [failure.property for failure in wrong.failures], wrong.failures
    assert not wrong.certified


def test_a_worked_example_that_holds_is_a_call_that_succeeds():
    tool = BARE[0].tool.model_copy(update={"parameters": {"code": Parameter(type="string", pattern="^[a-z]{9}$")}})
    source = BARE[0].source.replace("sku", "code").replace('args["pieces"]', "1")
    state: dict[str, Json] = {"stock": {"pineapple": {"on_hand": 3}}, "sales": {}}
    example = {"args": {"code": "pineapple"}, "before": state, "response": {"result": ["pineapple"]}}
    assert Behaviour(source).certify(tool, {"stock": {}, "sales": {}}, [example], draws=20).certified
    alone = Behaviour(source).certify(tool, {"stock": {}, "sales": {}}, draws=20)
    assert [failure.property for failure in alone.failures] == ["some_success"]


SOLD = """
def guard(args, state, now):
    return None


def apply(args, state, now):
    sale_id, again = new_id("sales"), new_id("sales")
    state["sales"][sale_id] = state["sales"][again] = {"sku": args["sku"]}
    return {"result": [sale_id, again, sale_id, args["sku"]]}
"""


@pytest.mark.parametrize(
    ("response", "holds"),
    [
        (["sale-1", "sale-2", "sale-1", "apple"], True),
        (["sale-1", "sale-1", "sale-1", "apple"], False),
        (["sale-1", "sale-2", "sale-3", "apple"], False),
        (["SAL-7", "sale-2", "SAL-7", "apple"], False),
        (["sale-1", "sale-2", "sale-1", "pear"], False),
    ],
)
def test_an_example_without_a_state_afterwards_may_name_new_ids_in_its_own_way(response: list[Json], holds: bool):
    tool = BARE[0].tool.model_copy(update={"parameters": {"sku": Parameter(type="string")}})
    state: dict[str, Json] = {"stock": {}, "sales": {"SAL-7": {"sku": "apple"}}}
    example = {"args": {"sku": "apple"}, "before": state, "response": {"result": response}}
    failures = Behaviour(SOLD).certify(tool, state, [example], draws=20).failures
    assert [failure.property for failure in failures if failure.property == "example"] == ([] if holds else ["example"])


def test_an_id_that_the_caller_chose_is_compared_as_it_is():
    tool = BARE[0].tool.model_copy(update={"parameters": {"sku": Parameter(type="string")}})
    source = SOLD.replace('new_id("sales"), new_id("sales")', 'args["sku"], new_id("sales")')
    for said, holds in (("apple", True), ("another", False)):
        example = {
            "args": {"sku": "apple"},
            "before": {"stock": {}, "sales": {}},
            "response": {"result": [said, "x", said, "apple"]},
        }
        failures = Behaviour(source).certify(tool, {"stock": {}, "sales": {}}, [example], draws=20).failures
        assert ("example" not in [failure.property for failure in failures]) == holds


def test_a_source_without_apply_is_told_so_and_its_guard_stands():
    guard = BANK.sources["FreezeAccount"].partition("def apply")[0]
    certification = certify(BANK, "FreezeAccount", guard)
    assert (certification.certified, certification.guard_certified) == (False, True)
    assert [failure.property for failure in certification.failures] == ["no_apply"]
    assert "define" in str(certification.failures[0])


REMOVE_ROOM = """
def guard(args, state, now):
    if args["room_id"] not in state["rooms"]:
        return {"status_code": 404, "message": "Not found"}
    if args["room_id"] in [booking["room_id"] for booking in state["bookings"].values()]:
        return {"status_code": 409, "message": "Locked"}


def apply(args, state, now):
    state["rooms"].pop(args["room_id"])
    return {"result": []}
"""


def test_a_collection_that_only_a_refusal_looks_at_is_not_idle():
    room = Parameter(type="string", references="rooms")
    update = {"parameters": {"room_id": room}, "reads": ("bookings", "guests"), "writes": ("rooms",)}
    state: dict[str, Json] = {
        "rooms": {f"R-{number}": {} for number in range(4)},
        "bookings": {"B-1": {"room_id": "R-1"}},
        "guests": {"G-1": {}},
    }
    for seed in range(3):
        certification = Behaviour(REMOVE_ROOM).certify(
            BARE[0].tool.model_copy(update=update), state, draws=60, seed=seed
        )
        assert certification.certified and certification.idle_reads == ("guests",)
