"""A bank: transfers between accounts in whole cents, interest, a statement, and accounts that are frozen and closed."""

from synthtools.types import Collection, Parameter, Tool
from tests.world.behaviours.domain import CONFLICT, COUNT, FORBIDDEN, MOMENT, TEXT, UNKNOWN, WRONG, Domain, named, ref

CENTS = Parameter(type="integer", minimum=1, maximum=1_000_000)

COLLECTIONS = (
    Collection(
        name="accounts",
        id_prefix="ACC",
        fields={
            "owner": TEXT,
            "balance_cents": Parameter(type="integer", minimum=0),
            "status": Parameter(type="string", enum=("open", "frozen")),
        },
    ),
    Collection(
        name="transfers",
        id_prefix="TR",
        fields={
            "from_account_id": ref("accounts"),
            "to_account_id": ref("accounts"),
            "amount_cents": CENTS,
            "made_at": MOMENT,
        },
    ),
)

STATE = {
    "accounts": {
        "ACC-1": {"owner": "Ada", "balance_cents": 1250, "status": "open"},
        "ACC-2": {"owner": "Bo", "balance_cents": 0, "status": "open"},
        "ACC-3": {"owner": "Cleo", "balance_cents": 90_001, "status": "frozen"},
        "ACC-4": {"owner": "Dev", "balance_cents": 333, "status": "open"},
    },
    "transfers": {
        "TR-1": {
            "from_account_id": "ACC-1",
            "to_account_id": "ACC-4",
            "amount_cents": 200,
            "made_at": "2026-01-02T10:00:00Z",
        },
        "TR-2": {
            "from_account_id": "ACC-4",
            "to_account_id": "ACC-1",
            "amount_cents": 50,
            "made_at": "2026-01-03T10:00:00Z",
        },
        "TR-3": {
            "from_account_id": "ACC-1",
            "to_account_id": "ACC-2",
            "amount_cents": 75,
            "made_at": "2026-01-05T10:00:00Z",
        },
    },
}

TOOLS = named(
    Tool(
        name="Transfer",
        description="Moves money from one account to another; the whole balance may be moved.",
        parameters={"from_account_id": ref("accounts"), "to_account_id": ref("accounts"), "amount_cents": CENTS},
        output={"transfer_id": TEXT, "left_cents": COUNT, "made_at": MOMENT},
        errors=(UNKNOWN, WRONG, FORBIDDEN, CONFLICT),
        writes=("accounts", "transfers"),
    ),
    Tool(
        name="AddInterest",
        description="Adds a percentage of its balance to an account, rounded down to cents.",
        parameters={"account_id": ref("accounts"), "percent": Parameter(type="integer", minimum=1, maximum=20)},
        output={"balance_cents": COUNT},
        errors=(UNKNOWN,),
        writes=("accounts",),
    ),
    Tool(
        name="Statement",
        description="Lists the transfers of an account, the newest first, with the sum that was sent in all.",
        parameters={
            "account_id": ref("accounts"),
            "limit": Parameter(type="integer", required=False, default=2, minimum=1, maximum=20),
        },
        output={"transfer_ids": Parameter(type="array", items=TEXT), "sent_cents": COUNT},
        errors=(UNKNOWN,),
        reads=("accounts", "transfers"),
    ),
    Tool(
        name="FreezeAccount",
        description="Freezes an open account.",
        parameters={"account_id": ref("accounts")},
        output={"account_id": TEXT, "status": TEXT},
        errors=(UNKNOWN, CONFLICT),
        writes=("accounts",),
    ),
    Tool(
        name="CloseAccount",
        description="Removes an empty account with the transfers from and to it.",
        parameters={"account_id": ref("accounts")},
        output={"removed_transfers": COUNT},
        errors=(UNKNOWN, CONFLICT),
        writes=("accounts", "transfers"),
    ),
)

KNOWN = """
def guard(args, state, now):
    if args["account_id"] not in state["accounts"]:
        return {"status_code": 404, "message": "Not found: check the id"}
    return None
"""

SOURCES = {
    "Transfer": """
def guard(args, state, now):
    accounts = state["accounts"]
    if args["from_account_id"] not in accounts or args["to_account_id"] not in accounts:
        return {"status_code": 404, "message": "Not found: check the id"}
    if args["from_account_id"] == args["to_account_id"]:
        return {"status_code": 422, "message": "Makes no sense: change the values"}
    if accounts[args["from_account_id"]]["status"] == "frozen":
        return {"status_code": 403, "message": "Not allowed: ask for permission"}
    if args["amount_cents"] > accounts[args["from_account_id"]]["balance_cents"]:
        return {"status_code": 409, "message": "Not possible: look at the record"}
    return None


def apply(args, state, now):
    source = state["accounts"][args["from_account_id"]]
    target = state["accounts"][args["to_account_id"]]
    source["balance_cents"] = source["balance_cents"] - args["amount_cents"]
    target["balance_cents"] = target["balance_cents"] + args["amount_cents"]
    transfer_id = new_id("transfers")
    state["transfers"][transfer_id] = {
        "from_account_id": args["from_account_id"],
        "to_account_id": args["to_account_id"],
        "amount_cents": args["amount_cents"],
        "made_at": now,
    }
    return {"transfer_id": transfer_id, "left_cents": source["balance_cents"], "made_at": now}
""",
    "AddInterest": KNOWN
    + """

def apply(args, state, now):
    account = state["accounts"][args["account_id"]]
    account["balance_cents"] = account["balance_cents"] + account["balance_cents"] * args["percent"] // 100
    return {"balance_cents": account["balance_cents"]}
""",
    "Statement": KNOWN
    + """

def apply(args, state, now):
    found = []
    sent = 0
    for transfer_id, transfer in state["transfers"].items():
        if args["account_id"] in (transfer["from_account_id"], transfer["to_account_id"]):
            found.append((transfer["made_at"], transfer_id))
        if transfer["from_account_id"] == args["account_id"]:
            sent = sent + transfer["amount_cents"]
    found.sort(reverse=True)
    return {"transfer_ids": [transfer_id for made_at, transfer_id in found][: args["limit"]], "sent_cents": sent}
""",
    "FreezeAccount": """
def guard(args, state, now):
    account = state["accounts"].get(args["account_id"])
    if account is None:
        return {"status_code": 404, "message": "Not found: check the id"}
    if account["status"] == "frozen":
        return {"status_code": 409, "message": "Not possible: look at the record"}
    return None


def apply(args, state, now):
    state["accounts"][args["account_id"]]["status"] = "frozen"
    return {"account_id": args["account_id"], "status": "frozen"}
""",
    "CloseAccount": """
def guard(args, state, now):
    account = state["accounts"].get(args["account_id"])
    if account is None:
        return {"status_code": 404, "message": "Not found: check the id"}
    if account["balance_cents"] > 0:
        return {"status_code": 409, "message": "Not possible: look at the record"}
    return None


def apply(args, state, now):
    gone = []
    for transfer_id, transfer in state["transfers"].items():
        if args["account_id"] in (transfer["from_account_id"], transfer["to_account_id"]):
            gone.append(transfer_id)
    for transfer_id in gone:
        state["transfers"].pop(transfer_id)
    state["accounts"].pop(args["account_id"])
    return {"removed_transfers": len(gone)}
""",
}

OTHER_HAND = {
    "Transfer": """
from datetime import datetime

def refuse(code):
    return {"status_code": code, "message": "refused"}

def guard(args, state, now):
    source = state["accounts"].get(args["from_account_id"])
    if not source or args["to_account_id"] not in state["accounts"]:
        return refuse(404)
    if args["to_account_id"] == args["from_account_id"]:
        return refuse(422)
    if source["status"] != "open":
        return refuse(403)
    return refuse(409) if source["balance_cents"] - args["amount_cents"] < 0 else None

def apply(args, state, now):
    moment = datetime.fromisoformat(now).isoformat()
    for name, sign in (("from_account_id", -1), ("to_account_id", 1)):
        state["accounts"][args[name]]["balance_cents"] += sign * args["amount_cents"]
    # Another series of ids than new_id's, that clashes with none.
    numbers = [int(key.split("-")[-1]) for key in state["transfers"]]
    key = "TR-" + str(max(numbers + [100]) + 7)
    state["transfers"][key] = dict(args, made_at=moment)
    return {
        "made_at": moment,
        "transfer_id": key,
        "left_cents": state["accounts"][args["from_account_id"]]["balance_cents"],
    }
""",
    "AddInterest": KNOWN
    + """
def apply(args, state, now):
    account = state["accounts"][args["account_id"]]
    account["balance_cents"] += (account["balance_cents"] * args["percent"]) // 100
    return {"balance_cents": account["balance_cents"]}
""",
    "Statement": KNOWN
    + """
def apply(args, state, now):
    mine = args["account_id"]
    transfers = state["transfers"]
    sent = sum([item["amount_cents"] for item in transfers.values() if item["from_account_id"] == mine])
    keys = [key for key in transfers if mine in (transfers[key]["from_account_id"], transfers[key]["to_account_id"])]
    keys = sorted(keys, key=lambda key: (transfers[key]["made_at"], key), reverse=True)
    return {"sent_cents": sent, "transfer_ids": keys[0 : args["limit"]]}
""",
    "CloseAccount": """
def guard(args, state, now):
    if args["account_id"] not in state["accounts"]:
        return {"status_code": 404, "message": "no such account"}
    if state["accounts"][args["account_id"]]["balance_cents"]:
        return {"status_code": 409, "message": "there is money left"}

def apply(args, state, now):
    key = args["account_id"]
    state["accounts"].pop(key)
    before = len(state["transfers"])
    state["transfers"] = {
        name: item
        for name, item in state["transfers"].items()
        if item["from_account_id"] != key and item["to_account_id"] != key
    }
    return {"removed_transfers": before - len(state["transfers"])}
""",
}

BANK = Domain(COLLECTIONS, STATE, TOOLS, SOURCES, OTHER_HAND)
