"""Right code of tools whose parameters say nothing of where their values are found, each beside code that is wrong.

No schema, no references, no example: the names of parameters, collections and fields are all that draws can go by.
"""

from typing import NamedTuple

from synthtools.types import DocumentedError, Parameter, Tool
from synthtools.types.record import State

TEXT = Parameter(type="string")
WHOLE = Parameter(type="integer", minimum=0)

ORDERS: State = {
    "orders": {
        "ORD-1": {
            "total_cents": 2500,
            "created": "2026-01-10T09:00:00Z",
            "tags": ["gift"],
            "lines": [{"sku": "A1", "pieces": 2}, {"sku": "B2", "pieces": 1}],
        },
        "ORD-2": {"total_cents": 1999, "created": "2025-12-01T10:00:00Z", "tags": [], "lines": []},
        "ORD-3": {"total_cents": 700, "created": "2026-01-12T10:00:00Z", "tags": ["gift", "rush"], "lines": []},
    }
}
PEOPLE: State = {
    "people": {
        "P-1": {"name": "Ann Lee", "email": "ann@example.com", "home": {"city": "Oslo"}},
        "P-2": {"name": "Bob Ray", "email": "bob@example.com", "home": {"city": "Rome"}},
    }
}
ROOMS: State = {"rooms": {"R-1": {"capacity": 100, "rate": 25.5}, "R-2": {"capacity": 250, "rate": 40.0}}}
FILES: State = {"files": {"a.txt": {"size": 3}, "b.txt": {"size": 9}}}
STOCK: State = {
    "stock": {"apple": {"on_hand": 30}, "pear": {"on_hand": 0}},
    "sales": {"SAL-7": {"sku": "pear", "pieces": 5}},
}
MISSING = '{"status_code": 404, "message": "Not found"}'


class Bare(NamedTuple):
    """A tool with code."""

    name: str
    tool: Tool
    state: State
    source: str
    right: str
    """What stands in the right code."""
    wrong: str
    """What stands there in the wrong code."""
    broken: str
    """The property that it breaks."""


def bare(
    name: str,
    parameters: dict[str, Parameter],
    state: State,
    guard: str,
    apply: str,
    fault: tuple[str, str, str],
    *,
    writes: tuple[str, ...] = (),
) -> Bare:
    tool = Tool(
        name="Tool",
        description="A tool.",
        parameters=parameters,
        output={"result": Parameter(type="array")},
        errors=(
            DocumentedError(title="Not found", status_code=404),
            DocumentedError(title="Locked", status_code=409),
        ),
        reads=tuple(name for name in state if name not in writes),
        writes=writes,
    )
    source = f"def guard(args, state, now):\n{guard}    return None\n\n\ndef apply(args, state, now):\n{apply}"
    assert fault[0] in source
    return Bare(name, tool, state, source, *fault)


def refused(condition: str) -> str:
    return f"    if {condition}:\n        return {MISSING}\n"


def among(records: str, condition: str) -> str:
    return f'    return {{"result": sorted(k for k, r in state["{records}"].items() if {condition})}}\n'


UNUSED = "arguments_matter"
ADD_TODO = """    state["todos"].append({"text": args["text"], "done": False})
    return {"result": [len(state["todos"])]}
"""

BARE = (
    bare(
        "an id by another name",
        {"sku": TEXT, "pieces": Parameter(type="integer", minimum=1, maximum=9)},
        STOCK,
        refused('args["sku"] not in state["stock"]')
        + '    if state["stock"][args["sku"]]["on_hand"] < args["pieces"]:\n'
        + '        return {"status_code": 409, "message": "Locked"}\n',
        '    state["stock"][args["sku"]]["on_hand"] -= args["pieces"]\n'
        + '    state["sales"][new_id("sales")] = {"sku": args["sku"], "pieces": args["pieces"]}\n'
        + '    return {"result": [args["sku"]]}\n',
        ('new_id("sales")', '"SAL-1"', "new_ids"),
        writes=("stock", "sales"),
    ),
    bare(
        "two ids with suffixes",
        {"order_a": TEXT, "order_b": TEXT},
        ORDERS,
        refused('args["order_a"] not in state["orders"] or args["order_b"] not in state["orders"]'),
        '    a, b = state["orders"][args["order_a"]], state["orders"][args["order_b"]]\n'
        + '    return {"result": sorted(tag for tag in a["tags"] if tag in b["tags"])}\n',
        (' or args["order_b"] not in state["orders"]', "", "no_crash"),
    ),
    bare(
        "a key that is renamed",
        {"old_name": TEXT, "new_name": Parameter(type="string", min_length=1)},
        FILES,
        refused('args["old_name"] not in state["files"]')
        + '    if args["new_name"] in state["files"]:\n        return {"status_code": 409, "message": "Locked"}\n',
        '    state["files"][args["new_name"]] = state["files"].pop(args["old_name"])\n    return {"result": []}\n',
        ('.pop(args["old_name"])', '.pop("a.txt")', "no_crash"),
        writes=("files",),
    ),
    bare(
        "a field by a longer name",
        {"email_address": TEXT},
        PEOPLE,
        refused('args["email_address"].lower() not in [r["email"] for r in state["people"].values()]'),
        among("people", 'r["email"] == args["email_address"].lower()'),
        ('"message": "Not found"', '"message": "Locked"', "documented_errors"),
    ),
    bare(
        "a bound on decimals",
        {"max_rate": Parameter(type="number", minimum=0)},
        ROOMS,
        "",
        among("rooms", 'r["rate"] <= args["max_rate"]'),
        ('args["max_rate"]', "30", UNUSED),
    ),
    bare(
        "a bound on large numbers",
        {"guests": WHOLE},
        ROOMS,
        "",
        among("rooms", 'r["capacity"] >= args["guests"]'),
        ('args["guests"]', "150", UNUSED),
    ),
    bare(
        "a bound by a longer name",
        {"min_total_cents": WHOLE},
        ORDERS,
        "",
        among("orders", 'r["total_cents"] >= args["min_total_cents"]'),
        ('args["min_total_cents"]', "1000", UNUSED),
    ),
    bare(
        "a nested field",
        {"city": TEXT},
        PEOPLE,
        "",
        among("people", 'r["home"]["city"].lower() == args["city"].lower()'),
        ('args["city"].lower()', '"oslo"', UNUSED),
    ),
    bare(
        "a field of the items of a list",
        {"sku": TEXT},
        ORDERS,
        "",
        among("orders", 'args["sku"] in [line["sku"] for line in r["lines"]]'),
        ('args["sku"]', '"A1"', UNUSED),
    ),
    bare(
        "a date without a format",
        {"date_from": TEXT},
        ORDERS,
        "    try:\n        datetime.date.fromisoformat(args['date_from'])\n    except ValueError:\n"
        + '        return {"status_code": 409, "message": "Locked"}\n',
        among("orders", 'r["created"][:10] >= args["date_from"]'),
        ("except ValueError", "except KeyError", "no_crash"),
    ),
    bare(
        "a list as a collection",
        {"text": TEXT},
        {"todos": [{"text": "water", "done": False}]},
        "",
        ADD_TODO,
        ('state["todos"].append', 'state["todos"][0]["done"] = True\n    state["todos"].append', "no_crash"),
        writes=("todos",),
    ),
    bare(
        "a number as a collection",
        {"points": Parameter(type="integer", minimum=1)},
        {"total": 5},
        "",
        '    state["total"] = state["total"] + args["points"]\n    return {"result": [state["total"]]}\n',
        ('+ args["points"]', "+ 1", UNUSED),
        writes=("total",),
    ),
    bare(
        "a guard that changes what it copied",
        {"email": TEXT},
        PEOPLE,
        '    mine = dict(args)\n    mine["said"] = args["email"].lower()\n'
        + refused('mine["said"] not in [r["email"] for r in state["people"].values()]'),
        among("people", 'r["email"] == args["email"].lower()'),
        ("mine = dict(args)", "mine = args", "guard_changes_nothing"),
    ),
    bare(
        "counters and decimals",
        {"sku": TEXT},
        ORDERS,
        "",
        '    sold = collections.Counter(line["sku"] for r in state["orders"].values() for line in r["lines"])\n'
        + '    return {"result": [str(decimal.Decimal(sold[args["sku"]]) / 4)]}\n',
        ('sold[args["sku"]]', 'sold["A1"]', UNUSED),
    ),
)


def source_of(case: Bare, *, wrong: bool = False) -> str:
    """The code of a case with the imports that any of them needs."""
    source = case.source.replace(case.right, case.wrong) if wrong else case.source
    return "import collections\nimport datetime\nimport decimal\n\n\n" + source
