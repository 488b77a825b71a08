"""Metamorphic relations: they hold for tools that are right, and each finds the tool that breaks it."""

from collections.abc import Mapping
from itertools import count

import pytest

from synthtools.types import Change, Parameter, Response, Tool, ToolCall, ToolCode
from synthtools.types.record import State
from synthtools.world import metamorphic
from synthtools.world.metamorphic import Made, make
from synthtools.world.simulator import Simulation
from synthtools.world.world import World
from tests.world.hotel import (
    CANCEL,
    COLLECTIONS,
    CREATE,
    ENV,
    GET_ROOM,
    NOT_FOUND,
    ROOM_ID,
    SET_STATUS,
    SOURCES,
    TEXT,
    call,
)

RENAME = Tool(
    name="RenameRoom",
    description="Gives a room another name.",
    parameters={"room_id": ROOM_ID, "name": Parameter(type="string", min_length=1)},
    output={"room_id": TEXT, "name": TEXT},
    errors=(NOT_FOUND,),
    writes=("rooms",),
)
CLOSE = RENAME.model_copy(update={"name": "CloseRoom", "parameters": {"room_id": ROOM_ID}, "output": {"room_id": TEXT}})
ROOM_SOURCES = {
    "RenameRoom": """
def guard(args, state, now):
    return None


def apply(args, state, now):
    state["rooms"][args["room_id"]]["name"] = args["name"]
    return {"room_id": args["room_id"], "name": args["name"]}
""",
    "CloseRoom": """
def guard(args, state, now):
    if args["room_id"] not in state["rooms"]:
        return {"status_code": 404, "message": "Not found: check the id"}
    return None


def apply(args, state, now):
    state["rooms"].pop(args["room_id"])
    return {"room_id": args["room_id"]}
""",
}
RENAMED = ToolCall(name="RenameRoom", arguments={"room_id": "RM-3", "name": "Loft"})
CLOSED = call("CloseRoom", room_id="RM-3")
BOOKED = call("CreateBooking", room_id="RM-3", guest="Kim Roe", date="2026-05-01")


def hotel(sources: Mapping[str, str] | None = None, tools: tuple[Tool, ...] = ()) -> World:
    """The hotel with more tools, and with some of its sources and tools replaced."""
    code = {
        name: ToolCode(source=source, guard_certified=True, certified=True)
        for name, source in {**SOURCES, **ROOM_SOURCES, **(sources or {})}.items()
    }
    named = {tool.name: tool for tool in (*ENV.tools, RENAME, CLOSE, *tools)}
    return World(ENV.model_copy(update={"tools": tuple(named.values()), "code": code}))


def applying(source: str, body: str) -> str:
    """A source with another body of `apply`."""
    head = source.partition("def apply")[0]
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    return f"{head}def apply(args, state, now):\n{lines}\n"


class Told:
    """A simulator that gives what a function makes of the call."""

    def __init__(self, answer) -> None:
        self.answer = answer

    def respond(self, tool, call, state, *, collections, now, feedback) -> Simulation:
        return self.answer(call, state)

    async def arespond(self, tool, call, state, *, collections, now, feedback) -> Simulation:
        return self.answer(call, state)


SUCCESSES = [
    (CREATE, BOOKED),
    (CANCEL, call("CancelBooking", booking_id="BK-1")),
    (SET_STATUS, call("SetBookingStatus", booking_id="BK-1", status="cancelled")),
    (GET_ROOM, call("GetRoom", room_id="RM-2")),
    (RENAME, RENAMED),
    (CLOSE, CLOSED),
]


@pytest.mark.parametrize(("tool", "made_call"), SUCCESSES, ids=lambda value: getattr(value, "name", ""))
async def test_right_tools_keep_every_relation(tool: Tool, made_call: ToolCall) -> None:
    made = await make(hotel(), tool, made_call)
    assert made.response.ok
    found = [
        metamorphic.repeatable(made, await make(hotel(), tool, made_call)),
        await metamorphic.idempotent_read(made),
        await metamorphic.repeat(made),
        metamorphic.own_answer(made, COLLECTIONS),
        await metamorphic.read_after_write(GET_ROOM, made, COLLECTIONS),
    ]
    assert {finding.relation: finding.came for finding in found if finding}.keys() >= {"repeatable"}
    assert [finding.came for finding in found if finding is not None and not finding.holds] == []
    assert (found[1] is None) == bool(tool.writes)
    assert (found[2] is None) == (not tool.writes)
    assert (found[4] is None) == (tool not in (RENAME, CLOSE))


async def test_an_answer_or_a_change_that_differs_the_second_time_is_found() -> None:
    set_other = applying(
        SOURCES["SetBookingStatus"],
        'state["bookings"][args["booking_id"]]["status"] = "open"\n'
        'return {"booking_id": args["booking_id"], "status": args["status"]}',
    )
    booking = call("SetBookingStatus", booking_id="BK-1", status="checked_in")
    right, other = hotel(), hotel({"SetBookingStatus": set_other})
    first, second = await make(right, SET_STATUS, booking), await make(other, SET_STATUS, booking)
    assert metamorphic.repeatable(first, second).came == "it made another change"
    refused = await make(right, CREATE, call("CreateBooking", room_id="RM-9", guest="Kim", date="2026-05-01"))
    made = await make(right, CREATE, BOOKED)
    assert "404" in metamorphic.repeatable(made, refused).came


async def test_a_reading_that_answers_otherwise_the_second_time_is_found() -> None:
    beds = count(1)

    def answer(call: ToolCall, state: State) -> Simulation:
        return Simulation(data={"room_id": "RM-1", "name": "Garden", "beds": next(beds), "price": 80.0})

    world = World(ENV, simulator=Told(answer), engine="llm")
    finding = await metamorphic.idempotent_read(await make(world, GET_ROOM, call("GetRoom", room_id="RM-1")))
    assert finding is not None and not finding.holds


async def test_a_tool_that_says_it_only_reads_must_not_change_anything() -> None:
    def cancelling(call: ToolCall, state: State) -> Simulation:
        change = Change(op="update", collection="bookings", id="BK-1", fields={"status": "cancelled"})
        return Simulation(data={"booking_id": "BK-1", "status": "cancelled"}, changes=(change,))

    for reads, told in (("bookings",), "it changed the state"), ((), None):
        # An imported state has no collections, so that the world does not refuse the change.
        tool = CANCEL.model_copy(update={"reads": reads, "writes": ()})
        world = World([tool], ENV.initial_state, simulator=Told(cancelling))
        made = await make(world, tool, call("CancelBooking", booking_id="BK-1"))
        assert made.response.ok and made.patch
        finding = await metamorphic.idempotent_read(made)
        assert (finding and finding.came) == told


async def test_prose_may_be_worded_otherwise() -> None:
    words = count(1)
    tool = Tool(
        name="Describe",
        description="",
        parameters={"room_id": ROOM_ID},
        output={"text": Parameter(type="string", prose=True)},
        reads=("rooms",),
    )
    world = World(
        ENV.model_copy(update={"tools": (tool,), "code": {}}),
        simulator=Told(lambda call, state: Simulation(data={"text": f"take {next(words)}"})),
    )
    finding = await metamorphic.idempotent_read(await make(world, tool, call("Describe", room_id="RM-1")))
    assert finding is not None and finding.holds


REPEATED = {
    "the same id again": (
        'state["bookings"]["BK-9"] = {B}\nreturn {"booking_id": "BK-9", "status": "open"}',
        "created",
    ),
    "overwritten": (
        'n = len(state["bookings"])\nb = {B}\nb["guest"] = "guest " + str(n)\n'
        'state["bookings"]["BK-9"] = b\nreturn {"booking_id": "BK-9", "status": "open"}',
        "overwrote bookings/BK-9",
    ),
    "another kind of change": (
        'if len(state["bookings"]) > 3:\n    state["bookings"]["BK-1"]["guest"] = "Nobody"\n'
        'else:\n    state["bookings"][new_id("bookings")] = {B}\nreturn {"booking_id": "", "status": "open"}',
        "update in bookings",
    ),
}


@pytest.mark.parametrize(("body", "told"), REPEATED.values(), ids=REPEATED.keys())
async def test_a_create_that_does_not_create_again_is_found(body: str, told: str) -> None:
    body = body.replace(
        "{B}", '{"room_id": args["room_id"], "guest": args["guest"], "date": args["date"], "status": "cancelled"}'
    )
    world = hotel({"CreateBooking": applying(SOURCES["CreateBooking"], body)})
    made = await make(world, CREATE, BOOKED)
    assert made.response.ok
    finding = await metamorphic.repeat(made)
    assert finding is not None and told in finding.came


async def test_a_repeat_that_fails_or_is_refused_without_a_documented_error_is_found() -> None:
    def once(call: ToolCall, state: State) -> Simulation:
        status = state["bookings"]["BK-1"]["status"]
        if status == "cancelled":
            return Simulation(status_code=400, error_message="Again?")
        change = Change(op="update", collection="bookings", id="BK-1", fields={"status": "cancelled"})
        return Simulation(data={"booking_id": "BK-1", "status": "cancelled"}, changes=(change,))

    def broken(call: ToolCall, state: State) -> Simulation:
        simulation = once(call, state)
        return simulation if simulation.changes else Simulation(data="nothing of the kind")

    for answer, told in ((once, "400 is no documented error"), (broken, "output schema")):
        world = World(ENV, simulator=Told(answer), engine="llm")
        finding = await metamorphic.repeat(await make(world, CANCEL, call("CancelBooking", booking_id="BK-1")))
        assert finding is not None and told in finding.came


async def test_a_refused_repeat_that_changes_the_state_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    made = await make(hotel(), CANCEL, call("CancelBooking", booking_id="BK-1"))
    answer = World.acall

    async def leaking(world: World, call: ToolCall) -> Response:
        response = await answer(world, call)
        world._state = {**world._state, "rooms": {}}
        return response

    monkeypatch.setattr(World, "acall", leaking)
    finding = await metamorphic.repeat(made)
    assert finding is not None and finding.came == "it was refused and changed the state"


FROM_NOWHERE = 'return {"room_id": args["room_id"], "name": "Garden", "beds": 2, "price": 80.0}'


async def test_a_reader_that_does_not_look_at_the_state_is_found() -> None:
    world = hotel({"GetRoom": applying(SOURCES["GetRoom"], FROM_NOWHERE)})
    renamed = await make(world, RENAME, RENAMED)
    finding = await metamorphic.read_after_write(GET_ROOM, renamed, COLLECTIONS)
    assert finding is not None
    assert (finding.call, finding.relation) == (call("GetRoom", room_id="RM-3"), "read_after_write")
    assert finding.came == "name is 'Garden'; in the state it is 'Loft'"


async def test_a_reader_that_misses_a_record_or_still_shows_a_removed_one_is_found() -> None:
    blind = SOURCES["GetRoom"].replace("not in", "in")
    missed = await metamorphic.read_after_write(
        GET_ROOM, await make(hotel({"GetRoom": blind}), RENAME, RENAMED), COLLECTIONS
    )
    assert missed is not None and missed.came.startswith("404")
    ghost = "def guard(args, state, now):\n    return None\n\n\n" + applying(
        "", 'return {"room_id": args["room_id"], "name": "Attic", "beds": 1, "price": 49.0}'
    )
    shown = await metamorphic.read_after_write(
        GET_ROOM, await make(hotel({"GetRoom": ghost}), CLOSE, CLOSED), COLLECTIONS
    )
    assert shown is not None and "still shows name, beds, price" in shown.came


async def test_a_changing_call_that_answers_otherwise_than_it_changed_is_found() -> None:
    body = (
        'state["rooms"][args["room_id"]]["name"] = "Cellar"\nreturn {"room_id": args["room_id"], "name": args["name"]}'
    )
    made = await make(hotel({"RenameRoom": applying(ROOM_SOURCES["RenameRoom"], body)}), RENAME, RENAMED)
    finding = metamorphic.own_answer(made, COLLECTIONS)
    assert finding is not None and finding.came == "name is 'Loft'; in the state it is 'Cellar'"


async def test_readers_are_held_only_to_what_their_outputs_surely_are() -> None:
    made = await make(hotel(), RENAME, RENAMED)
    assert metamorphic.can_read(GET_ROOM, made, COLLECTIONS)
    other_type = GET_ROOM.model_copy(update={"output": {"name": Parameter(type="integer")}})
    one_more = GET_ROOM.model_copy(
        update={"parameters": {**GET_ROOM.parameters, "day": Parameter(type="string", format="date")}}
    )
    elsewhere = GET_ROOM.model_copy(update={"reads": ("bookings",)})
    for reader in (other_type, one_more, elsewhere):
        assert not metamorphic.can_read(reader, made, COLLECTIONS)
        assert await metamorphic.read_after_write(reader, made, COLLECTIONS) is None
    # The status of a booking has choices that the output lacks: it could be the status of the call.
    cancelled = await make(hotel(), CANCEL, call("CancelBooking", booking_id="BK-1"))
    assert metamorphic.own_answer(cancelled, COLLECTIONS) is None


async def test_a_name_that_two_collections_have_is_neithers() -> None:
    made = await make(hotel(), RENAME, RENAMED)
    bookings = COLLECTIONS[1]
    named = bookings.model_copy(update={"fields": {**bookings.fields, "name": TEXT}})
    both = GET_ROOM.model_copy(update={"reads": ("rooms", "bookings"), "output": {"name": TEXT}})
    assert metamorphic.can_read(both, made, COLLECTIONS)
    assert not metamorphic.can_read(both, made, (COLLECTIONS[0], named))


async def test_a_field_that_the_record_lacks_may_be_shown_as_anything() -> None:
    rooms, bookings = COLLECTIONS
    noted = rooms.model_copy(update={"fields": {**rooms.fields, "view": Parameter(type="string", required=False)}})
    tool = GET_ROOM.model_copy(update={"output": {**GET_ROOM.output, "view": TEXT}})
    with_view = SOURCES["GetRoom"].replace('"price": room["price"]', '"price": room["price"], "view": ""')
    made = await make(hotel({"GetRoom": with_view}, tools=(tool,)), RENAME, RENAMED)
    finding = await metamorphic.read_after_write(tool, made, (noted, bookings))
    assert finding is not None and finding.response.ok and finding.holds and "view" in finding.expected


async def test_a_refused_call_that_changed_the_state_is_found() -> None:
    world = hotel()
    refused = await make(world, CANCEL, call("CancelBooking", booking_id="BK-9"))
    by_gate = await make(world, CANCEL, call("CancelBooking"))
    held = metamorphic.errors_leave_state([by_gate, refused])
    assert held is not None and held.holds
    assert metamorphic.errors_leave_state([by_gate]) is None, "the gate's refusals say nothing of the tool"
    session = world.fork()
    session.call("CancelBooking(booking_id='BK-1')")
    changed = Made(CANCEL, refused.call, Response(status_code=404), world.state, session)
    found = metamorphic.errors_leave_state([refused, changed])
    assert found is not None and not found.holds
