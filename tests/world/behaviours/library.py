"""A lending library: quotas of members, copies of books, due days from the clock, reminders of what is late."""

from synthtools.types import Collection, Parameter, Tool
from tests.world.behaviours.domain import CONFLICT, COUNT, DAY, TEXT, UNKNOWN, Domain, named, ref

COLLECTIONS = (
    Collection(
        name="members",
        id_prefix="MEM",
        fields={"name": TEXT, "quota": Parameter(type="integer", minimum=1, maximum=9)},
    ),
    Collection(
        name="books",
        id_prefix="BOO",
        fields={"title": TEXT, "copies": COUNT, "year": Parameter(type="integer")},
    ),
    Collection(
        name="loans",
        id_prefix="LOA",
        fields={
            "member_id": ref("members"),
            "book_id": ref("books"),
            "due": DAY,
            "returned": Parameter(type="boolean"),
        },
    ),
)

STATE = {
    "members": {
        "MEM-1": {"name": "Ada", "quota": 2},
        "MEM-2": {"name": "Bo", "quota": 1},
        "MEM-3": {"name": "Cleo", "quota": 3},
        "MEM-4": {"name": "Dev", "quota": 2},
    },
    "books": {
        "BOO-1": {"title": "Harbour Lights", "copies": 4, "year": 1999},
        "BOO-2": {"title": "A Field Guide", "copies": 0, "year": 2012},
        "BOO-3": {"title": "Salt", "copies": 9, "year": 2012},
        "BOO-4": {"title": "Lights Out", "copies": 1, "year": 2020},
    },
    "loans": {
        "LOA-1": {"member_id": "MEM-1", "book_id": "BOO-2", "due": "2026-01-10", "returned": False},
        "LOA-2": {"member_id": "MEM-2", "book_id": "BOO-1", "due": "2026-01-20", "returned": False},
        "LOA-3": {"member_id": "MEM-3", "book_id": "BOO-3", "due": "2026-01-15", "returned": False},
        "LOA-4": {"member_id": "MEM-4", "book_id": "BOO-3", "due": "2025-12-01", "returned": True},
    },
}

TOOLS = named(
    Tool(
        name="LendBook",
        description="Lends a copy to a member who has fewer open loans than their quota.",
        parameters={
            "member_id": ref("members"),
            "book_id": ref("books"),
            "days": Parameter(type="integer", required=False, default=14, minimum=1, maximum=60),
        },
        output={"loan_id": TEXT, "due": DAY},
        errors=(UNKNOWN, CONFLICT),
        reads=("members",),
        writes=("books", "loans"),
    ),
    Tool(
        name="ReturnBook",
        description="Marks a loan as returned, and puts the copy back.",
        parameters={"loan_id": ref("loans")},
        output={"loan_id": TEXT, "late": Parameter(type="boolean")},
        errors=(UNKNOWN, CONFLICT),
        writes=("books", "loans"),
    ),
    Tool(
        name="LateLoans",
        description="The open loans that were due more than some days ago, by due day and id.",
        parameters={"grace_days": Parameter(type="integer", minimum=0, maximum=30)},
        output={"loan_ids": Parameter(type="array", items=TEXT), "count": COUNT},
        reads=("loans",),
    ),
    Tool(
        name="FindBooks",
        description="Books that match every given value.",
        parameters={
            "word": Parameter(type="string", required=False, min_length=1),
            "since": Parameter(type="integer", required=False),
            "available": Parameter(type="boolean", required=False, default=False),
        },
        output={"book_ids": Parameter(type="array", items=TEXT), "copies": COUNT},
        reads=("books",),
    ),
    Tool(
        name="RemoveMember",
        description="Removes a member without open loans, with their old loans.",
        parameters={"member_id": ref("members")},
        output={"member_id": TEXT},
        errors=(UNKNOWN, CONFLICT),
        writes=("members", "loans"),
    ),
)

SOURCES = {
    "LendBook": """
from datetime import datetime, timedelta


def guard(args, state, now):
    member = state["members"].get(args["member_id"])
    book = state["books"].get(args["book_id"])
    if member is None or book is None:
        return {"status_code": 404, "message": "Not found: check the id"}
    lent = 0
    for loan in state["loans"].values():
        if loan["member_id"] == args["member_id"] and not loan["returned"]:
            lent = lent + 1
    if lent >= member["quota"]:
        return {"status_code": 409, "message": "Not possible: look at the record"}
    if book["copies"] < 1:
        return {"status_code": 409, "message": "Not possible: look at the record"}
    return None


def apply(args, state, now):
    due = (datetime.fromisoformat(now) + timedelta(days=args["days"])).date().isoformat()
    book = state["books"][args["book_id"]]
    book["copies"] = book["copies"] - 1
    loan_id = new_id("loans")
    state["loans"][loan_id] = {
        "member_id": args["member_id"],
        "book_id": args["book_id"],
        "due": due,
        "returned": False,
    }
    return {"loan_id": loan_id, "due": due}
""",
    "ReturnBook": """
def guard(args, state, now):
    loan = state["loans"].get(args["loan_id"])
    if loan is None:
        return {"status_code": 404, "message": "Not found: check the id"}
    if loan["returned"]:
        return {"status_code": 409, "message": "Not possible: look at the record"}
    return None


def apply(args, state, now):
    loan = state["loans"][args["loan_id"]]
    loan["returned"] = True
    book = state["books"][loan["book_id"]]
    book["copies"] = book["copies"] + 1
    return {"loan_id": args["loan_id"], "late": loan["due"] < now[:10]}
""",
    "LateLoans": """
from datetime import datetime, timedelta


def guard(args, state, now):
    return None


def apply(args, state, now):
    limit = (datetime.fromisoformat(now) - timedelta(days=args["grace_days"])).date().isoformat()
    late = []
    for loan_id, loan in state["loans"].items():
        if not loan["returned"] and loan["due"] < limit:
            late.append((loan["due"], loan_id))
    return {"loan_ids": [loan_id for due, loan_id in sorted(late)], "count": len(late)}
""",
    "FindBooks": """
def guard(args, state, now):
    return None


def apply(args, state, now):
    found = []
    copies = 0
    for book_id, book in state["books"].items():
        if args.get("word") is not None and args["word"].lower() not in book["title"].lower():
            continue
        if args.get("since") is not None and book["year"] < args["since"]:
            continue
        if args["available"] and book["copies"] == 0:
            continue
        found.append(book_id)
        copies = copies + book["copies"]
    return {"book_ids": found, "copies": copies}
""",
    "RemoveMember": """
def guard(args, state, now):
    if args["member_id"] not in state["members"]:
        return {"status_code": 404, "message": "Not found: check the id"}
    for loan in state["loans"].values():
        if loan["member_id"] == args["member_id"] and not loan["returned"]:
            return {"status_code": 409, "message": "Not possible: look at the record"}
    return None


def apply(args, state, now):
    old = [loan_id for loan_id, loan in state["loans"].items() if loan["member_id"] == args["member_id"]]
    for loan_id in old:
        state["loans"].pop(loan_id)
    state["members"].pop(args["member_id"])
    return {"member_id": args["member_id"]}
""",
}

OTHER_HAND = {
    "LendBook": """
import datetime

def open_loans(state, member_id):
    return [loan for loan in state["loans"].values() if loan["member_id"] == member_id and loan["returned"] is False]

def guard(args, state, now):
    if not (args["member_id"] in state["members"] and args["book_id"] in state["books"]):
        return {"status_code": 404, "message": "unknown"}
    full = len(open_loans(state, args["member_id"])) + 1 > state["members"][args["member_id"]]["quota"]
    if full or state["books"][args["book_id"]]["copies"] == 0:
        return {"status_code": 409, "message": "no"}

def apply(args, state, now):
    day = datetime.date.fromisoformat(now[:10]) + datetime.timedelta(args["days"])
    key = new_id("loans")
    lent = {"returned": False, "due": str(day)}
    state["loans"][key] = {**lent, "book_id": args["book_id"], "member_id": args["member_id"]}
    state["books"][args["book_id"]]["copies"] -= 1
    return {"due": str(day), "loan_id": key}
""",
    "ReturnBook": """
def guard(args, state, now):
    if args["loan_id"] not in state["loans"]:
        return {"status_code": 404, "message": "unknown"}
    return {"status_code": 409, "message": "done"} if state["loans"][args["loan_id"]]["returned"] else None

def apply(args, state, now):
    loan = state["loans"][args["loan_id"]]
    loan.update({"returned": True})
    state["books"][loan["book_id"]]["copies"] += 1
    return {"late": now.split("T")[0] > loan["due"], "loan_id": args["loan_id"]}
""",
    "LateLoans": """
from datetime import date

def guard(args, state, now):
    pass

def apply(args, state, now):
    today = date.fromisoformat(now[:10])
    loans = state["loans"]
    keys = [
        key
        for key in loans
        if loans[key]["returned"] == False
        and (today - date.fromisoformat(loans[key]["due"])).days > args["grace_days"]
    ]
    keys = sorted(keys, key=lambda key: (loans[key]["due"], key))
    return {"count": len(keys), "loan_ids": keys}
""",
    "FindBooks": """
def fits(book, args):
    word, since = args.get("word"), args.get("since")
    if args["available"] and not book["copies"]:
        return False
    return (word is None or word.lower() in book["title"].lower()) and (since is None or since <= book["year"])

def guard(args, state, now):
    return None

def apply(args, state, now):
    found = {key: book for key, book in state["books"].items() if fits(book, args)}
    return {"book_ids": list(found), "copies": sum([book["copies"] for book in found.values()])}
""",
}

LIBRARY = Domain(COLLECTIONS, STATE, TOOLS, SOURCES, OTHER_HAND)
