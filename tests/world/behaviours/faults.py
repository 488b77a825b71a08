"""Planted faults: right code with one change each, the property that it breaks, and what it takes to see it.

`DRAWS`: general properties on drawn calls show it. `SECOND`: only a second behaviour does, because the fault is an
answer that another tool might well give. `EXAMPLE`: a worked call does, as a user would write one down.
"""

from typing import Any, NamedTuple

from tests.world.behaviours.bank import BANK
from tests.world.behaviours.clinic import CLINIC
from tests.world.behaviours.domain import Domain
from tests.world.behaviours.library import LIBRARY
from tests.world.behaviours.shop import SHOP

DRAWS, SECOND, EXAMPLE = "draws", "second", "example"


class Fault(NamedTuple):
    """A planted fault."""

    name: str
    domain: Domain
    tool: str
    right: str
    """What stands in the right code, each time that it does."""
    wrong: str
    """What stands there instead."""
    broken: str
    """The property that it breaks."""
    shown_by: str = DRAWS
    example: dict[str, Any] = {}
    """The worked call, its state left to the domain's own."""


FAULTS = (
    # Boundaries
    Fault("the whole balance is refused", BANK, "Transfer", '"] > accounts', '"] >= accounts', "agreement", SECOND),
    Fault(
        "one cent too much passes", BANK, "Transfer", '"amount_cents"] > ', '"amount_cents"] - 1 > ', "output_schema"
    ),
    Fault("the last piece is refused", SHOP, "PlaceOrder", '"] < args', '"] <= args', "agreement", SECOND),
    Fault("the discount starts late", SHOP, "PlaceOrder", ">= DISCOUNT", "> DISCOUNT", "agreement", SECOND),
    Fault("one loan over the quota", LIBRARY, "LendBook", "lent >= member", "lent > member", "agreement", SECOND),
    Fault("today counts as past", CLINIC, "PlanVisit", '"day"] < now', '"day"] <= now', "agreement", SECOND),
    Fault("due a day early", LIBRARY, "LendBook", 'days=args["days"]', 'days=args["days"] - 1', "agreement", SECOND),
    Fault("the count is one off", SHOP, "Sales", '"orders": count', '"orders": count + 1', "agreement", SECOND),
    # Errors
    Fault("a code that is not documented", BANK, "Transfer", "403", "401", "documented_errors"),
    Fault(
        "another documented code",
        BANK,
        "CloseAccount",
        "409",
        "404",
        "documented_errors",
    ),
    Fault(
        "another documented error",
        BANK,
        "CloseAccount",
        '409, "message": "Not possible: look at the record"',
        '404, "message": "Not found: check the id"',
        "example",
        EXAMPLE,
        {"args": {"account_id": "ACC-1"}, "status": 409},
    ),
    Fault(
        "a documented error never comes",
        BANK,
        "Statement",
        'if args["account_id"] not in state["accounts"]',
        'if not args["account_id"]',
        "documented_errors",
    ),
    Fault(
        "the guard puts another argument in place",
        SHOP,
        "CancelOrder",
        '    if order["status"] != "placed"',
        '    args["order_id"] = sorted(state["orders"])[0]\n    if order["status"] != "placed"',
        "guard_changes_nothing",
    ),
    Fault("the code is text", SHOP, "CancelOrder", '"status_code": 409', '"status_code": "409"', "no_crash"),
    Fault("the message is a list", SHOP, "CancelOrder", '"Not found: check the id"', '["Not found"]', "no_crash"),
    Fault("an unknown id passes", LIBRARY, "ReturnBook", "loan is None", "False", "no_crash"),
    Fault("everything is refused", LIBRARY, "ReturnBook", "loan is None", "True", "some_success"),
    Fault(
        "apply refuses with an answer",
        BANK,
        "FreezeAccount",
        "def apply(args, state, now):\n",
        'def apply(args, state, now):\n    if args["account_id"] == "ACC-2":\n        return {"error": "no"}\n',
        "output_schema",
    ),
    Fault(
        "apply raises after it changed something",
        BANK,
        "FreezeAccount",
        '["status"] = "frozen"\n',
        '["status"] = "frozen"\n    if args["account_id"] == "ACC-2":\n        raise ValueError("no")\n',
        "no_crash",
    ),
    # Changes where there should be none
    Fault(
        "the guard changes what it then refuses",
        LIBRARY,
        "ReturnBook",
        '    if loan["returned"]:\n',
        '    if loan["returned"]:\n        loan["due"] = now[:10]\n',
        "guard_changes_nothing",
    ),
    Fault(
        "the guard does the work",
        CLINIC,
        "CancelVisit",
        '        return {"status_code": 409, "message": "Not possible: look at the record"}\n    return None',
        '        return {"status_code": 409, "message": "Not possible: look at the record"}\n'
        '    visit["status"] = "cancelled"\n    return None',
        "guard_changes_nothing",
    ),
    Fault(
        "a write outside `writes`",
        LIBRARY,
        "LendBook",
        "    loan_id = new_id",
        '    state["members"][args["member_id"]]["quota"] = 1\n    loan_id = new_id',
        "writes_only",
    ),
    Fault(
        "a look at what is not declared",
        LIBRARY,
        "LateLoans",
        "    late = []",
        '    late = list(state["books"])[:0]',
        "reads_only",
    ),
    Fault(
        "an undeclared collection that is quietly absent",
        LIBRARY,
        "LateLoans",
        "    late = []",
        '    late = list(state.get("members", {}))',
        "reads_only",
    ),
    # Hidden state
    Fault(
        "a mutable default",
        SHOP,
        "Restock",
        "def guard",
        "def seen(made=[]):\n    return made\n\n\ndef guard",
        "dialect",
    ),
    Fault(
        "a module list",
        SHOP,
        "Restock",
        "    for product_id in args",
        '    MADE.append(args["quantity"])\n    for product_id in args',
        "dialect",
    ),
    Fault(
        "a function attribute",
        SHOP,
        "Restock",
        "def apply(args, state, now):\n",
        'def apply(args, state, now):\n    guard.last = args["quantity"]\n',
        "dialect",
    ),
    Fault(
        "a closure cell",
        SHOP,
        "Restock",
        "def guard",
        "def counter():\n    n = 0\n\n    def step():\n        nonlocal n\n        n = n + 1\n"
        "    return step\n\n\ndef guard",
        "dialect",
    ),
    Fault(
        "a changed constant",
        SHOP,
        "PlaceOrder",
        '    product["stock"] = ',
        '    global DISCOUNT_FROM\n    DISCOUNT_FROM = 1\n    product["stock"] = ',
        "dialect",
    ),
    Fault(
        "a constant changed by another name",
        SHOP,
        "Restock",
        "    for product_id in args",
        '    table = TABLE["a"]\n    table.append(1)\n    for product_id in args',
        "dialect",
    ),
    # What no answer may hang on
    Fault("the clock", BANK, "Transfer", '"made_at": now}', '"made_at": datetime.now().isoformat()}', "dialect"),
    Fault("chance", BANK, "Transfer", "\ndef guard", "\nimport random\n\n\ndef guard", "dialect"),
    Fault("a hash", BANK, "Transfer", '= new_id("transfers")', '= "TR-" + str(hash(now))', "dialect"),
    Fault(
        "the order of a set",
        SHOP,
        "PriceList",
        "for price, product_id in sorted(found)",
        "for price, product_id in set(found)",
        "dialect",
    ),
    Fault(
        "a set from a function",
        SHOP,
        "PriceList",
        "\ndef apply(args, state, now):\n",
        "\ndef distinct(ids):\n    return set(ids)\n\n\ndef apply(args, state, now):\n"
        '    first = [one for one in distinct(["b", "a"])]\n',
        "dialect",
    ),
    Fault("the first records of the map", BANK, "Statement", "    found.sort(reverse=True)\n", "", "order_free"),
    Fault(
        "the last record of the map",
        CLINIC,
        "DoctorsOf",
        '    found.sort(key=lambda one: one["name"])\n',
        "    found = found[-1:]\n",
        "order_free",
    ),
    Fault(
        "a guard that looks at the first record",
        BANK,
        "AddInterest",
        'if args["account_id"] not in state["accounts"]:',
        'if args["account_id"] not in state["accounts"] or args["account_id"] == list(state["accounts"])[0]:',
        "order_free",
    ),
    # Arguments
    Fault(
        "an argument that is not used", LIBRARY, "LateLoans", 'days=args["grace_days"]', "days=3", "arguments_matter"
    ),
    Fault("a default of its own", BANK, "Statement", '[: args["limit"]]', "[:5]", "agreement", SECOND),
    Fault(
        "a crash where an optional is absent",
        CLINIC,
        "SetVisit",
        'args.get("slot") is not None',
        'args["slot"] > 0',
        "no_crash",
    ),
    Fault(
        "a crash where an optional filter is absent",
        SHOP,
        "PriceList",
        'args.get("most_cents") is not None and ',
        "",
        "no_crash",
    ),
    Fault(
        "an id in any case",
        LIBRARY,
        "RemoveMember",
        'args["member_id"]',
        'args["member_id"].upper()',
        "agreement",
        SECOND,
    ),
    # Answers
    Fault("a key is missing", SHOP, "Sales", '"orders": count, ', "", "output_schema"),
    Fault("a key too many", SHOP, "Sales", '{"orders": count', '{"kind": "tea", "orders": count', "output_schema"),
    Fault("a number as text", SHOP, "Sales", '"orders": count', '"orders": str(count)', "output_schema"),
    Fault(
        "a record instead of its id",
        SHOP,
        "PriceList",
        "[product_id for price",
        "[[product_id] for price",
        "output_schema",
    ),
    Fault(
        "a crash on no records",
        BANK,
        "Statement",
        "    found = []",
        '    newest = max([item["made_at"] for item in state["transfers"].values()])\n    found = []',
        "no_crash",
    ),
    # Money
    Fault("money as a float", BANK, "AddInterest", "// 100", "/ 100", "output_schema"),
    Fault(
        "whole cents as a float",
        SHOP,
        "PlaceOrder",
        '"quantity"]\n    if',
        '"quantity"] * 1.0\n    if',
        "output_schema",
    ),
    Fault(
        "rounded up", BANK, "AddInterest", 'args["percent"] // 100', 'args["percent"] // 100 + 1', "agreement", SECOND
    ),
    # Records
    Fault(
        "a reference to nothing",
        CLINIC,
        "PlanVisit",
        '"patient_id": args["patient_id"]',
        '"patient_id": args["doctor_id"]',
        "state_schema",
    ),
    Fault(
        "a reference left behind",
        BANK,
        "CloseAccount",
        '        state["transfers"].pop(transfer_id)\n',
        "        pass\n",
        "state_schema",
    ),
    Fault(
        "a field that no record has",
        CLINIC,
        "CancelVisit",
        '["status"] = "cancelled"',
        '["state"] = "cancelled"',
        "state_schema",
    ),
    Fault(
        "nothing changes",
        CLINIC,
        "CancelVisit",
        '    state["visits"][args["visit_id"]]["status"] = "cancelled"\n',
        "",
        "changes_state",
    ),
    Fault(
        "the wrong account pays",
        BANK,
        "Transfer",
        'state["accounts"][args["to_account_id"]]',
        'state["accounts"][args["from_account_id"]]',
        "agreement",
        SECOND,
    ),
    Fault(
        "the wrong field changes",
        CLINIC,
        "SetVisit",
        '        visit["slot"] = args["slot"]\n',
        '        visit["status"] = "done"\n',
        "example",
        EXAMPLE,
        {
            "args": {"visit_id": "VIS-2", "slot": 2},
            "response": {"visit_id": "VIS-2", "status": "planned", "slot": 2},
        },
    ),
    Fault(
        "all records change",
        CLINIC,
        "CancelVisit",
        '    state["visits"][args["visit_id"]]["status"] = "cancelled"\n',
        '    for visit in state["visits"].values():\n        visit["status"] = "cancelled"\n',
        "example",
        EXAMPLE,
        {
            "args": {"visit_id": "VIS-1"},
            "after": {
                "visits": {
                    **CLINIC.state["visits"],
                    "VIS-1": {**CLINIC.state["visits"]["VIS-1"], "status": "cancelled"},
                }
            },
        },
    ),
    Fault(
        "deletes instead of marking",
        SHOP,
        "CancelOrder",
        '    order["status"] = "cancelled"\n',
        '    state["orders"].pop(args["order_id"])\n',
        "agreement",
        SECOND,
    ),
    Fault(
        "stock is not given back",
        SHOP,
        "CancelOrder",
        'product["stock"] = product["stock"] + order["quantity"]',
        "pass",
        "agreement",
        SECOND,
    ),
    # Ids
    Fault(
        "ids by the number of records",
        SHOP,
        "PlaceOrder",
        'new_id("orders")',
        '"ORD-" + str(len(state["orders"]) + 1)',
        "new_ids",
    ),
    Fault("one id for all", LIBRARY, "LendBook", 'new_id("loans")', '"LOA-NEW"', "new_ids"),
)
