"""Planted faults are refused, right behaviours are certified, and the writer is told why in few words."""

import os
import subprocess
import sys

import pytest

from synthtools.errors import DataError
from synthtools.types import Parameter, Tool
from synthtools.world.agreement import disagreements
from synthtools.world.behaviour import Behaviour
from synthtools.world.draw import draw_arguments, draw_other_values, draw_valid_call
from synthtools.world.example import Example
from synthtools.world.gate import check
from tests.world.hotel import COLLECTIONS, SOURCES, STATE, TOOLS, call

BY_NAME = {tool.name: tool for tool in TOOLS}


def certify(name, source, examples=(), tool=None, draws=80):
    return Behaviour(source).certify(tool or BY_NAME[name], STATE, examples, collections=COLLECTIONS, draws=draws)


@pytest.mark.parametrize("name", SOURCES)
def test_right_behaviours_are_certified(name):
    certification = certify(name, SOURCES[name])
    assert certification.failures == ()
    assert certification.certified and certification.guard_certified
    assert certification.successes > 0


MARK = 'state["bookings"][args["booking_id"]]["status"] = "cancelled"'
FAULTS = {
    "crash on a wrong key": (
        "CancelBooking",
        MARK,
        'state["bookings"][args["id"]]["status"] = "cancelled"',
        "no_crash",
    ),
    "unknown id let pass": ("CancelBooking", "if booking is None:", "if False:", "no_crash"),
    "wrong code": ("CancelBooking", '"status_code": 409', '"status_code": 410', "documented_errors"),
    "guard changes the state": (
        "CancelBooking",
        '    if booking["status"] != "open":',
        '    booking["guest"] = "x"\n    if booking["status"] != "open":',
        "guard_changes_nothing",
    ),
    "mutation on error": (
        "CancelBooking",
        '        return {"status_code": 409',
        '        booking["status"] = "open"\n        return {"status_code": 409',
        "guard_changes_nothing",
    ),
    "wrong key in the response": ("CancelBooking", '"booking_id": args', '"id": args', "output_schema"),
    "wrong type in the response": ("FindBookings", '"count": len(', '"count": str(', "output_schema"),
    "write outside writes": (
        "CreateBooking",
        "booking_id = new_id",
        'state["rooms"]["RM-1"]["beds"] = 1\n    booking_id = new_id',
        "writes_only",
    ),
    "a reading tool writes": (
        "GetRoom",
        'room = state["rooms"]',
        'state["rooms"]["RM-1"]["beds"] = 6\n    room = state["rooms"]',
        "writes_only",
    ),
    "undeclared field": ("CancelBooking", '["status"] = "cancelled"', '["state"] = "cancelled"', "state_schema"),
    "value outside an enum": (
        "SetBookingStatus",
        '["status"] = args["status"]',
        '["status"] = args["status"].upper()',
        "state_schema",
    ),
    "dangling reference": ("CreateBooking", '"room_id": args["room_id"]', '"room_id": args["guest"]', "state_schema"),
    "nothing changes": ("CancelBooking", MARK, "pass", "changes_state"),
    "nothing succeeds": ("CancelBooking", "if booking is None:", "if True:", "some_success"),
    "unused argument": ("CreateBooking", '"guest": args["guest"]', '"guest": "Kim"', "arguments_matter"),
    "ignored new status": ("SetBookingStatus", 'args["status"]', '"open"', "arguments_matter"),
    "clock": (
        "CreateBooking",
        '"status": "open"}\n',
        '"status": "open", "note": datetime.now().isoformat()}\n',
        "dialect",
    ),
    "hidden state": (
        "CancelBooking",
        "def guard",
        "SEEN = []\n\n\ndef mark():\n    SEEN.append(1)\n\n\ndef guard",
        "dialect",
    ),
    "endless loop": ("CancelBooking", "booking = state", "while True:\n        pass\n    booking = state", "no_crash"),
    "set order": (
        "FindBookings",
        "found = [key for",
        'found = [key for key in {"b", "a"}]\n    found = [key for',
        "dialect",
    ),
    "no guard": ("CancelBooking", "def guard", "def check", "dialect"),
    "guard answers text": (
        "CancelBooking",
        'return {"status_code": 404, "message": "Not found: check the id"}',
        'return "no"',
        "no_crash",
    ),
    "crash on nothing": ("FindBookings", "found = [", 'first = list(state["bookings"])[0]\n    found = [', "no_crash"),
    "record replaced by text": (
        "CancelBooking",
        MARK,
        'state["bookings"][args["booking_id"]] = "cancelled"',
        "state_schema",
    ),
    "collection cleared": ("CancelBooking", MARK, 'state["bookings"] = None', "state_schema"),
    "too many digits": ("FindBookings", 'len(found[: args["limit"]])}', "10**400}", "no_crash"),
}


@pytest.mark.parametrize(("name", "right", "wrong", "broken"), FAULTS.values(), ids=FAULTS)
def test_planted_faults_are_refused_for_the_property_they_break(name, right, wrong, broken):
    assert right in SOURCES[name]
    certification = certify(name, SOURCES[name].replace(right, wrong))
    assert not certification.certified
    assert broken in [failure.property for failure in certification.failures]
    assert all(0 < len(str(failure)) <= 400 for failure in certification.failures)


def example(**fields):
    return Example(**{"args": {"booking_id": "BK-1"}, "before": STATE, **fields})


def with_status(booking_id, status):
    bookings = {**STATE["bookings"], booking_id: {**STATE["bookings"][booking_id], "status": status}}
    return {**STATE, "bookings": bookings}


EXAMPLES = [
    example(response={"booking_id": "BK-1", "status": "cancelled"}, after=with_status("BK-1", "cancelled")),
    example(args={"booking_id": "BK-9"}, status=404),
    example(args={"booking_id": "BK-2"}, status=409),
]


def test_examples_that_hold_certify():
    assert certify("CancelBooking", SOURCES["CancelBooking"], EXAMPLES).certified


@pytest.mark.parametrize(
    ("right", "wrong", "part", "told"),
    [
        ('booking["status"] != "open"', 'booking["status"] == "cancelled"', "guard", "expected status 409"),
        ('"status_code": 409', '"status_code": 404', "guard", "expected status 409"),
        ('["status"] = "cancelled"', '["status"] = "checked_in"', "apply", "expected"),
        ('"status": "cancelled"}', '"status": "open"}', "apply", "expected"),
    ],
)
def test_an_example_that_does_not_hold_is_told_with_what_was_expected(right, wrong, part, told):
    certification = certify("CancelBooking", SOURCES["CancelBooking"].replace(right, wrong), EXAMPLES)
    failure = certification.failures[0]
    assert (certification.certified, failure.property, failure.part) == (False, "example", part)
    assert told in str(failure) and "args = " in str(failure)


def test_guard_and_apply_are_certified_apart():
    wrong_apply = certify("CancelBooking", SOURCES["CancelBooking"].replace('"booking_id": args', '"id": args'))
    assert (wrong_apply.certified, wrong_apply.guard_certified) == (False, True)
    guard_alone = certify("CancelBooking", SOURCES["CancelBooking"].split("def apply")[0])
    assert (guard_alone.certified, guard_alone.guard_certified) == (False, True)
    wrong_guard = certify("CancelBooking", SOURCES["CancelBooking"].replace("409", "410"))
    assert (wrong_guard.certified, wrong_guard.guard_certified) == (False, False)


def test_two_behaviours_that_differ_are_found_by_a_call_that_shows_it():
    first, same = Behaviour(SOURCES["CancelBooking"]), Behaviour(SOURCES["CancelBooking"] + "\n# another hand\n")
    other = Behaviour(SOURCES["CancelBooking"].replace('!= "open"', '== "cancelled"'))
    tool = BY_NAME["CancelBooking"]
    assert disagreements(first, same, tool, STATE, collections=COLLECTIONS) == []
    found = disagreements(first, other, tool, STATE, collections=COLLECTIONS, most=1)
    assert [case.arguments for case in found] == [{"booking_id": "BK-2"}]
    case = found[0]
    assert (case.first.status, case.second.status) == (409, 200)
    assert case.before == {"bookings": STATE["bookings"]}
    assert "the first answered 409" in case.what and "the second succeeded" in case.what
    assert case.shown("first") == {"status": 409}
    assert case.shown("second") == {
        "status": 200,
        "data": {"booking_id": "BK-2", "status": "cancelled"},
        "changed_records": {"bookings": {"BK-2": {**STATE["bookings"]["BK-2"], "status": "cancelled"}}},
    }


def test_a_settled_disagreement_is_a_worked_example_for_the_one_that_was_wrong():
    right = SOURCES["CancelBooking"]
    wrong = right.replace('!= "open"', '== "cancelled"')
    case = disagreements(Behaviour(right), Behaviour(wrong), BY_NAME["CancelBooking"], STATE, most=1)[0]
    assert certify("CancelBooking", right, [case.example("first")]).certified
    assert certify("CancelBooking", wrong, [case.example("first")]).failures[0].property == "example"
    assert certify("CancelBooking", wrong, [case.example("second")]).certified
    assert certify("CancelBooking", right, [case.example("second")]).failures[0].property == "example"


def test_disagreements_show_each_kind_before_a_second_case_of_one():
    first = SOURCES["CreateBooking"]
    second = first.replace('"status": "open"}\n    if', '"status": "checked_in"}\n    if').replace("409", "404")
    found = disagreements(
        Behaviour(first), Behaviour(second), BY_NAME["CreateBooking"], STATE, collections=COLLECTIONS, most=2
    )
    assert {(case.first.status, case.second.status) for case in found} == {(200, 200), (409, 404)}
    many = disagreements(
        Behaviour(first), Behaviour(second), BY_NAME["CreateBooking"], STATE, collections=COLLECTIONS, most=4
    )
    assert len(many) == 4 and many[:2] == found


def test_a_crash_is_a_disagreement_and_no_exception():
    crashing = SOURCES["CancelBooking"].replace("if booking is None:", "if False:")
    for one, two, status in ((SOURCES["CancelBooking"], crashing, "second"), (crashing, "def f(", "first")):
        found = disagreements(Behaviour(one), Behaviour(two), BY_NAME["CancelBooking"], STATE)
        assert None in [getattr(case, status).status for case in found]
        case = next(case for case in found if getattr(case, status).status is None)
        assert "crashed" in case.what and case.shown(status) == {"status": "crashed"}
        with pytest.raises(DataError, match=f"the {status} behaviour crashed"):
            case.example(status)


def test_a_second_behaviour_may_name_ids_and_write_times_in_its_own_way_and_nothing_else():
    tool = BY_NAME["CreateBooking"].model_copy(
        update={"output": {**BY_NAME["CreateBooking"].output, "at": Parameter(type="string", format="date-time")}}
    )
    source = SOURCES["CreateBooking"].replace('"status": "open"}\n', '"status": "open", "at": now}\n')
    source = source.replace(
        '"date": args["date"], "status": "open", "at": now}', '"date": args["date"], "status": "open"}'
    )
    other = source.replace('new_id("bookings")', '"BK-" + str(100 + 7 * len(state["bookings"]))')
    other = other.replace('"at": now}', '"at": now.replace("Z", "+00:00")}')

    def agreed(second):
        return Behaviour(source).certify(tool, STATE, collections=COLLECTIONS, draws=40, second=second)

    assert agreed(other).certified
    for right, wrong in (('"+00:00")', '"+01:00")'), ('{"booking_id": booking_id', '{"booking_id": args["room_id"]')):
        assert right in other
        certification = agreed(other.replace(right, wrong))
        assert [failure.property for failure in certification.failures] == ["agreement"]
        assert certification.guard_certified and not certification.certified
    failure = agreed(other.replace("409", "404")).failures[0]
    assert (failure.property, failure.part) == ("agreement", "guard")
    assert "409" in str(failure) and "404" in str(failure)


def test_prose_is_never_compared():
    tool = BY_NAME["GetRoom"].model_copy(
        update={"output": {**BY_NAME["GetRoom"].output, "name": Parameter(type="string", prose=True)}}
    )
    right = Example(
        args={"room_id": "RM-1"}, before=STATE, response={"room_id": "RM-1", "name": "?", "beds": 2, "price": 80.0}
    )
    assert certify("GetRoom", SOURCES["GetRoom"], [right], tool=tool).certified
    assert not certify("GetRoom", SOURCES["GetRoom"], [right]).certified


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_drawn_arguments_pass_the_gate_and_cover_known_and_unknown_ids(tool):
    drawn = draw_arguments(tool, STATE, COLLECTIONS, seed=3, n=60)
    assert len(drawn) == 60
    assert all(check(tool, call(tool.name, **arguments)).passed for arguments in drawn)
    for name, parameter in tool.parameters.items():
        if parameter.references:
            ids = {arguments[name] for arguments in drawn}
            assert ids & STATE[parameter.references].keys()
            assert ids - STATE[parameter.references].keys()
        if parameter.enum:
            assert {arguments[name] for arguments in drawn} == set(parameter.enum)
        if parameter.maximum is not None:
            assert {parameter.minimum, parameter.maximum} <= {arguments[name] for arguments in drawn}


def test_every_choice_is_drawn_and_optionals_come_and_go_together():
    choices = tuple(f"c{number}" for number in range(12))
    optional = {name: Parameter(type="integer", required=False, minimum=1) for name in "abcde"}
    tool = Tool(
        name="T", description="", parameters={"choice": Parameter(type="string", enum=choices), **optional}, output={}
    )
    drawn = draw_arguments(tool, {}, n=24)
    assert sorted(arguments["choice"] for arguments in drawn) == sorted(choices * 2)
    assert {len(arguments) for arguments in drawn} >= {1, 6}


def test_numbers_and_dates_are_drawn_one_off_what_the_named_records_hold():
    tool = Tool(
        name="T",
        description="",
        parameters={
            "least": Parameter(type="integer"),
            "until": Parameter(type="string", format="date"),
            "room_id": Parameter(type="string", references="rooms"),
        },
        reads=("rooms",),
    )
    state = {"rooms": {"RM-1": {"price": 700, "built": "2001-05-05"}, "RM-2": {"price": 90, "built": "2010-10-10"}}}
    drawn = draw_arguments(tool, state, n=80, now="2026-01-15T09:00:00Z")
    assert list(drawn[0]) == ["least", "until", "room_id"]
    near = {(arguments["room_id"], arguments["least"]) for arguments in drawn}
    assert near & {("RM-1", 699), ("RM-1", 701)} and near & {("RM-2", 89), ("RM-2", 91)}
    assert {"2001-05-04", "2001-05-06", "2026-01-14", "2026-01-16"} & {arguments["until"] for arguments in drawn}


def test_references_are_recognised_by_name_too():
    tool = Tool(name="T", description="", parameters={"booking_id": Parameter(type="string")}, reads=("bookings",))
    assert {arguments["booking_id"] for arguments in draw_arguments(tool, STATE, n=40)} & STATE["bookings"].keys()


def test_valid_calls_use_what_is_there():
    for seed in range(10):
        made = draw_valid_call(BY_NAME["CancelBooking"], STATE, COLLECTIONS, seed)
        assert made.arguments["booking_id"] in STATE["bookings"]


def test_other_values_are_valid_and_differ():
    values = draw_other_values(BY_NAME["SetBookingStatus"], "status", "open", STATE, COLLECTIONS)
    assert sorted(values) == ["cancelled", "checked_in"]
    ids = draw_other_values(BY_NAME["CancelBooking"], "booking_id", "BK-1", STATE, COLLECTIONS, n=2)
    assert set(ids) == {"BK-2", "BK-3"}


@pytest.mark.parametrize(
    "pattern", [r"^[A-Z]{3}-\d{4}$", r"^(ab|cd)+x?$", r"^[^\s@]+@[a-z]+\.org$", r"^\+?[0-9 ]{7,9}$"]
)
def test_patterns_are_drawn_from(pattern):
    tool = Tool(name="T", description="", parameters={"code": Parameter(type="string", pattern=pattern)})
    assert len(draw_arguments(tool, {}, n=10)) == 10


def test_draws_are_the_same_in_a_process_with_another_hash_seed():
    program = (
        "from tests.world.hotel import *\nfrom synthtools.world.draw import draw_arguments\n"
        "print([draw_arguments(tool, STATE, COLLECTIONS, 5, 20) for tool in TOOLS])"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.getcwd()},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert printed == {f"{[draw_arguments(tool, STATE, COLLECTIONS, 5, 20) for tool in TOOLS]}\n"}


def test_examples_may_be_plain_objects():
    before = {"bookings": {"BK-1": {**STATE["bookings"]["BK-1"], "status": "open"}}}
    after = {"bookings": {"BK-1": {**before["bookings"]["BK-1"], "status": "cancelled"}}}
    response = {"booking_id": "BK-1", "status": "cancelled"}
    right = {"args": {"booking_id": "BK-1"}, "before": before, "status": 200, "response": response, "after": after}
    refused = {"args": {"booking_id": "BK-9"}, "before": before, "status": 404, "response": None, "after": None}
    assert certify("CancelBooking", SOURCES["CancelBooking"], [right, refused]).certified
    wrong = {**right, "response": {**response, "status": "open"}}
    assert certify("CancelBooking", SOURCES["CancelBooking"], [wrong]).failures[0].property == "example"


def test_a_malformed_example_is_named():
    with pytest.raises(DataError, match="example 1: args: Field required"):
        certify("CancelBooking", SOURCES["CancelBooking"], [{"before": STATE}])
