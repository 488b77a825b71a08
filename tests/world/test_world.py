import asyncio
import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthtools.errors import AnswerRefused, StateError, ToolCallSyntaxError, UsageError
from synthtools.types import Change, TaskWorld, ToolCode
from synthtools.types.canonical import same_json
from synthtools.world.draw import draw_arguments
from synthtools.world.simulator import Simulation
from synthtools.world.state import StateSchema
from synthtools.world.transitions import MemoryTransitions
from synthtools.world.world import World
from tests.world.hotel import CANCEL, COLLECTIONS, CREATE, ENV, GET_ROOM, SOURCES, STATE, TOOLS, WORLD, call


class Answers:
    """A simulator that gives prepared answers and remembers what it was told."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.feedback = []

    def respond(self, tool, call, state, *, collections, now, feedback):
        self.feedback.append(feedback)
        state.clear()  # what it is shown is its own
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def arespond(self, tool, call, state, *, collections, now, feedback):
        await asyncio.sleep(0)
        return self.respond(tool, call, state, collections=collections, now=now, feedback=feedback)


CANCELLED = Simulation(
    data={"booking_id": "BK-1", "status": "cancelled"},
    changes=(Change(op="update", collection="bookings", id="BK-1", fields={"status": "cancelled"}),),
)
CANCEL_IT = call("CancelBooking", booking_id="BK-1")


def simulated(*answers, **options):
    simulator = Answers(*answers)
    return simulator, World(TOOLS, STATE, collections=COLLECTIONS, simulator=simulator, **options)


def test_code_answers_changes_the_state_and_is_in_the_transcript():
    world = World(ENV)
    response = world.call("CancelBooking(booking_id='BK-1')")
    assert (response.status_code, response.answered_by) == (200, "code")
    assert response.data == {"booking_id": "BK-1", "status": "cancelled"}
    assert world.state["bookings"]["BK-1"]["status"] == "cancelled"
    assert world.transcript[0].patch == ({"op": "replace", "path": "/bookings/BK-1/status", "value": "cancelled"},)


@pytest.mark.parametrize(
    ("made", "status", "answered_by"),
    [
        (call("CancelBookin", booking_id="BK-1"), 404, "gate"),
        (call("CancelBooking", booking="BK-1"), 400, "gate"),
        (call("CancelBooking", booking_id="BK-9"), 404, "code"),
        (call("CancelBooking", booking_id="BK-2"), 409, "code"),
    ],
)
def test_errors_name_their_source_and_change_nothing(made, status, answered_by):
    world = World(ENV)
    response = world.call(made)
    assert (response.status_code, response.answered_by) == (status, answered_by)
    assert same_json(world.state, World(ENV).state)


def test_created_records_get_the_next_id_and_keep_the_order():
    world = World(ENV)
    made = world.call(call("CreateBooking", room_id="RM-3", guest="Kim", date="2026-05-01"))
    assert made.data == {"booking_id": "BK-4", "status": "open"}
    assert list(world.state["bookings"]) == ["BK-1", "BK-2", "BK-3", "BK-4"]


def test_a_collection_that_the_state_lacks_is_made_with_its_first_record():
    world = World(ENV, {"rooms": STATE["rooms"]})
    assert world.call(call("CreateBooking", room_id="RM-3", guest="Kim", date="2026-05-01")).ok
    assert list(world.state["bookings"]) == ["BK-1"]


def test_callers_cannot_change_the_world_through_what_they_hold():
    given_state = copy.deepcopy(STATE)
    world = World(ENV, given_state)
    before = world.state
    given_state["rooms"].clear()
    world.state["rooms"].clear()
    made = world.call(call("CreateBooking", room_id="RM-3", guest="Kim", date="2026-05-01"))
    world.transcript[-1].patch[0]["value"]["guest"] = "Eve"
    made.data["booking_id"] = "BK-99"
    assert world.state["rooms"] == before["rooms"]
    assert world.state["bookings"]["BK-4"]["guest"] == "Kim"


def test_forks_never_see_each_other():
    world = World(ENV)
    world.call(CANCEL_IT)
    left, right = world.fork(), world.fork()
    left.call(call("CancelBooking", booking_id="BK-3"))
    right.call(call("SetBookingStatus", booking_id="BK-1", status="open"))
    assert world.state["bookings"]["BK-3"]["status"] == "open"
    assert right.state["bookings"]["BK-3"]["status"] == "open"
    assert left.state["bookings"]["BK-1"]["status"] == "cancelled"
    assert [len(session.transcript) for session in (world, left, right)] == [1, 2, 2]


_calls = st.sampled_from(
    [call(tool.name, **arguments) for tool in TOOLS for arguments in draw_arguments(tool, STATE, COLLECTIONS, n=12)]
)


@settings(max_examples=25, deadline=None)
@given(st.lists(_calls, max_size=6))
def test_random_sessions_keep_schema_and_references_and_errors_change_nothing(calls):
    world = World(WORLD, STATE)
    for made in calls:
        before = world.state
        twin = world.fork()
        response = world.call(made)
        assert response.answered_by == "code"
        if not response.ok:
            assert same_json(world.state, before)
        assert StateSchema(COLLECTIONS).problems(world.state) == []
        assert same_json(twin.state, before)
        assert twin.call(made) == response
        assert same_json(twin.state, world.state)


def test_a_state_that_breaks_its_schema_is_refused_at_the_door():
    with pytest.raises(StateError, match="RM-9"):
        World(ENV, {**STATE, "bookings": {"BK-1": {**STATE["bookings"]["BK-1"], "room_id": "RM-9"}}})


def test_text_that_is_no_call_is_a_typed_error():
    with pytest.raises(ToolCallSyntaxError):
        World(ENV).call("please cancel it")


def test_code_for_an_unknown_tool_is_refused():
    with pytest.raises(UsageError, match="Nope"):
        World([CANCEL], STATE, code={"Nope": SOURCES["CancelBooking"]})


def test_a_list_of_tools_with_sources_is_a_world():
    world = World([CANCEL], STATE, code={"CancelBooking": SOURCES["CancelBooking"]})
    assert world.call(CANCEL_IT).ok


BAD_CODE = {
    "writes elsewhere": "state['rooms']['RM-1']['beds'] = 9",
    "breaks the schema": "state['bookings']['BK-1']['status'] = 'lost'",
    "breaks a reference": "state['bookings']['BK-1']['room_id'] = 'RM-9'",
    "answers something else": "return {'id': 1}",
    "crashes": "return args['nope']",
    "adds a collection": "state['more'] = {}",
    "clears a collection": "state['bookings'] = []",
}


@pytest.mark.parametrize("body", BAD_CODE.values(), ids=BAD_CODE)
def test_code_that_does_what_it_may_not_is_a_failure_that_changes_nothing(body):
    source = SOURCES["CancelBooking"].replace(
        '    state["bookings"][args["booking_id"]]["status"] = "cancelled"', f"    {body}"
    )
    tool = CANCEL.model_copy(update={"reads": ("rooms",)})
    world = World([tool], STATE, code={"CancelBooking": source}, collections=COLLECTIONS)
    response = world.call(CANCEL_IT)
    assert (response.status_code, response.answered_by) == (500, "simulator_failure")
    assert same_json(world.state, World(ENV).state)


def test_a_simulator_answers_what_no_code_answers_and_code_makes_its_changes():
    simulator, world = simulated(CANCELLED)
    response = world.call(CANCEL_IT)
    assert (response.ok, response.answered_by) == (True, "model")
    assert world.state["bookings"]["BK-1"]["status"] == "cancelled"
    assert simulator.feedback == [""]


REFUSED = {
    "undocumented status": (Simulation(status_code=418, error_message="no"), "418"),
    "error with changes": (CANCELLED.model_copy(update={"status_code": 404}), "must not change"),
    "wrong response": (Simulation(data={"done": True}), "output schema"),
    "unknown record": (
        CANCELLED.model_copy(update={"changes": (Change(op="delete", collection="bookings", id="BK-9"),)}),
        "does not exist",
    ),
    "other collection": (
        CANCELLED.model_copy(
            update={"changes": (Change(op="update", collection="rooms", id="RM-1", fields={"beds": 1}),)}
        ),
        "may not change rooms",
    ),
    "wrong value": (
        CANCELLED.model_copy(
            update={"changes": (Change(op="update", collection="bookings", id="BK-1", fields={"status": "x"}),)}
        ),
        "status",
    ),
}


@pytest.mark.parametrize(("answer", "told"), REFUSED.values(), ids=REFUSED)
def test_a_refused_simulation_is_told_once_then_it_is_a_failure(answer, told):
    simulator, world = simulated(answer, CANCELLED)
    assert world.call(CANCEL_IT).ok
    assert told in simulator.feedback[1]
    simulator, world = simulated(answer, answer)
    response = world.call(CANCEL_IT)
    assert (response.status_code, response.answered_by) == (500, "simulator_failure")
    assert same_json(world.state, World(ENV).state)
    assert simulator.answers == []


def test_a_simulator_that_gives_up_is_a_failure_not_a_crash():
    _, world = simulated(AnswerRefused("nothing fits"))
    response = world.call(CANCEL_IT)
    assert (response.status_code, response.answered_by) == (500, "simulator_failure")


def test_a_certified_guard_decides_errors_even_where_a_model_answers():
    code = {"CancelBooking": ToolCode(source=SOURCES["CancelBooking"], guard_certified=True)}
    _, world = simulated(CANCELLED, code=code)
    assert world.call(call("CancelBooking", booking_id="BK-2")).answered_by == "code"
    assert world.call(CANCEL_IT).answered_by == "model"
    assert not world.answered_by_code("CancelBooking")


@pytest.mark.parametrize(("engine", "answered_by"), [("auto", "code"), ("code", "code"), ("llm", "model")])
def test_the_engine_says_who_may_answer(engine, answered_by):
    world = World(ENV, simulator=Answers(CANCELLED), engine=engine)
    assert world.call(CANCEL_IT).answered_by == answered_by


def test_code_only_never_asks_the_simulator():
    simulator, world = simulated(CANCELLED, engine="code")
    assert world.call(CANCEL_IT).answered_by == "simulator_failure"
    assert simulator.feedback == []


def test_a_recorded_call_repeats_without_asking_and_its_record_is_safe():
    store = MemoryTransitions()
    _, first = simulated(CANCELLED, transitions=store)
    answer = first.call(CANCEL_IT)
    answer.data["status"] = "spoilt"
    second_simulator, second = simulated(transitions=store)
    assert second.call(CANCEL_IT).data == {"booking_id": "BK-1", "status": "cancelled"}
    assert second_simulator.feedback == []
    assert same_json(first.state, second.state)


def test_a_recorded_call_is_not_repeated_where_the_records_it_reads_differ():
    store = MemoryTransitions()
    _, first = simulated(CANCELLED, transitions=store)
    first.call(CANCEL_IT)
    other = copy.deepcopy(STATE)
    other["bookings"]["BK-3"]["guest"] = "Someone else"
    simulator = Answers(CANCELLED)
    World(TOOLS, other, collections=COLLECTIONS, simulator=simulator, transitions=store).call(CANCEL_IT)
    assert simulator.feedback == [""]


def test_two_callers_of_one_key_ask_once_and_get_one_answer():
    store = MemoryTransitions()
    simulator = Answers(CANCELLED, CANCELLED)
    worlds = [World(TOOLS, STATE, collections=COLLECTIONS, simulator=simulator, transitions=store) for _ in range(2)]

    async def both():
        return await asyncio.gather(*(world.acall(CANCEL_IT) for world in worlds))

    first, second = asyncio.run(both())
    assert first == second
    assert len(simulator.feedback) == 1
    assert same_json(worlds[0].state, worlds[1].state)


def test_a_failed_first_caller_leaves_the_key_to_the_second():
    store = MemoryTransitions()
    simulator = Answers(AnswerRefused("no"), CANCELLED)
    worlds = [World(TOOLS, STATE, collections=COLLECTIONS, simulator=simulator, transitions=store) for _ in range(2)]

    async def both():
        return await asyncio.gather(*(world.acall(CANCEL_IT) for world in worlds))

    assert sorted(response.answered_by for response in asyncio.run(both())) == ["model", "simulator_failure"]


async def test_concurrent_calls_of_one_session_happen_one_after_another():
    world = World(ENV)
    made = [call("CreateBooking", room_id="RM-3", guest=f"G{day}", date=f"2026-05-0{day}") for day in range(1, 5)]
    responses = await asyncio.gather(*(world.acall(one) for one in made))
    assert sorted(response.data["booking_id"] for response in responses) == ["BK-4", "BK-5", "BK-6", "BK-7"]


def test_the_tasks_world_needs_a_state_and_gets_the_same_answers():
    assert same_json(World(WORLD, STATE).state, World(ENV).state)
    assert (
        World(TaskWorld(env_id="x", tools=(GET_ROOM, CREATE))).call(call("GetRoom", room_id="RM-1")).status_code == 500
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: World(CANCEL, STATE), "is none"),
        (lambda: World({"CancelBooking": CANCEL}, STATE), "is none"),
        (lambda: World([CANCEL, CANCEL.model_copy(update={"usage": "Another."})], STATE), "two tools of the name"),
        (lambda: World([CANCEL], STATE, engine="fast"), "engine 'fast': there are auto, code, llm"),
        (lambda: World([CANCEL], [STATE]), "a state is an object of collections, not list"),
    ],
)
def test_a_world_of_wrong_parts_is_refused_in_one_line(make, message):
    with pytest.raises((UsageError, StateError), match=message):
        make()


def test_a_source_without_apply_decides_errors_and_leaves_the_rest_to_the_simulator():
    guard = SOURCES["CancelBooking"].split("def apply")[0]
    simulator, world = simulated(CANCELLED, code={"CancelBooking": guard})
    assert world.call("CancelBooking(booking_id='BK-9')").answered_by == "code"
    assert world.call(CANCEL_IT).answered_by == "model"
    assert simulator.feedback == [""]
