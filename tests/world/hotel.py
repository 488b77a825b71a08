"""A small world that the tests share: rooms, guests and bookings of a hotel, with five coded tools."""

from synthtools.types import (
    Collection,
    DocumentedError,
    EnvSpec,
    Parameter,
    Scenario,
    Task,
    TaskWorld,
    Tool,
    ToolCall,
    ToolCode,
)

NOW = "2026-01-15T09:00:00Z"

COLLECTIONS = (
    Collection(
        name="rooms",
        id_prefix="RM",
        fields={
            "name": Parameter(type="string"),
            "beds": Parameter(type="integer", minimum=1, maximum=6),
            "price": Parameter(type="number", minimum=0),
        },
    ),
    Collection(
        name="bookings",
        id_prefix="BK",
        fields={
            "room_id": Parameter(type="string", references="rooms"),
            "guest": Parameter(type="string"),
            "date": Parameter(type="string", format="date"),
            "status": Parameter(type="string", enum=("open", "checked_in", "cancelled")),
            "note": Parameter(type="string", prose=True, required=False),
        },
    ),
)

STATE = {
    "rooms": {
        "RM-1": {"name": "Garden", "beds": 2, "price": 80.0},
        "RM-2": {"name": "Tower", "beds": 4, "price": 145.5},
        "RM-3": {"name": "Attic", "beds": 1, "price": 49.0},
    },
    "bookings": {
        "BK-1": {"room_id": "RM-1", "guest": "Ann Lee", "date": "2026-02-01", "status": "open"},
        "BK-2": {"room_id": "RM-2", "guest": "Omar Diaz", "date": "2026-02-03", "status": "checked_in"},
        "BK-3": {"room_id": "RM-1", "guest": "Mia Falk", "date": "2026-03-10", "status": "open"},
    },
}

NOT_FOUND = DocumentedError(title="Not found", advice="check the id", status_code=404)
CONFLICT = DocumentedError(title="Not possible", advice="the booking is no longer open", status_code=409)
TEXT = Parameter(type="string")
BOOKING_ID = Parameter(type="string", references="bookings")
ROOM_ID = Parameter(type="string", references="rooms")

CREATE = Tool(
    name="CreateBooking",
    description="Books a room for a guest on a day.",
    parameters={
        "room_id": ROOM_ID,
        "guest": Parameter(type="string", min_length=1, max_length=60),
        "date": Parameter(type="string", format="date"),
        "note": Parameter(type="string", required=False, default="None", prose=True),
    },
    output={"booking_id": TEXT, "status": TEXT},
    errors=(NOT_FOUND, CONFLICT),
    reads=("rooms",),
    writes=("bookings",),
)
CANCEL = Tool(
    name="CancelBooking",
    description="Cancels an open booking.",
    parameters={"booking_id": BOOKING_ID},
    output={"booking_id": TEXT, "status": TEXT},
    errors=(NOT_FOUND, CONFLICT),
    writes=("bookings",),
)
SET_STATUS = Tool(
    name="SetBookingStatus",
    description="Sets the status of a booking.",
    parameters={
        "booking_id": BOOKING_ID,
        "status": Parameter(type="string", enum=("open", "checked_in", "cancelled")),
    },
    output={"booking_id": TEXT, "status": TEXT},
    errors=(NOT_FOUND,),
    writes=("bookings",),
)
GET_ROOM = Tool(
    name="GetRoom",
    description="Looks a room up.",
    parameters={"room_id": ROOM_ID},
    output={
        "room_id": TEXT,
        "name": TEXT,
        "beds": Parameter(type="integer"),
        "price": Parameter(type="number"),
    },
    errors=(NOT_FOUND,),
    reads=("rooms",),
)
FIND = Tool(
    name="FindBookings",
    description="Finds the bookings of a room.",
    parameters={
        "room_id": ROOM_ID,
        "limit": Parameter(type="integer", required=False, default=10, minimum=1, maximum=50),
    },
    output={"bookings": Parameter(type="array", items=TEXT), "count": Parameter(type="integer")},
    reads=("rooms", "bookings"),
)

SOURCES = {
    "CreateBooking": """
def guard(args, state, now):
    if args["room_id"] not in state["rooms"]:
        return {"status_code": 404, "message": "Not found: check the id"}
    for booking in state["bookings"].values():
        if booking["room_id"] == args["room_id"] and booking["date"] == args["date"]:
            if booking["status"] != "cancelled":
                return {"status_code": 409, "message": "Not possible: the room is taken"}
    return None


def apply(args, state, now):
    booking_id = new_id("bookings")
    booking = {"room_id": args["room_id"], "guest": args["guest"], "date": args["date"], "status": "open"}
    if "note" in args:
        booking["note"] = args["note"]
    state["bookings"][booking_id] = booking
    return {"booking_id": booking_id, "status": "open"}
""",
    "CancelBooking": """
def guard(args, state, now):
    booking = state["bookings"].get(args["booking_id"])
    if booking is None:
        return {"status_code": 404, "message": "Not found: check the id"}
    if booking["status"] != "open":
        return {"status_code": 409, "message": "Not possible: the booking is no longer open"}
    return None


def apply(args, state, now):
    state["bookings"][args["booking_id"]]["status"] = "cancelled"
    return {"booking_id": args["booking_id"], "status": "cancelled"}
""",
    "SetBookingStatus": """
def guard(args, state, now):
    if args["booking_id"] not in state["bookings"]:
        return {"status_code": 404, "message": "Not found: check the id"}
    return None


def apply(args, state, now):
    state["bookings"][args["booking_id"]]["status"] = args["status"]
    return {"booking_id": args["booking_id"], "status": args["status"]}
""",
    "GetRoom": """
def guard(args, state, now):
    if args["room_id"] not in state["rooms"]:
        return {"status_code": 404, "message": "Not found: check the id"}
    return None


def apply(args, state, now):
    room = state["rooms"][args["room_id"]]
    return {"room_id": args["room_id"], "name": room["name"], "beds": room["beds"], "price": room["price"]}
""",
    "FindBookings": """
def guard(args, state, now):
    return None


def apply(args, state, now):
    found = [key for key, booking in state["bookings"].items() if booking["room_id"] == args["room_id"]]
    found.sort()
    return {"bookings": found[: args["limit"]], "count": len(found[: args["limit"]])}
""",
}

TOOLS = (CREATE, CANCEL, SET_STATUS, GET_ROOM, FIND)
CODE = {name: ToolCode(source=source, guard_certified=True, certified=True) for name, source in SOURCES.items()}

ENV = EnvSpec(
    id="hotels_spec_001",
    scenario=Scenario(field="hotels", subfield="bookings", title="A small hotel"),
    collections=COLLECTIONS,
    initial_state=STATE,
    now=NOW,
    tools=TOOLS,
    code=CODE,
)
WORLD = TaskWorld(env_id=ENV.id, tools=TOOLS, code=CODE, collections=COLLECTIONS, now=NOW)


def call(name: str, **arguments: object) -> ToolCall:
    return ToolCall(name=name, arguments=arguments)


def task(request: str, *calls: ToolCall, **fields: object) -> Task:
    """A task of the hotel, its final state left to the replay."""
    base = {"id": "hotels_spec_001_seq01", "field": "hotels", "tools": TOOLS, "initial_state": STATE, "world": WORLD}
    return Task(**{**base, "summary": request, "gt_tool_calls": calls, **fields})
