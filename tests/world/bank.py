"""A small bank that the tests share: money in cents, overdraft limits as decimal strings, two people of one name."""

from synthtools.types import Collection, DocumentedError, Parameter, Task, TaskWorld, Tool, ToolCall, ToolCode

NOW = "2026-01-15T09:00:00Z"

COLLECTIONS = (
    Collection(
        name="accounts",
        id_prefix="ACC",
        fields={
            "owner": Parameter(type="string", min_length=1, max_length=60),
            "kind": Parameter(type="string", enum=("checking", "savings")),
            "balance": Parameter(type="integer", description="in cents"),
            "overdraft": Parameter(type="string", pattern=r"^\d+\.\d{2}$"),
        },
    ),
    Collection(
        name="transfers",
        id_prefix="TR",
        fields={
            "from_account": Parameter(type="string", references="accounts"),
            "to_account": Parameter(type="string", references="accounts"),
            "amount": Parameter(type="integer", minimum=1),
            "day": Parameter(type="string", format="date"),
        },
    ),
)

STATE = {
    "accounts": {
        "ACC-1": {"owner": "Ann Lee", "kind": "checking", "balance": 120_000, "overdraft": "100.00"},
        "ACC-2": {"owner": "Omar Diaz", "kind": "checking", "balance": 50_000, "overdraft": "0.00"},
        "ACC-3": {"owner": "Ann Lee", "kind": "savings", "balance": 900_000, "overdraft": "0.00"},
        "ACC-4": {"owner": "Mia Falk", "kind": "checking", "balance": 3_050, "overdraft": "50.00"},
    },
    "transfers": {
        "TR-1": {"from_account": "ACC-1", "to_account": "ACC-2", "amount": 2_500, "day": "2026-01-05"},
        "TR-2": {"from_account": "ACC-1", "to_account": "ACC-4", "amount": 1_250, "day": "2026-01-09"},
    },
}

NOT_FOUND = DocumentedError(title="Not found", advice="check the account", status_code=404)
CONFLICT = DocumentedError(title="Not covered", advice="send less", status_code=409)
TEXT = Parameter(type="string")
WHOLE = Parameter(type="integer")
ACCOUNT = Parameter(type="string", references="accounts")
CENTS = Parameter(type="integer", minimum=1, description="in cents")
ROW = Parameter(type="object", properties={"account_id": TEXT, "owner": TEXT, "kind": TEXT, "balance": WHOLE})

TOOLS = (
    Tool(
        name="SendMoney",
        description="Sends money from one account to another.",
        parameters={"from_account": ACCOUNT, "to_account": ACCOUNT, "amount": CENTS},
        output={"transfer_id": TEXT, "balance": WHOLE},
        errors=(NOT_FOUND, CONFLICT),
        writes=("accounts", "transfers"),
    ),
    Tool(
        name="PayIn",
        description="Pays cash into an account.",
        parameters={"account_id": ACCOUNT, "amount": CENTS},
        output={"account_id": TEXT, "balance": WHOLE},
        errors=(NOT_FOUND,),
        writes=("accounts",),
    ),
    Tool(
        name="SetOverdraft",
        description="Sets how far an account may be overdrawn.",
        parameters={"account_id": ACCOUNT, "overdraft": Parameter(type="string", pattern=r"^\d+\.\d{2}$")},
        output={"account_id": TEXT, "overdraft": TEXT},
        errors=(NOT_FOUND,),
        writes=("accounts",),
    ),
    Tool(
        name="FindAccounts",
        description="Finds the accounts of a person.",
        parameters={"owner": Parameter(type="string", min_length=1, max_length=60)},
        output={"accounts": Parameter(type="array", items=ROW)},
        reads=("accounts",),
    ),
    Tool(
        name="GetAccount",
        description="Looks an account up.",
        parameters={"account_id": ACCOUNT},
        output={"account_id": TEXT, "owner": TEXT, "kind": TEXT, "balance": WHOLE, "overdraft": TEXT},
        errors=(NOT_FOUND,),
        reads=("accounts",),
    ),
    Tool(
        name="ListTransfers",
        description="Lists what was sent from an account.",
        parameters={"account_id": ACCOUNT},
        output={
            "transfers": Parameter(
                type="array", items=Parameter(type="object", properties={"transfer_id": TEXT, "amount": WHOLE})
            )
        },
        errors=(NOT_FOUND,),
        reads=("accounts", "transfers"),
    ),
)

_KNOWN = """
def guard(args, state, now):
    if args["account_id"] not in state["accounts"]:
        return {"status_code": 404, "message": "Not found: check the account"}
    return None
"""

SOURCES = {
    "SendMoney": """
def guard(args, state, now):
    if args["from_account"] not in state["accounts"] or args["to_account"] not in state["accounts"]:
        return {"status_code": 404, "message": "Not found: check the account"}
    if args["from_account"] == args["to_account"]:
        return {"status_code": 409, "message": "Not covered: both accounts are the same"}
    if state["accounts"][args["from_account"]]["balance"] < args["amount"]:
        return {"status_code": 409, "message": "Not covered: send less"}
    return None


def apply(args, state, now):
    state["accounts"][args["from_account"]]["balance"] -= args["amount"]
    state["accounts"][args["to_account"]]["balance"] += args["amount"]
    transfer_id = new_id("transfers")
    state["transfers"][transfer_id] = {
        "from_account": args["from_account"],
        "to_account": args["to_account"],
        "amount": args["amount"],
        "day": now[:10],
    }
    return {"transfer_id": transfer_id, "balance": state["accounts"][args["from_account"]]["balance"]}
""",
    "PayIn": _KNOWN
    + """

def apply(args, state, now):
    state["accounts"][args["account_id"]]["balance"] += args["amount"]
    return {"account_id": args["account_id"], "balance": state["accounts"][args["account_id"]]["balance"]}
""",
    "SetOverdraft": _KNOWN
    + """

def apply(args, state, now):
    state["accounts"][args["account_id"]]["overdraft"] = args["overdraft"]
    return {"account_id": args["account_id"], "overdraft": args["overdraft"]}
""",
    "FindAccounts": """
def guard(args, state, now):
    return None


def apply(args, state, now):
    rows = []
    for key, account in state["accounts"].items():
        if account["owner"] == args["owner"]:
            rows.append(
                {"account_id": key, "owner": account["owner"], "kind": account["kind"], "balance": account["balance"]}
            )
    return {"accounts": rows}
""",
    "GetAccount": _KNOWN
    + """

def apply(args, state, now):
    account = state["accounts"][args["account_id"]]
    return {
        "account_id": args["account_id"],
        "owner": account["owner"],
        "kind": account["kind"],
        "balance": account["balance"],
        "overdraft": account["overdraft"],
    }
""",
    "ListTransfers": _KNOWN
    + """

def apply(args, state, now):
    rows = []
    for key, transfer in state["transfers"].items():
        if transfer["from_account"] == args["account_id"]:
            rows.append({"transfer_id": key, "amount": transfer["amount"]})
    return {"transfers": rows}
""",
}

CODE = {name: ToolCode(source=source, guard_certified=True, certified=True) for name, source in SOURCES.items()}
WORLD = TaskWorld(env_id="banks_spec_001", tools=TOOLS, code=CODE, collections=COLLECTIONS, now=NOW)


def call(name: str, /, **arguments: object) -> ToolCall:
    return ToolCall(name=name, arguments=arguments)


def task(request: str, *calls: ToolCall, **fields: object) -> Task:
    """A task of the bank, its final state left to the replay."""
    base = {"id": "banks_spec_001_seq01", "field": "banks", "tools": TOOLS, "initial_state": STATE, "world": WORLD}
    return Task(**{**base, "summary": request, "gt_tool_calls": calls, **fields})
