"""A shop: stock that orders take and cancelled orders give back, prices in cents, weights as plain numbers."""

from synthtools.types import Collection, Parameter, Tool
from tests.world.behaviours.domain import CONFLICT, COUNT, TEXT, UNKNOWN, Domain, named, ref

QUANTITY = Parameter(type="integer", minimum=1, maximum=50)
KIND = Parameter(type="string", enum=("tea", "cup", "pot"))

COLLECTIONS = (
    Collection(
        name="products",
        id_prefix="PRO",
        fields={
            "name": TEXT,
            "kind": KIND,
            "price_cents": Parameter(type="integer", minimum=1),
            "weight": Parameter(type="number", minimum=0),
            "stock": COUNT,
        },
    ),
    Collection(
        name="orders",
        id_prefix="ORD",
        fields={
            "product_id": ref("products"),
            "quantity": QUANTITY,
            "total_cents": COUNT,
            "status": Parameter(type="string", enum=("placed", "sent", "cancelled")),
        },
    ),
)

STATE = {
    "products": {
        "PRO-1": {"name": "Green", "kind": "tea", "price_cents": 450, "weight": 0.1, "stock": 12},
        "PRO-2": {"name": "Black", "kind": "tea", "price_cents": 399, "weight": 0.2, "stock": 3},
        "PRO-3": {"name": "Blue", "kind": "cup", "price_cents": 1299, "weight": 0.35, "stock": 0},
        "PRO-4": {"name": "White", "kind": "tea", "price_cents": 875, "weight": 0.7, "stock": 5},
        "PRO-5": {"name": "Iron", "kind": "pot", "price_cents": 5400, "weight": 2.0, "stock": 2},
    },
    "orders": {
        "ORD-1": {"product_id": "PRO-1", "quantity": 2, "total_cents": 900, "status": "placed"},
        "ORD-2": {"product_id": "PRO-5", "quantity": 1, "total_cents": 5400, "status": "sent"},
        "ORD-4": {"product_id": "PRO-1", "quantity": 3, "total_cents": 1350, "status": "placed"},
    },
}

TOOLS = named(
    Tool(
        name="PlaceOrder",
        description="Orders a product that is in stock; ten or more of it cost a tenth less, rounded down to cents.",
        parameters={"product_id": ref("products"), "quantity": QUANTITY},
        output={"order_id": TEXT, "total_cents": COUNT},
        errors=(UNKNOWN, CONFLICT),
        writes=("products", "orders"),
    ),
    Tool(
        name="CancelOrder",
        description="Marks a placed order as cancelled and puts its products back into stock.",
        parameters={"order_id": ref("orders")},
        output={"order_id": TEXT, "stock": COUNT},
        errors=(UNKNOWN, CONFLICT),
        writes=("products", "orders"),
    ),
    Tool(
        name="Restock",
        description="Adds to the stock of several products; a product that is named twice gets it twice.",
        parameters={
            "product_ids": Parameter(type="array", references="products", items=TEXT, min_items=1, max_items=4),
            "quantity": QUANTITY,
        },
        output={"products": COUNT},
        errors=(UNKNOWN,),
        writes=("products",),
    ),
    Tool(
        name="PriceList",
        description="The products of a kind, the cheapest first, with their weight in all.",
        parameters={"kind": KIND, "most_cents": Parameter(type="integer", required=False, minimum=1)},
        output={"product_ids": Parameter(type="array", items=TEXT), "weight": Parameter(type="number")},
        reads=("products",),
    ),
    Tool(
        name="Sales",
        description="How many orders of a product there are, and what those that were not cancelled cost in all.",
        parameters={"product_id": ref("products")},
        output={"orders": COUNT, "total_cents": COUNT},
        errors=(UNKNOWN,),
        reads=("products", "orders"),
    ),
)

SOURCES = {
    "PlaceOrder": """
DISCOUNT_FROM = 10


def guard(args, state, now):
    product = state["products"].get(args["product_id"])
    if product is None:
        return {"status_code": 404, "message": "Not found: check the id"}
    if product["stock"] < args["quantity"]:
        return {"status_code": 409, "message": "Not possible: look at the record"}
    return None


def apply(args, state, now):
    product = state["products"][args["product_id"]]
    total = product["price_cents"] * args["quantity"]
    if args["quantity"] >= DISCOUNT_FROM:
        total = total * 9 // 10
    product["stock"] = product["stock"] - args["quantity"]
    order_id = new_id("orders")
    state["orders"][order_id] = {
        "product_id": args["product_id"],
        "quantity": args["quantity"],
        "total_cents": total,
        "status": "placed",
    }
    return {"order_id": order_id, "total_cents": total}
""",
    "CancelOrder": """
def guard(args, state, now):
    order = state["orders"].get(args["order_id"])
    if order is None:
        return {"status_code": 404, "message": "Not found: check the id"}
    if order["status"] != "placed":
        return {"status_code": 409, "message": "Not possible: look at the record"}
    return None


def apply(args, state, now):
    order = state["orders"][args["order_id"]]
    order["status"] = "cancelled"
    product = state["products"][order["product_id"]]
    product["stock"] = product["stock"] + order["quantity"]
    return {"order_id": args["order_id"], "stock": product["stock"]}
""",
    "Restock": """
def guard(args, state, now):
    for product_id in args["product_ids"]:
        if product_id not in state["products"]:
            return {"status_code": 404, "message": "Not found: check the id"}
    return None


def apply(args, state, now):
    for product_id in args["product_ids"]:
        product = state["products"][product_id]
        product["stock"] = product["stock"] + args["quantity"]
    return {"products": len(set(args["product_ids"]))}
""",
    "PriceList": """
def guard(args, state, now):
    return None


def apply(args, state, now):
    found = []
    weight = 0.0
    for product_id, product in state["products"].items():
        if product["kind"] != args["kind"]:
            continue
        if args.get("most_cents") is not None and product["price_cents"] > args["most_cents"]:
            continue
        found.append((product["price_cents"], product_id))
        weight = weight + product["weight"]
    return {"product_ids": [product_id for price, product_id in sorted(found)], "weight": weight}
""",
    "Sales": """
def guard(args, state, now):
    if args["product_id"] not in state["products"]:
        return {"status_code": 404, "message": "Not found: check the id"}
    return None


def apply(args, state, now):
    count = 0
    total = 0
    for order in state["orders"].values():
        if order["product_id"] == args["product_id"]:
            count = count + 1
            if order["status"] != "cancelled":
                total = total + order["total_cents"]
    return {"orders": count, "total_cents": total}
""",
}

OTHER_HAND = {
    "PlaceOrder": """
def guard(args, state, now):
    if args["product_id"] not in state["products"]:
        return {"status_code": 404, "message": "unknown"}
    if args["quantity"] > state["products"][args["product_id"]]["stock"]:
        return {"status_code": 409, "message": "too few"}

def apply(args, state, now):
    product = state["products"][args["product_id"]]
    product["stock"] -= args["quantity"]
    share = 90 if args["quantity"] > 9 else 100
    order = {**args, "status": "placed", "total_cents": product["price_cents"] * args["quantity"] * share // 100}
    key = new_id("orders")
    state["orders"][key] = order
    return {"total_cents": order["total_cents"], "order_id": key}
""",
    "CancelOrder": """
def guard(args, state, now):
    if args["order_id"] not in state["orders"]:
        return {"status_code": 404, "message": "unknown"}
    if state["orders"][args["order_id"]]["status"] in ("sent", "cancelled"):
        return {"status_code": 409, "message": "too late"}

def apply(args, state, now):
    order = state["orders"][args["order_id"]]
    state["orders"][args["order_id"]] = {**order, "status": "cancelled"}
    state["products"][order["product_id"]]["stock"] += order["quantity"]
    return {"stock": state["products"][order["product_id"]]["stock"], "order_id": args["order_id"]}
""",
    "PriceList": """
def guard(args, state, now):
    return None

def apply(args, state, now):
    most = args.get("most_cents")
    rows = [
        [product["price_cents"], key, product["weight"]]
        for key, product in state["products"].items()
        if product["kind"] == args["kind"] and (most is None or product["price_cents"] <= most)
    ]
    return {"product_ids": [row[1] for row in sorted(rows)], "weight": sum([row[2] for row in rows])}
""",
}

SHOP = Domain(COLLECTIONS, STATE, TOOLS, SOURCES, OTHER_HAND)
