"""A small shop that the tests share: prices as floats, stock as integers, gifts as booleans, two lamps of one name."""

from synthtools.types import Collection, DocumentedError, Parameter, Task, TaskWorld, Tool, ToolCall, ToolCode

NOW = "2026-01-15T09:00:00Z"

COLLECTIONS = (
    Collection(
        name="products",
        id_prefix="PRO",
        fields={
            "name": Parameter(type="string"),
            "colour": Parameter(type="string", enum=("black", "white", "green")),
            "price": Parameter(type="number", minimum=0),
            "stock": Parameter(type="integer", minimum=0),
        },
    ),
    Collection(
        name="orders",
        id_prefix="ORD",
        fields={
            "product_id": Parameter(type="string", references="products"),
            "quantity": Parameter(type="integer", minimum=1),
            "gift": Parameter(type="boolean"),
            "ship_on": Parameter(type="string", format="date"),
            "tags": Parameter(type="array", items=Parameter(type="string")),
        },
    ),
)

STATE = {
    "products": {
        "PRO-1": {"name": "Desk Lamp", "colour": "black", "price": 24.5, "stock": 14},
        "PRO-2": {"name": "Desk Lamp", "colour": "white", "price": 26.5, "stock": 25},
        "PRO-3": {"name": "Oak Shelf", "colour": "green", "price": 80.0, "stock": 30},
        "PRO-4": {"name": "Wall Clock", "colour": "black", "price": 19.99, "stock": 12},
    },
    "orders": {
        "ORD-1": {"product_id": "PRO-3", "quantity": 2, "gift": False, "ship_on": "2026-02-02", "tags": []},
        "ORD-2": {"product_id": "PRO-4", "quantity": 15, "gift": True, "ship_on": "2026-02-20", "tags": ["fragile"]},
    },
}

NOT_FOUND = DocumentedError(title="Not found", advice="check the id", status_code=404)
CONFLICT = DocumentedError(title="Not in stock", advice="order fewer", status_code=409)
TEXT = Parameter(type="string")
PRODUCT = Parameter(type="string", references="products")
ORDER = Parameter(type="string", references="orders")
QUANTITY = Parameter(type="integer", minimum=1, maximum=1000)
FACTS = {
    "product_id": TEXT,
    "name": TEXT,
    "colour": TEXT,
    "price": Parameter(type="number"),
    "stock": Parameter(type="integer"),
}

TOOLS = (
    Tool(
        name="FindProducts",
        description="Finds products by their name.",
        parameters={"name": TEXT},
        output={"products": Parameter(type="array", items=Parameter(type="object", properties=FACTS))},
        reads=("products",),
    ),
    Tool(
        name="PlaceOrder",
        description="Orders a product.",
        parameters={
            "product_id": PRODUCT,
            "quantity": QUANTITY,
            "gift": Parameter(type="boolean", required=False, default=False),
            "tags": Parameter(type="array", items=TEXT, required=False, max_items=5),
        },
        output={"order_id": TEXT, "total": Parameter(type="number")},
        errors=(NOT_FOUND, CONFLICT),
        writes=("products", "orders"),
    ),
    Tool(
        name="SetPrice",
        description="Sets the price of a product.",
        parameters={"product_id": PRODUCT, "price": Parameter(type="number", minimum=0)},
        output={"product_id": TEXT, "price": Parameter(type="number")},
        errors=(NOT_FOUND,),
        writes=("products",),
    ),
    Tool(
        name="SetQuantity",
        description="Changes how many of its product an order has.",
        parameters={"order_id": ORDER, "quantity": QUANTITY},
        output={"order_id": TEXT, "quantity": Parameter(type="integer")},
        errors=(NOT_FOUND,),
        writes=("orders",),
    ),
    Tool(
        name="MoveShipping",
        description="Moves the shipping day of an order.",
        parameters={"order_id": ORDER, "ship_on": Parameter(type="string", format="date")},
        output={"order_id": TEXT, "ship_on": TEXT},
        errors=(NOT_FOUND,),
        writes=("orders",),
    ),
    Tool(
        name="GetOrder",
        description="Looks an order up.",
        parameters={"order_id": ORDER},
        output={
            "order_id": TEXT,
            "product_id": TEXT,
            "quantity": Parameter(type="integer"),
            "gift": Parameter(type="boolean"),
            "ship_on": TEXT,
        },
        errors=(NOT_FOUND,),
        reads=("orders",),
    ),
)

_ORDER_KNOWN = """
def guard(args, state, now):
    if args["order_id"] not in state["orders"]:
        return {"status_code": 404, "message": "Not found: check the id"}
    return None
"""

SOURCES = {
    "FindProducts": """
def guard(args, state, now):
    return None


def apply(args, state, now):
    rows = []
    for key, product in state["products"].items():
        if product["name"] == args["name"]:
            rows.append(
                {
                    "product_id": key,
                    "name": product["name"],
                    "colour": product["colour"],
                    "price": product["price"],
                    "stock": product["stock"],
                }
            )
    return {"products": rows}
""",
    "PlaceOrder": """
def guard(args, state, now):
    product = state["products"].get(args["product_id"])
    if product is None:
        return {"status_code": 404, "message": "Not found: check the id"}
    if product["stock"] < args["quantity"]:
        return {"status_code": 409, "message": "Not in stock: order fewer"}
    return None


def apply(args, state, now):
    product = state["products"][args["product_id"]]
    product["stock"] -= args["quantity"]
    order_id = new_id("orders")
    state["orders"][order_id] = {
        "product_id": args["product_id"],
        "quantity": args["quantity"],
        "gift": args["gift"],
        "ship_on": now[:10],
        "tags": args.get("tags", []),
    }
    return {"order_id": order_id, "total": product["price"] * args["quantity"]}
""",
    "SetPrice": """
def guard(args, state, now):
    if args["product_id"] not in state["products"]:
        return {"status_code": 404, "message": "Not found: check the id"}
    return None


def apply(args, state, now):
    state["products"][args["product_id"]]["price"] = args["price"]
    return {"product_id": args["product_id"], "price": args["price"]}
""",
    "SetQuantity": _ORDER_KNOWN
    + """

def apply(args, state, now):
    state["orders"][args["order_id"]]["quantity"] = args["quantity"]
    return {"order_id": args["order_id"], "quantity": args["quantity"]}
""",
    "MoveShipping": _ORDER_KNOWN
    + """

def apply(args, state, now):
    state["orders"][args["order_id"]]["ship_on"] = args["ship_on"]
    return {"order_id": args["order_id"], "ship_on": args["ship_on"]}
""",
    "GetOrder": _ORDER_KNOWN
    + """

def apply(args, state, now):
    order = state["orders"][args["order_id"]]
    return {
        "order_id": args["order_id"],
        "product_id": order["product_id"],
        "quantity": order["quantity"],
        "gift": order["gift"],
        "ship_on": order["ship_on"],
    }
""",
}

CODE = {name: ToolCode(source=source, guard_certified=True, certified=True) for name, source in SOURCES.items()}
WORLD = TaskWorld(env_id="shops_spec_001", tools=TOOLS, code=CODE, collections=COLLECTIONS, now=NOW)


def call(name: str, /, **arguments: object) -> ToolCall:
    return ToolCall(name=name, arguments=arguments)


def task(request: str, *calls: ToolCall, **fields: object) -> Task:
    """A task of the shop, its final state left to the replay."""
    base = {"id": "shops_spec_001_seq01", "field": "shops", "tools": TOOLS, "initial_state": STATE, "world": WORLD}
    return Task(**{**base, "summary": request, "gt_tool_calls": calls, **fields})
