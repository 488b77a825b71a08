"""Verdicts: what the policy demands, where a judge is waited for, whose fault a failure is, and how it is told."""

import pytest

from synthtools.errors import DataError
from synthtools.types import (
    Response,
    SolutionVerdict,
    Step,
    Tool,
    ToolCode,
    Trajectory,
    TrajectoryVerdict,
    VerifyPolicy,
)
from synthtools.world.verify import verify
from synthtools.world.world import World
from tests.world.hotel import CODE, ENV, STATE, WORLD, call, task

CREATE = call("CreateBooking", room_id="RM-3", guest="Kim Novak", date="2026-05-02")
CANCEL_1 = call("CancelBooking", booking_id="BK-1")
CANCEL_3 = call("CancelBooking", booking_id="BK-3")
PRICE = call("GetRoom", room_id="RM-2")
BOOK = task("Book room RM-3 for Kim Novak on 2 May 2026, and cancel BK-3.", CREATE, CANCEL_3)


def with_policy(**policy):
    return BOOK.model_copy(update={"policy": VerifyPolicy(**policy)})


def rolled(*calls, stop_reason="answered", answer="Done.", **fields):
    world = World(ENV)
    steps = tuple(Step(calls=(made,), responses=(world.call(made),)) for made in calls)
    return Trajectory(task_id=BOOK.id, steps=steps, answer=answer, stop_reason=stop_reason, **fields)


# What the policy demands.


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({"fields": {"booking.status": "ignore"}}, r"policy.fields: booking.status: .*there are bookings, rooms"),
        ({"fields": {"bookings.state": "ignore"}}, r"no field state; they have date, guest, note, room_id, status"),
        ({"fields": {"status": "ignore"}}, r"'status' is no collection.field, such as rooms.name"),
        ({"required_calls": (call("Cancel"),)}, r"policy.required_calls: there is no tool Cancel; there are CancelB"),
        ({"forbidden_tools": ("Cancel",)}, r"policy.forbidden_tools: there is no tool Cancel"),
        ({"at_most": {"Cancel": 1}}, r"policy.at_most: there is no tool Cancel"),
        ({"before": (("GetRoom", "Cancel"),)}, r"policy.before: there is no tool Cancel"),
        ({"before": (("GetRoom", "GetRoom"),)}, r"GetRoom cannot come before itself"),
    ],
)
def test_a_policy_that_names_what_is_not_there_is_told_at_once(policy, words):
    with pytest.raises(DataError, match=words) as raised:
        verify(with_policy(**policy), [CREATE, CANCEL_3])
    assert str(raised.value).startswith(f"task {BOOK.id}: ")
    assert "\n" not in str(raised.value)


def test_a_state_without_schemas_still_says_which_collections_there_are():
    lone = with_policy(fields={"bookings.anything": "ignore"}).model_copy(update={"world": None})
    assert verify(lone, [CREATE, CANCEL_3]).passed
    with pytest.raises(DataError, match="there is no collection orders"):
        verify(with_policy(fields={"orders.status": "ignore"}).model_copy(update={"world": None}), [])


LOOK_FIRST = task(
    "See what room RM-2 costs, then book RM-3 for Kim Novak on 2 May 2026, and cancel BK-3.",
    *(PRICE, CREATE, CANCEL_3),
    policy=VerifyPolicy(before=(("GetRoom", "CreateBooking"),), at_most={"CancelBooking": 1}),
)


@pytest.mark.parametrize(
    ("calls", "passed"),
    [
        ([PRICE, CREATE, CANCEL_3], True),
        ([CANCEL_3, PRICE, CREATE], True),
        ([CREATE, CANCEL_3], False),
        ([CREATE, PRICE, CANCEL_3], False),
        ([call("GetRoom", room_id="RM-9"), CREATE, CANCEL_3], False),
        ([call("CreateBooking", room_id="RM-9", guest="X", date="2026-05-02"), PRICE, CREATE, CANCEL_3], False),
    ],
    ids=["first", "later", "never", "too late", "failed", "tried too early"],
)
def test_a_tool_must_have_succeeded_before_another_is_called(calls, passed):
    verdict = verify(LOOK_FIRST, calls)
    assert verdict.passed is passed
    assert passed or (verdict.reward, verdict.cause) == (0.0, "agent")


def test_what_is_never_called_waits_for_nothing():
    assert verify(with_policy(before=(("GetRoom", "FindBookings"),)), [CREATE, CANCEL_3]).passed


def test_fields_that_derive_from_the_clock_are_left_out_unless_the_policy_names_them():
    code = {**CODE, "CreateBooking": CODE["CreateBooking"].model_copy(update={"clock_fields": ("bookings.date",)})}
    given = BOOK.model_copy(update={"world": WORLD.model_copy(update={"code": code})})
    later = [call("CreateBooking", **{**CREATE.arguments, "date": "2026-05-03"}), CANCEL_3]
    assert verify(given, later).passed
    exact = given.model_copy(update={"policy": VerifyPolicy(fields={"bookings.date": "exact"})})
    assert not verify(exact, later).passed


# Where a judge is waited for.

JUDGED = with_policy(fields={"bookings.guest": "judge"})
OTHER_NAME = call("CreateBooking", **{**CREATE.arguments, "guest": "Ms Kim Novak"})
ASKED = ('/bookings/BK-4/guest is "Ms Kim Novak", expected "Kim Novak"',)


def said(equivalent, differences=ASKED):
    return SolutionVerdict(differences=differences, equivalent=equivalent, reason="It is the same person.")


def test_what_is_equal_needs_no_judge():
    assert verify(JUDGED, rolled(CREATE, CANCEL_3)).passed


def test_a_difference_that_is_left_to_a_judge_is_undecided_without_its_word():
    verdict = verify(JUDGED, rolled(OTHER_NAME, CANCEL_3))
    assert (verdict.passed, verdict.reward, verdict.cause) == (False, None, "judge")
    assert verdict.undecided == ASKED
    assert "UNDECIDED state: a judge's word is missing" in verdict.explanation


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        (said(True), (True, 1.0, None)),
        (said(False), (False, 0.5, "agent")),
        (said(True, ('/bookings/BK-4/guest is "Ann", expected "Kim Novak"',)), (False, None, "judge")),
    ],
    ids=["as good", "not as good", "said of something else"],
)
def test_the_judges_word_that_a_trajectory_holds_decides(word, outcome):
    verdict = verify(JUDGED, rolled(OTHER_NAME, CANCEL_3, solution=word))
    assert (verdict.passed, verdict.reward, verdict.cause) == outcome


def test_no_judge_excuses_what_code_finds_wrong():
    verdict = verify(JUDGED, rolled(OTHER_NAME, CANCEL_1, solution=said(True)))
    assert (verdict.cause, verdict.undecided) == ("agent", ())
    also_forbidden = with_policy(fields={"bookings.guest": "judge"}, forbidden_tools=("GetRoom",))
    verdict = verify(also_forbidden, rolled(PRICE, OTHER_NAME, CANCEL_3))
    assert (verdict.reward, verdict.cause, verdict.undecided) == (0.0, "agent", ())


def test_new_records_are_paired_so_that_only_the_judges_fields_differ():
    second = call("CreateBooking", room_id="RM-2", guest="Jo Wood", date="2026-06-01")
    pair = task("Book both.", CREATE, second, policy=VerifyPolicy(fields={"bookings.guest": "judge"}))
    verdict = verify(pair, rolled(call("CreateBooking", **{**second.arguments, "guest": "J. Wood"}), CREATE))
    assert verdict.undecided == ('/bookings/BK-5/guest is "J. Wood", expected "Jo Wood"',)


def test_a_whole_rollout_is_read_where_the_policy_says_so():
    read = with_policy(judged=True)
    assert verify(read, rolled(CREATE, CANCEL_3)).cause == "judge"
    for reached, outcome in ((True, (True, 1.0, None)), (False, (False, 0.0, "agent"))):
        word = TrajectoryVerdict(goal_reached=reached, reason="So it is.")
        verdict = verify(read, rolled(CREATE, CANCEL_3, judgement=word))
        assert (verdict.passed, verdict.reward, verdict.cause) == outcome
    assert verify(read, rolled(CREATE)).cause == "agent", "what code finds wrong needs no reading"


# Whose fault it is.


@pytest.mark.parametrize("cause", ["provider", "parse", "simulator", "budget"])
def test_infrastructure_that_ended_a_rollout_is_never_scored(cause):
    for calls in ((CREATE,), (CREATE, CANCEL_3)):
        verdict = verify(BOOK, rolled(*calls, stop_reason=cause, answer=None, error="it broke"))
        assert (verdict.passed, verdict.reward, verdict.cause) == (False, None, cause)
        assert "it broke" in verdict.explanation


def test_a_rollout_that_never_ended_is_not_solved_whatever_it_did():
    verdict = verify(BOOK, rolled(CREATE, CANCEL_3, stop_reason="turn_limit", answer=None))
    assert (verdict.passed, verdict.reward, verdict.cause) == (False, 0.0, "agent")
    assert "FAILED ended: stopped at the turn limit" in verdict.explanation


NO_FIND = {**CODE, "FindBookings": ToolCode(source=CODE["FindBookings"].source)}
FIND = call("FindBookings", room_id="RM-1")


def test_a_simulator_failure_counts_only_where_the_goal_was_missed():
    served = BOOK.model_copy(update={"world": WORLD.model_copy(update={"code": NO_FIND})})
    assert verify(served, [FIND, CREATE, CANCEL_3]).passed
    verdict = verify(served, [FIND, CREATE])
    assert (verdict.reward, verdict.cause) == (None, "simulator")
    assert "FindBookings had no answer" in verdict.explanation


@pytest.mark.parametrize(
    "broken",
    [
        task("Cancel BK-2.", call("CancelBooking", booking_id="BK-2")),
        task("Cancel BK-2.", call("CancelBooking", booking_id="BK-2"), final_state={**STATE, "rooms": {}}),
        task("Cancel BK-1.", CANCEL_1, final_state={**STATE, "rooms": {}}),
        task("Cancel BK-1.", call("Cancel", booking_id="BK-1"), world=None),
        task("Cancel BK-1.", CANCEL_1, policy=VerifyPolicy(forbidden_tools=("CancelBooking",))),
    ],
    ids=["refused", "refused, with an end", "leads elsewhere", "no such tool", "forbids itself"],
)
def test_a_task_whose_own_solution_does_not_solve_it_scores_nobody(broken):
    verdict = verify(broken, [CANCEL_1])
    assert (verdict.passed, verdict.reward, verdict.cause) == (False, None, "task")
    assert "gold" in verdict.explanation or "gives 409" in verdict.explanation


NO_ID = call("CancelBooking")


@pytest.mark.parametrize(
    ("calls", "cause"),
    [
        ([CREATE, NO_ID], "parameter"),
        ([CREATE, call("CancelBooking", booking="BK-3")], "parameter"),
        ([CREATE, call("CancelBooking", booking_id=3)], "parameter"),
        ([CREATE, call("cancel_booking", booking_id="BK-3")], "parameter"),
        ([CREATE, call("DeleteBooking", booking_id="BK-3")], "parameter"),
        ([CREATE, call("Nope")], "agent"),
        ([CREATE, NO_ID, CANCEL_1], "agent"),
        ([CREATE, call("CancelBooking", booking_id="BK-77")], "agent"),
        ([CREATE, call("GetRoom")], "agent"),
        ([CANCEL_3, call("CreateBooking", room_id="RM-3"), CREATE, CANCEL_1], "agent"),
        ([CREATE, CANCEL_3, CANCEL_1, NO_ID], "agent"),
        ([CREATE], "agent"),
    ],
    ids=[
        *("missing", "unknown", "type", "misspelt tool", "invented tool, right arguments", "unrelated tool"),
        *("made right on another record", "refused by the tool itself", "not needed", "made right", "not lacking"),
        "never tried",
    ],
)
def test_a_needed_call_that_never_got_past_the_gate_is_named(calls, cause):
    verdict = verify(BOOK, calls)
    assert verdict.cause == cause
    assert verdict.reward is not None and verdict.reward < 1
    assert ("was refused and never made right: 40" in verdict.explanation) is (cause == "parameter")
    assert verify(BOOK, [*calls[:-1], NO_ID, CREATE, CANCEL_3]).cause != "parameter"


def test_infrastructure_comes_before_the_task_and_the_task_before_the_agent():
    broken = task("Cancel BK-2.", call("CancelBooking", booking_id="BK-2"))
    assert verify(broken, rolled(CANCEL_1, stop_reason="parse")).cause == "parse"
    assert verify(broken, [call("CancelBooking")]).cause == "task"
    assert verify(JUDGED, rolled(OTHER_NAME, CANCEL_3, NO_ID)).cause == "judge"


# How it is told.


def test_the_explanation_shows_what_differs_record_by_record():
    kim = call("CreateBooking", **{**CREATE.arguments, "guest": "Kim"})
    verdict = verify(LOOK_FIRST, [kim, CANCEL_1, CANCEL_3])
    assert verdict.explanation.splitlines() == [
        "not solved (agent)",
        "FAILED state: 2 records are not as expected (- expected, + found)",
        "  bookings/BK-1",
        '    - status: "open"',
        '    + status: "cancelled"',
        "  bookings/BK-4",
        '    - guest: "Kim Novak"',
        '    + guest: "Kim"',
        "FAILED at_most: CancelBooking 2 times, at most 1: CancelBooking(booking_id='BK-1'), "
        "CancelBooking(booking_id='BK-3')",
        f"FAILED before: {kim} came before GetRoom had succeeded",
    ]


def test_missing_and_extra_records_are_shown_whole():
    missing = verify(BOOK, [CANCEL_3]).explanation
    assert (
        '  bookings/BK-4\n    - {"room_id":"RM-3","guest":"Kim Novak","date":"2026-05-02","status":"open"}' in missing
    )
    extra = verify(task("Cancel BK-3.", CANCEL_3), [CANCEL_3, CREATE]).explanation
    assert '  bookings/BK-4\n    + {"room_id":"RM-3","guest":"Kim Novak","date":"2026-05-02","status":"open"}' in extra


def test_the_explanation_is_bounded():
    note = "x" * 50
    tool = Tool(name="Fill", description="Fills all.", parameters={}, writes=("things",))
    source = (
        "def guard(args, state, now):\n    return None\n\n\ndef apply(args, state, now):\n"
        f"    for n in range(60):\n        state['things'][str(n)] = {{'a': '{note}' * 20, 'n': n}}\n    return {{}}\n"
    )
    world = WORLD.model_copy(
        update={"tools": (tool,), "collections": (), "code": {"Fill": ToolCode(source=source, certified=True)}}
    )
    full = task("Fill it.", call("Fill"), world=world, tools=(tool,), initial_state={"things": {}})
    verdict = verify(full, [])
    assert not verdict.passed
    assert len(verdict.explanation) < 2500
    assert "and 54 more records" in verdict.explanation


def test_without_a_world_the_rollouts_own_responses_say_which_calls_succeeded():
    lone = BOOK.model_copy(update={"world": None})
    steps = tuple(Step(calls=(made,), responses=(Response(status_code=409),)) for made in BOOK.gt_tool_calls)
    rollout = Trajectory(task_id=BOOK.id, steps=steps, answer="Done.", stop_reason="answered")
    assert verify(lone, rollout).cause == "agent"
