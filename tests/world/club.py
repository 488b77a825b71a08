"""A small world of a club whose callers choose some ids themselves: files and stays by name.

Its collections have no schemas, so that guests are counted in bare numbers.
"""

from synthtools.types import DocumentedError, Parameter, Task, TaskWorld, Tool, ToolCall, ToolCode

TEXT = Parameter(type="string", min_length=1, max_length=60)
COUNT = Parameter(type="integer", minimum=1, maximum=9)
TAKEN = DocumentedError(title="Taken", advice="choose another day", status_code=409)
NOT_FOUND = DocumentedError(title="Not found", advice="check the id", status_code=404)

STATE = {
    "files": {"plan.txt": {"text": "Meet at noon"}},
    "guests": {"1": {"name": "Ann Lee", "seats": 2}, "2": {"name": "Bob Ray", "seats": 2}},
    "stays": {"oak/2026-02-01": {"guest": "Ann Lee"}},
    "lockers": {},
    "teams": {"TEA-1": {"title": "Greens"}},
    "players": {"PLA-1": {"name": "Zoe", "team_id": "TEA-1"}},
}

_SOURCES = {
    "SaveFile": """
def guard(args, state, now):
    return None


def apply(args, state, now):
    state["files"][args["file_name"]] = {"text": args["text"]}
    return {"saved": True}
""",
    "AddGuest": """
def guard(args, state, now):
    return None


def apply(args, state, now):
    guest_id = new_id("guests")
    state["guests"][guest_id] = {"name": args["name"], "seats": args["seats"]}
    return {"guest_id": guest_id}
""",
    "BookStay": """
def guard(args, state, now):
    if args["hut"] + "/" + args["day"] in state["stays"]:
        return {"status_code": 409, "message": "Taken: choose another day"}
    return None


def apply(args, state, now):
    stay_id = args["hut"] + "/" + args["day"]
    state["stays"][stay_id] = {"guest": args["guest"]}
    return {"stay_id": stay_id}
""",
    "AddTeam": """
def guard(args, state, now):
    return None


def apply(args, state, now):
    team_id = new_id("teams")
    state["teams"][team_id] = {"title": args["title"]}
    return {"team_id": team_id}
""",
    "AddPlayer": """
def guard(args, state, now):
    if args["team_id"] not in state["teams"]:
        return {"status_code": 404, "message": "Not found: check the id"}
    return None


def apply(args, state, now):
    player_id = new_id("players")
    state["players"][player_id] = {"name": args["name"], "team_id": args["team_id"]}
    return {"player_id": player_id}
""",
    "OpenLocker": """
def guard(args, state, now):
    return None


def apply(args, state, now):
    state["lockers"][args["guest_id"]] = {"open": True}
    return {"opened": True}
""",
    "FindGuests": """
def guard(args, state, now):
    return None


def apply(args, state, now):
    wanted = args["query"].lower()
    found = [{"id": key, "name": one["name"]} for key, one in state["guests"].items() if wanted in one["name"].lower()]
    return {"matches": found[: args["limit"]]}
""",
    "CountSeats": """
def guard(args, state, now):
    if args["guest_id"] not in state["guests"]:
        return {"status_code": 404, "message": "Not found: check the id"}
    return None


def apply(args, state, now):
    return {"seats": state["guests"][args["guest_id"]]["seats"]}
""",
    "PrintBadges": """
def guard(args, state, now):
    return None


def apply(args, state, now):
    return {"pages": len(args["guest_ids"])}
""",
}

_PARAMETERS = {
    "SaveFile": {"file_name": TEXT, "text": TEXT},
    "AddGuest": {"name": TEXT, "seats": COUNT},
    "BookStay": {"hut": TEXT, "day": Parameter(type="string", format="date"), "guest": TEXT},
    "AddTeam": {"title": TEXT},
    "AddPlayer": {"name": TEXT, "team_id": Parameter(type="string", references="teams")},
    "OpenLocker": {"guest_id": TEXT},
    "FindGuests": {
        "query": TEXT,
        "limit": Parameter(type="integer", required=False, default=9, minimum=1, maximum=9),
    },
    "CountSeats": {"guest_id": TEXT},
    "PrintBadges": {"guest_ids": Parameter(type="array", items=TEXT)},
}
_GUEST = Parameter(type="object", properties={"id": TEXT, "name": TEXT})
_OUTPUTS = {
    "SaveFile": {"saved": Parameter(type="boolean")},
    "AddGuest": {"guest_id": TEXT},
    "BookStay": {"stay_id": TEXT},
    "AddTeam": {"team_id": TEXT},
    "AddPlayer": {"player_id": TEXT},
    "OpenLocker": {"opened": Parameter(type="boolean")},
    "FindGuests": {"matches": Parameter(type="array", items=_GUEST)},
    "CountSeats": {"seats": COUNT},
    "PrintBadges": {"pages": COUNT},
}
_WRITES = {
    "SaveFile": ("files",),
    "AddGuest": ("guests",),
    "BookStay": ("stays",),
    "AddTeam": ("teams",),
    "AddPlayer": ("players",),
    "OpenLocker": ("lockers",),
}
_READS = {
    "AddPlayer": ("teams",),
    "FindGuests": ("guests",),
    "CountSeats": ("guests",),
    "PrintBadges": ("guests",),
}
_ERRORS = {"BookStay": (TAKEN,), "AddPlayer": (NOT_FOUND,), "CountSeats": (NOT_FOUND,)}

TOOLS = tuple(
    Tool(
        name=name,
        description=f"{name} of the club.",
        parameters=parameters,
        output=_OUTPUTS[name],
        errors=_ERRORS.get(name, ()),
        reads=_READS.get(name, ()),
        writes=_WRITES.get(name, ()),
    )
    for name, parameters in _PARAMETERS.items()
)
CODE = {name: ToolCode(source=source, guard_certified=True, certified=True) for name, source in _SOURCES.items()}
WORLD = TaskWorld(env_id="clubs_spec_001", tools=TOOLS, code=CODE)


def call(name: str, /, **arguments: object) -> ToolCall:
    return ToolCall(name=name, arguments=arguments)


def task(request: str, *calls: ToolCall, **fields: object) -> Task:
    """A task of the club, its final state left to the replay."""
    base = {"id": "clubs_spec_001_seq01", "field": "clubs", "tools": TOOLS, "initial_state": STATE, "world": WORLD}
    return Task(**{**base, "summary": request, "gt_tool_calls": calls, **fields})
