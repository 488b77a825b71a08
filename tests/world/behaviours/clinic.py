"""A clinic: visits in slots of a day, at most one each, with notes and summaries that are prose."""

from synthtools.types import Collection, Parameter, Tool
from tests.world.behaviours.domain import CONFLICT, COUNT, DAY, TEXT, UNKNOWN, WRONG, Domain, named, ref

SLOT = Parameter(type="integer", minimum=1, maximum=4)
STATUS = Parameter(type="string", enum=("planned", "done", "cancelled"))
NOTE = Parameter(type="string", required=False, prose=True)

COLLECTIONS = (
    Collection(
        name="doctors",
        id_prefix="DOC",
        fields={"name": TEXT, "field": Parameter(type="string", enum=("eyes", "heart", "skin"))},
    ),
    Collection(name="patients", id_prefix="PAT", fields={"name": TEXT}),
    Collection(
        name="visits",
        id_prefix="VIS",
        fields={
            "doctor_id": ref("doctors"),
            "patient_id": ref("patients"),
            "day": DAY,
            "slot": SLOT,
            "status": STATUS,
            "note": NOTE,
        },
    ),
)

STATE = {
    "doctors": {
        "DOC-1": {"name": "Ines", "field": "eyes"},
        "DOC-2": {"name": "Jan", "field": "heart"},
        "DOC-3": {"name": "Kim", "field": "eyes"},
    },
    "patients": {"PAT-1": {"name": "Lea"}, "PAT-2": {"name": "Max"}, "PAT-3": {"name": "Noa"}},
    "visits": {
        "VIS-1": {
            "doctor_id": "DOC-1",
            "patient_id": "PAT-1",
            "day": "2026-01-20",
            "slot": 1,
            "status": "planned",
            "note": "Comes with a friend.",
        },
        "VIS-2": {"doctor_id": "DOC-1", "patient_id": "PAT-2", "day": "2026-01-20", "slot": 3, "status": "planned"},
        "VIS-3": {"doctor_id": "DOC-2", "patient_id": "PAT-2", "day": "2026-01-12", "slot": 2, "status": "done"},
        "VIS-4": {"doctor_id": "DOC-3", "patient_id": "PAT-3", "day": "2026-01-22", "slot": 4, "status": "cancelled"},
    },
}

TOOLS = named(
    Tool(
        name="PlanVisit",
        description="Plans a visit in a slot that no other visit of the doctor holds; a cancelled one holds none.",
        parameters={
            "doctor_id": ref("doctors"),
            "patient_id": ref("patients"),
            "day": DAY,
            "slot": SLOT,
            "note": NOTE,
        },
        output={"visit_id": TEXT, "status": STATUS},
        errors=(UNKNOWN, WRONG, CONFLICT),
        usage="A day before today is refused (422).",
        reads=("doctors", "patients"),
        writes=("visits",),
    ),
    Tool(
        name="CancelVisit",
        description="Marks a planned visit as cancelled.",
        parameters={"visit_id": ref("visits")},
        output={"visit_id": TEXT, "status": STATUS},
        errors=(UNKNOWN, CONFLICT),
        writes=("visits",),
    ),
    Tool(
        name="SetVisit",
        description="Changes the given values of a visit.",
        parameters={
            "visit_id": ref("visits"),
            "status": STATUS.model_copy(update={"required": False}),
            "slot": SLOT.model_copy(update={"required": False}),
        },
        output={"visit_id": TEXT, "status": STATUS, "slot": SLOT},
        errors=(UNKNOWN,),
        writes=("visits",),
    ),
    Tool(
        name="DoctorsOf",
        description="The doctors of a field by name, with how many planned visits each has.",
        parameters={"field": Parameter(type="string", enum=("eyes", "heart", "skin"))},
        output={
            "doctors": Parameter(
                type="array",
                items=Parameter(
                    type="object",
                    properties={"name": TEXT, "planned": COUNT, "remark": Parameter(type="string", prose=True)},
                ),
            ),
            "summary": Parameter(type="string", prose=True),
        },
        reads=("doctors", "visits"),
    ),
)

SOURCES = {
    "PlanVisit": """
def guard(args, state, now):
    if args["doctor_id"] not in state["doctors"] or args["patient_id"] not in state["patients"]:
        return {"status_code": 404, "message": "Not found: check the id"}
    if args["day"] < now[:10]:
        return {"status_code": 422, "message": "Makes no sense: change the values"}
    for visit in state["visits"].values():
        if visit["doctor_id"] == args["doctor_id"] and visit["day"] == args["day"]:
            if visit["slot"] == args["slot"] and visit["status"] != "cancelled":
                return {"status_code": 409, "message": "Not possible: look at the record"}
    return None


def apply(args, state, now):
    visit_id = new_id("visits")
    visit = {
        "doctor_id": args["doctor_id"],
        "patient_id": args["patient_id"],
        "day": args["day"],
        "slot": args["slot"],
        "status": "planned",
    }
    if args.get("note"):
        visit["note"] = args["note"]
    state["visits"][visit_id] = visit
    return {"visit_id": visit_id, "status": "planned"}
""",
    "CancelVisit": """
def guard(args, state, now):
    visit = state["visits"].get(args["visit_id"])
    if visit is None:
        return {"status_code": 404, "message": "Not found: check the id"}
    if visit["status"] != "planned":
        return {"status_code": 409, "message": "Not possible: look at the record"}
    return None


def apply(args, state, now):
    state["visits"][args["visit_id"]]["status"] = "cancelled"
    return {"visit_id": args["visit_id"], "status": "cancelled"}
""",
    "SetVisit": """
def guard(args, state, now):
    if args["visit_id"] not in state["visits"]:
        return {"status_code": 404, "message": "Not found: check the id"}
    return None


def apply(args, state, now):
    visit = state["visits"][args["visit_id"]]
    if args.get("status") is not None:
        visit["status"] = args["status"]
    if args.get("slot") is not None:
        visit["slot"] = args["slot"]
    return {"visit_id": args["visit_id"], "status": visit["status"], "slot": visit["slot"]}
""",
    "DoctorsOf": """
def guard(args, state, now):
    return None


def apply(args, state, now):
    found = []
    for doctor_id, doctor in state["doctors"].items():
        if doctor["field"] == args["field"]:
            planned = 0
            for visit in state["visits"].values():
                if visit["doctor_id"] == doctor_id and visit["status"] == "planned":
                    planned = planned + 1
            found.append({"name": doctor["name"], "planned": planned, "remark": "busy" if planned else "free"})
    found.sort(key=lambda one: one["name"])
    return {"doctors": found, "summary": "There are " + str(len(found)) + " doctors."}
""",
}

OTHER_HAND = {
    "PlanVisit": """
def guard(args, state, now):
    for name in ("doctor", "patient"):
        if args[name + "_id"] not in state[name + "s"]:
            return {"status_code": 404, "message": "no " + name}
    if now[:10] > args["day"]:
        return {"status_code": 422, "message": "past"}
    held = [(visit["doctor_id"], visit["day"], visit["slot"]) for visit in state["visits"].values()
            if visit["status"] in ("planned", "done")]
    if (args["doctor_id"], args["day"], args["slot"]) in held:
        return {"status_code": 409, "message": "held"}

def apply(args, state, now):
    key = new_id("visits")
    state["visits"][key] = {name: value for name, value in args.items() if value is not None}
    state["visits"][key]["status"] = "planned"
    return {"status": "planned", "visit_id": key}
""",
    "SetVisit": """
def guard(args, state, now):
    return None if args["visit_id"] in state["visits"] else {"status_code": 404, "message": "unknown"}

def apply(args, state, now):
    visit = state["visits"][args["visit_id"]]
    visit.update({name: args[name] for name in ("status", "slot") if name in args})
    return {"slot": visit["slot"], "status": visit["status"], "visit_id": args["visit_id"]}
""",
    "DoctorsOf": """
def guard(args, state, now):
    return None

def apply(args, state, now):
    planned = [visit["doctor_id"] for visit in state["visits"].values() if visit["status"] == "planned"]
    rows = [
        {"name": doctor["name"], "planned": planned.count(key), "remark": "-"}
        for key, doctor in state["doctors"].items()
        if doctor["field"] == args["field"]
    ]
    return {"summary": "-", "doctors": sorted(rows, key=lambda row: row["name"])}
""",
}

CLINIC = Domain(COLLECTIONS, STATE, TOOLS, SOURCES, OTHER_HAND)
