"""Tasks with known flaws get the right certificate, and rollouts the right verdict, each for the right reason."""

import copy
import os
import subprocess
import sys

import pytest

from synthtools.errors import ReplayError
from synthtools.types import (
    AnswerValue,
    Certificate,
    KillCount,
    Response,
    Step,
    ToolCall,
    ToolCode,
    Trajectory,
    TrajectoryVerdict,
    VerifyPolicy,
)
from synthtools.types.canonical import CANONICAL_VERSION
from synthtools.world import certificate as certificates
from synthtools.world.behaviour import Behaviour
from synthtools.world.certificate import certify, certify_many, staleness
from synthtools.world.replay import fingerprint, fingerprints_elsewhere, replay
from synthtools.world.simulator import Simulation
from synthtools.world.transitions import MemoryTransitions
from synthtools.world.verify import verify, verify_world
from synthtools.world.world import World
from tests.world.hotel import CODE, COLLECTIONS, ENV, NOW, STATE, TOOLS, WORLD, call, task
from tests.world.tampering import FLAWS

CREATE = call("CreateBooking", room_id="RM-3", guest="Kim Novak", date="2026-05-02")
CANCEL_1 = call("CancelBooking", booking_id="BK-1")
CANCEL_3 = call("CancelBooking", booking_id="BK-3")
PRICE = call("GetRoom", room_id="RM-2")
FIND = call("FindBookings", room_id="RM-1")

BOOK = task("Book room RM-3 for Kim Novak on 2 May 2026, and cancel BK-3.", CREATE, CANCEL_3)
ASK = task(
    "How much is a night in room RM-2?",
    PRICE,
    certificate=Certificate(grade="recorded", expected_answer=(AnswerValue(value=145.5, call=0, pointer="/price"),)),
)
BOTH = task(
    "Cancel BK-1, and what does room RM-2 cost?",
    CANCEL_1,
    PRICE,
    certificate=Certificate(grade="recorded", expected_answer=(AnswerValue(value=145.5, call=1, pointer="/price"),)),
)
CHAIN = task(
    "Book room RM-3 for Kim Novak on 2 May 2026 and check them in right away.",
    CREATE,
    call("SetBookingStatus", booking_id="BK-4", status="checked_in"),
)
GOOD = {"book": BOOK, "ask": ASK, "both": BOTH, "chain": CHAIN}


def failed(certificate):
    return {check.name for check in certificate.checks if not check.passed}


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_a_sound_task_is_certified_and_all_its_broken_variants_fail(good):
    certificate = certify(good)
    assert (certificate.grade, failed(certificate)) == ("certified", set())
    assert certificate.killed == certificate.variants > 0
    for field, total in (("tried", certificate.variants), ("killed", certificate.killed)):
        assert sum(getattr(count, field) for count in certificate.kills.values()) == total


ROLLOUTS = {
    "gold": (BOOK, [CREATE, CANCEL_3], None, True),
    "harmless reorder": (BOOK, [CANCEL_3, CREATE], None, True),
    "extra read": (BOOK, [PRICE, CREATE, FIND, CANCEL_3], None, True),
    "equivalent call": (BOOK, [CREATE, call("SetBookingStatus", booking_id="BK-3", status="cancelled")], None, True),
    "failed tries before": (BOOK, [call("CancelBooking", booking_id="BK-77"), CREATE, CANCEL_3], None, True),
    "calls as text": (
        BOOK,
        ["CreateBooking(room_id='RM-3', guest='Kim Novak', date='2026-05-02')", "CancelBooking[booking_id = 'BK-3']"],
        None,
        True,
    ),
    "nothing": (BOOK, [], None, False),
    "half": (BOOK, [CREATE], None, False),
    "other target": (BOOK, [CREATE, CANCEL_1], None, False),
    "other value": (
        BOOK,
        [call("CreateBooking", room_id="RM-3", guest="Kim", date="2026-05-02"), CANCEL_3],
        None,
        False,
    ),
    "extra write": (BOOK, [CREATE, CANCEL_3, CANCEL_1], None, False),
    "twice": (
        BOOK,
        [CREATE, CANCEL_3, call("CreateBooking", room_id="RM-3", guest="Kim Novak", date="2026-05-03")],
        None,
        False,
    ),
    "prose note besides": (
        BOOK,
        [call("CreateBooking", **CREATE.arguments, note="late arrival"), CANCEL_3],
        None,
        True,
    ),
    "wrong tool": (BOOK, [call("Nope")], None, False),
    "answer right": (ASK, [PRICE], "A night costs 145.50.", True),
    "answer wrong": (ASK, [PRICE], "A night costs 80.", False),
    "answer right by chance": (ASK, [], "A night costs 145.50.", False),
    "answer from another room": (ASK, [call("GetRoom", room_id="RM-1")], "A night costs 145.50.", False),
    "no answer": (ASK, [PRICE], "", False),
    "calls alone are judged as calls": (ASK, [PRICE], None, True),
    "no calls alone": (ASK, [], None, False),
    "read and answer with a write besides": (ASK, [PRICE, CANCEL_1], "145.5", False),
    "state and answer": (BOTH, [PRICE, CANCEL_1], "Done. It is 145.50.", True),
    "state without answer": (BOTH, [CANCEL_1], "Done.", False),
    "answer without state": (BOTH, [PRICE], "It is 145.50.", False),
    "another generated id": (
        CHAIN,
        [
            call("CreateBooking", room_id="RM-2", guest="X", date="2026-09-09"),
            CREATE,
            call("SetBookingStatus", booking_id="BK-5", status="checked_in"),
        ],
        None,
        False,
    ),
}


@pytest.mark.parametrize(("given", "calls", "answer", "passed"), ROLLOUTS.values(), ids=ROLLOUTS)
def test_a_rollout_gets_the_right_verdict(given, calls, answer, passed):
    verdict = verify(given, calls, answer)
    assert verdict.passed is passed, verdict.explanation
    assert (verdict.reward == 1.0) is passed and 0 <= verdict.reward <= 1
    assert verdict.cause == (None if passed else "agent")
    assert verdict.explanation.splitlines()[0] == ("solved" if passed else "not solved (agent)")


def test_generated_ids_compare_up_to_renaming():
    """Two bookings made in another order have each other's ids; what refers to them follows."""
    second = call("CreateBooking", room_id="RM-2", guest="Jo Wood", date="2026-06-01")
    pair = task("Book RM-3 for Kim Novak on 2 May 2026 and RM-2 for Jo Wood on 1 June 2026.", CREATE, second)
    assert verify(pair, [second, CREATE]).passed
    checked = task("...", CREATE, second, call("SetBookingStatus", booking_id="BK-5", status="checked_in"))
    assert verify(checked, [second, CREATE, call("SetBookingStatus", booking_id="BK-4", status="checked_in")]).passed
    assert not verify(
        checked, [second, CREATE, call("SetBookingStatus", booking_id="BK-5", status="checked_in")]
    ).passed


@pytest.mark.parametrize(
    ("rule", "field", "value", "passed"),
    [("ignore", "guest", "Eve", True), ("exact", "guest", "Eve", False), ("exact", "guest", "Kim Novak", True)],
)
def test_the_policy_of_a_field_decides(rule, field, value, passed):
    given = BOOK.model_copy(update={"policy": VerifyPolicy(fields={f"bookings.{field}": rule})})
    assert verify(given, [call("CreateBooking", **{**CREATE.arguments, field: value}), CANCEL_3]).passed is passed


def test_float_noise_passes_only_where_the_policy_tolerates_it():
    final = copy.deepcopy(STATE)
    final["bookings"]["BK-1"]["status"] = "cancelled"
    final["rooms"]["RM-1"]["price"] = 80.0000001
    strict = task("Cancel BK-1.", CANCEL_1, final_state=final)
    tolerant = strict.model_copy(update={"policy": VerifyPolicy(fields={"rooms.price": "tolerance"})})
    assert not verify(strict, [CANCEL_1]).passed
    assert verify(tolerant, [CANCEL_1]).passed


def test_limits_on_calls_are_kept():
    limited = BOOK.model_copy(
        update={"policy": VerifyPolicy(at_most={"GetRoom": 1}, forbidden_tools=("FindBookings",))}
    )
    assert verify(limited, [PRICE, CREATE, CANCEL_3]).passed
    assert not verify(limited, [PRICE, PRICE, CREATE, CANCEL_3]).passed
    assert not verify(limited, [FIND, CREATE, CANCEL_3]).passed


def trajectory(calls, answer, stop_reason="answered", **fields):
    world = World(ENV)
    steps = tuple(Step(calls=(made,), responses=(world.call(made),)) for made in calls)
    return Trajectory(task_id=BOOK.id, steps=steps, answer=answer, stop_reason=stop_reason, **fields)


@pytest.mark.parametrize(
    ("stop_reason", "cause"),
    [
        ("provider", "provider"),
        ("parse", "parse"),
        ("simulator", "simulator"),
        ("budget", "budget"),
        ("turn_limit", "agent"),
        ("repeated_calls", "agent"),
        ("answered", "agent"),
    ],
)
def test_what_broke_is_named_and_only_the_agents_part_counts_against_it(stop_reason, cause):
    verdict = verify(BOOK, trajectory([CREATE], None, stop_reason))
    assert (verdict.passed, verdict.cause) == (False, cause)


def test_a_trajectory_without_an_answer_does_not_answer_a_question():
    assert verify(ASK, trajectory([PRICE], "It is 145.50")).passed
    assert not verify(ASK, trajectory([PRICE], None)).passed


def test_a_task_whose_gold_solution_fails_is_the_tasks_fault():
    broken = task("Cancel BK-2.", call("CancelBooking", booking_id="BK-2"))
    assert verify(broken, [CANCEL_1]).cause == "task"


def test_a_world_can_be_asked_for_its_reward():
    world = World(WORLD, STATE)
    assert world.reward(BOOK) < 1
    world.call(CREATE)
    world.call(CANCEL_3)
    assert world.reward(BOOK) == 1.0
    assert verify_world(ASK, World(WORLD, STATE), "145.50").passed is False


def test_a_second_solution_must_pass():
    assert certify(BOOK, second_solution=[CANCEL_3, CREATE]).grade == "certified"
    assert "second_solution_passes" in failed(certify(BOOK, second_solution=[CREATE]))


def test_what_ends_like_the_solution_is_no_broken_one():
    """Checking in twice is checking in; swapping two reads finds the same; a second booking is a broken solution."""
    again = certify(CHAIN).kills["duplicated"]
    assert (again.killed, again.equivalent) == (0, 3)  # the room is taken: the second booking is refused
    assert certify(BOTH).kills["swapped"] == KillCount(equivalent=1)
    free = certify(task("Book RM-3 for Kim Novak on 2 May 2026.", CREATE))
    assert set(free.kills) >= {"dropped", "altered", "other_record", "extra_write"}
    assert free.variants == sum(count.tried for count in free.kills.values())


def test_dropping_a_read_that_an_answer_rests_on_is_tried_and_one_that_nothing_rests_on_is_not():
    assert certify(BOTH).kills["dropped"] == KillCount(tried=2, killed=2)
    curious = task("Look at RM-2, then cancel BK-1.", PRICE, CANCEL_1)
    assert certify(curious).kills["dropped"] == KillCount(tried=1, killed=1)


def test_a_certificate_says_what_it_was_made_with_and_when_it_is_stale(monkeypatch):
    fresh = BOOK.model_copy(update={"certificate": certify(BOOK)})
    made = fresh.certificate.made_with
    assert made["world"] == WORLD.hash and made["canonical"] == CANONICAL_VERSION
    assert set(made) == {"certifier", "canonical", "sandbox", "task", "world"}
    assert staleness(fresh) == []
    later = fresh.model_copy(update={"world": WORLD.model_copy(update={"now": "2027-01-15T09:00:00Z"})})
    assert [line.partition(":")[0] for line in staleness(later)] == ["the world (tools, code, schemas, clock)"]
    assert "the task" in staleness(fresh.model_copy(update={"summary": "Cancel BK-3."}))[0]
    assert "now none" in staleness(fresh.model_copy(update={"world": None}))[0]
    old = fresh.certificate.model_copy(update={"made_with": {}})
    assert staleness(fresh.model_copy(update={"certificate": old})) == ["made before versions were recorded"]
    assert staleness(task("Cancel BK-1.", CANCEL_1)) == ["there is no certificate"]
    monkeypatch.setattr(certificates, "CERTIFIER_VERSION", "next")
    assert "the checks: made with" in staleness(fresh)[0]


def test_a_judge_can_vouch_for_a_paraphrase():
    vague = task("Cancel the only booking of Ann Lee.", CANCEL_1)
    assert certify(vague).grade == "refused"
    assert certify(vague, paraphrased=[(0, "booking_id")]).grade == "certified"


# Recorded tasks: a model answered some tool.

NO_CANCEL_CODE = {name: code for name, code in CODE.items() if name != "CancelBooking"}
LLM_WORLD = WORLD.model_copy(update={"code": NO_CANCEL_CODE})


class Cancelling:
    """A simulator that cancels well."""

    def respond(self, tool, call, state, *, collections, now, feedback):
        booking_id = call.arguments["booking_id"]
        change = {"op": "update", "collection": "bookings", "id": booking_id, "fields": {"status": "cancelled"}}
        return Simulation(data={"booking_id": booking_id, "status": "cancelled"}, changes=[change])

    async def arespond(self, *args, **kwargs):
        return self.respond(*args, **kwargs)


def recorded_task():
    store = MemoryTransitions()
    world = World(LLM_WORLD, STATE, simulator=Cancelling(), transitions=store)
    for made in BOOK.gt_tool_calls:
        assert world.call(made).ok
    return task(BOOK.summary, *BOOK.gt_tool_calls, world=LLM_WORLD, gold=tuple(store), final_state=world.state)


def test_a_task_with_a_model_served_tool_is_recorded_and_replays_without_the_model():
    recorded = recorded_task()
    certificate = certify(recorded)
    assert (certificate.grade, failed(certificate)) == ("recorded", set())
    assert replay(recorded) == recorded.final_state
    assert verify(recorded, recorded.gt_tool_calls).passed
    assert not verify(recorded, []).passed


def test_a_call_that_was_never_recorded_is_the_simulators_failure():
    verdict = verify(recorded_task(), [CREATE, CANCEL_1])
    assert (verdict.passed, verdict.cause) == (False, "simulator")


def test_a_certified_task_has_code_on_its_path_only():
    guard_only = {**CODE, "CancelBooking": ToolCode(source=CODE["CancelBooking"].source, guard_certified=True)}
    half = BOOK.model_copy(update={"world": WORLD.model_copy(update={"code": guard_only})})
    assert certify(half).grade == "refused"


# Tasks without a world beside them.


def test_a_task_without_its_world_cannot_be_replayed_but_its_calls_can_be_judged():
    lone = task(BOOK.summary, *BOOK.gt_tool_calls, world=None)
    with pytest.raises(ReplayError, match="not beside"):
        replay(lone)
    assert certify(lone).grade == "recorded"
    steps = tuple(Step(calls=(made,), responses=(Response(status_code=200),)) for made in BOOK.gt_tool_calls)
    rollout = Trajectory(task_id="x", steps=steps, answer="ok", stop_reason="answered")
    assert verify(lone, rollout).cause == "judge"  # code cannot know what else the calls changed
    read = rollout.model_copy(update={"judgement": TrajectoryVerdict(goal_reached=True)})
    assert verify(lone, read).passed
    assert not verify(lone, read.model_copy(update={"steps": steps[:1]})).passed
    assert not verify(lone, []).passed


def test_replay_gives_the_state_after_the_gold_calls_or_says_which_call_fails():
    assert replay(BOOK)["bookings"]["BK-4"]["guest"] == "Kim Novak"
    with pytest.raises(ReplayError, match="BK-2"):
        replay(task("x", call("CancelBooking", booking_id="BK-2")))


def test_replays_in_a_process_with_another_hash_seed_are_bit_identical():
    tasks = list(GOOD.values())
    assert fingerprints_elsewhere(tasks) == [fingerprint(one) for one in tasks]
    assert fingerprints_elsewhere([task("x", call("Nope"))])[0].startswith("error: ")
    assert fingerprints_elsewhere([]) == []


@pytest.mark.parametrize("flaw", FLAWS)
def test_code_that_hangs_on_hash_order_or_on_earlier_tasks_replays_differently(flaw, tmp_path, monkeypatch):
    """The same flaw is in both processes; only the seed and the order of the tasks are not the same."""
    startup = f"from tests.world.tampering import tamper\ntamper({flaw!r})\n"
    (tmp_path / "sitecustomize.py").write_text(startup)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(Behaviour, "run", FLAWS[flaw](Behaviour.run))
    tasks = [ASK] * 3
    here = [fingerprint(one) for one in tasks]
    there = fingerprints_elsewhere(tasks)
    assert all(len(found) == 64 for found in (*here, *there))
    assert here != there


def test_what_was_recorded_never_speaks_for_code():
    store = MemoryTransitions()
    World(WORLD, STATE, transitions=store).call(PRICE)
    (recorded,) = store
    data = {**recorded.response.data, "price": 1.0}
    forged = recorded.model_copy(update={"response": recorded.response.model_copy(update={"data": data})})
    wrong = [AnswerValue(value=1.0, call=0, pointer="/price")]
    for given in ({"transitions": MemoryTransitions([forged])}, {}):
        one = ASK.model_copy(update={"gold": (forged,)})
        assert certify(one, **given).grade == "certified"
        assert "gold_passes" in failed(certify(one, expected_answer=wrong, **given))


def test_many_tasks_are_certified_as_one_by_one():
    tasks = [BOOK, task("Cancel BK-1.", call("CancelBooking", booking="BK-1")), ASK]  # of one id, which decides nothing
    assert certify_many(tasks) == [certify(one) for one in tasks]


def test_the_replaying_process_reads_tasks_line_by_line():
    done = subprocess.run(
        [sys.executable, "-m", "synthtools.world.replay"],
        input=BOOK.model_dump_json(by_alias=True).encode() + b"\n",
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        check=True,
    )
    assert fingerprint(BOOK).encode() in done.stdout
    assert done.stderr == b""


def test_the_tools_and_collections_of_the_tests_are_what_they_say():
    assert {tool.name for tool in TOOLS} == set(CODE)
    assert [collection.name for collection in COLLECTIONS] == list(STATE)
    assert World(ENV).now == NOW
    assert ToolCall.parse(str(CREATE)) == CREATE


def test_the_replaying_process_imports_nothing_from_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "orjson.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(tmp_path)
    one = task("Please cancel booking BK-1.", CANCEL_1)
    assert fingerprints_elsewhere([one]) == [fingerprint(one)]
