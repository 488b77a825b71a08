"""Tasks of the shop: sound ones, and ones with a known flaw each."""

from synthtools.types import ToolCode, VerifyPolicy
from tests.world.shop import CODE, WORLD, call, task
from tests.world.tasks.case import Flawed, asks

FIND_LAMP = call("FindProducts", name="Desk Lamp")
FIND_CLOCK = call("FindProducts", name="Wall Clock")
LOOK = call("GetOrder", order_id="ORD-1")
MOVE_ON = call("MoveShipping", order_id="ORD-1", ship_on="2026-02-16")


def order(product: str, quantity: int, **more: object):
    return call("PlaceOrder", product_id=product, quantity=quantity, **more)


def price(product: str, value: float):
    return call("SetPrice", product_id=product, price=value)


SOUND = {
    "a float price": task("Set the price of PRO-4 to 21.95.", price("PRO-4", 21.95)),
    "a whole number for a float": task("Set the price of PRO-4 to 21.", price("PRO-4", 21)),
    "a price with percent off": task(
        "Find the Wall Clock and take 15% off its price.", FIND_CLOCK, price("PRO-4", 16.99)
    ),
    "a price more": task("Find the Wall Clock and make it 2.50 more.", FIND_CLOCK, price("PRO-4", 22.49)),
    "half a price": task("Set the price of PRO-3 to half of 80.", price("PRO-3", 40.0)),
    "a flag": task("Order 11 of PRO-3 as a gift.", order("PRO-3", 11, gift=True)),
    "a list": task("Order 11 of PRO-3, with the tags rush and fragile.", order("PRO-3", 11, tags=["rush", "fragile"])),
    "weeks later": task("Look at ORD-1 and ship it two weeks later.", LOOK, MOVE_ON),
    "days after a day": task("Ship ORD-1 14 days after 2 February 2026.", MOVE_ON),
    "days earlier": task(
        "Look at ORD-1 and ship it three days earlier.",
        LOOK,
        call("MoveShipping", order_id="ORD-1", ship_on="2026-01-30"),
    ),
    "some more pieces": task(
        "Look at ORD-2 and add 5 more to its quantity.",
        call("GetOrder", order_id="ORD-2"),
        call("SetQuantity", order_id="ORD-2", quantity=20),
    ),
    "told apart by its colour": task("Find the Desk Lamp in white and order 11.", FIND_LAMP, order("PRO-2", 11)),
    "told apart by its price": task("Find the Desk Lamp for 26.50 and order 11.", FIND_LAMP, order("PRO-2", 11)),
    "told apart by a comparison": task("Order 11 of the cheapest Desk Lamp.", FIND_LAMP, order("PRO-1", 11)),
    "a total is asked for": task(
        "Order 11 of PRO-3 and tell me the total.", order("PRO-3", 11), certificate=asks(880.0, 0, "/total")
    ),
}

FLAWED = {
    "percent off, off by a cent": Flawed(
        task("Find the Wall Clock and take 15% off its price.", FIND_CLOCK, price("PRO-4", 17.0)), "grounded"
    ),
    "percent that nobody asked to take off": Flawed(
        task("Find the Wall Clock and set its price, with 15% in mind.", FIND_CLOCK, price("PRO-4", 16.99)), "grounded"
    ),
    "a price rounded away": Flawed(
        task("Set the price of PRO-4 to 21.95.", price("PRO-4", 21.949)), "grounded", "21.949"
    ),
    "a day off": Flawed(
        task(
            "Look at ORD-1 and ship it two weeks later.",
            LOOK,
            call("MoveShipping", order_id="ORD-1", ship_on="2026-02-17"),
        ),
        "grounded",
        "2026-02-17",
    ),
    "the other way in time": Flawed(
        task(
            "Look at ORD-1 and ship it three days later.",
            LOOK,
            call("MoveShipping", order_id="ORD-1", ship_on="2026-01-30"),
        ),
        "grounded",
    ),
    "half of more": Flawed(
        task(
            "Look at ORD-2 and add 5 more to its quantity.",
            call("GetOrder", order_id="ORD-2"),
            call("SetQuantity", order_id="ORD-2", quantity=21),
        ),
        "grounded",
        "21",
    ),
    "a tiny number by chance": Flawed(
        task(
            "Look at ORD-1 and give ORD-2 3 more pieces.",
            LOOK,
            call("MoveShipping", order_id="ORD-2", ship_on="2026-02-23"),
        ),
        "grounded",
    ),
    "two lamps of one name": Flawed(
        task("Find the Desk Lamp and order 11.", FIND_LAMP, order("PRO-1", 11)),
        "unambiguous",
        "'Desk Lamp' fits PRO-2 as well",
    ),
    "a text for a number": Flawed(task("Order 11 of PRO-3.", order("PRO-3", "11")), "gold_passes", "integer"),
    "a number for a flag": Flawed(task("Order 11 of PRO-3 as a gift.", order("PRO-3", 11, gift=1)), "gold_passes"),
    "a flag that is not said": Flawed(task("Order 11 of PRO-3.", order("PRO-3", 11, gift=True)), "grounded", "gift"),
    "one of two tags is not said": Flawed(
        task("Order 11 of PRO-3, with the tag rush.", order("PRO-3", 11, tags=["rush", "fragile"])), "grounded", "tags"
    ),
    "more than the stock": Flawed(task("Order 31 of PRO-3.", order("PRO-3", 31)), "gold_passes", "409"),
    "the goal is a price that it has": Flawed(
        task("Set the price of PRO-4 to 19.99.", price("PRO-4", 19.99)), "no_op_fails"
    ),
    "the price is within the tolerance": Flawed(
        task(
            "Set the price of PRO-4 to 21.95.",
            price("PRO-4", 21.95),
            policy=VerifyPolicy(fields={"products.price": "tolerance"}, tolerance=1.5),
        ),
        "altered_calls_fail",
        "price=22.95",
    ),
    "another price is never looked at": Flawed(
        task(
            "Order 11 of PRO-3.",
            order("PRO-3", 11),
            policy=VerifyPolicy(fields={"products.price": "ignore"}),
        ),
        "extra_writes_fail",
        "SetPrice",
    ),
    "the total is leaked": Flawed(
        task("Order 11 of PRO-3, 880 in all.", order("PRO-3", 11), certificate=asks(880.0, 0, "/total")), "no_leak"
    ),
    "the answer is off by a cent": Flawed(
        task("Order 11 of PRO-3 and tell me the total.", order("PRO-3", 11), certificate=asks(880.01, 0, "/total")),
        "gold_passes",
    ),
    "code that hangs on chance": Flawed(
        task(
            "Order 11 of PRO-3.",
            order("PRO-3", 11),
            world=WORLD.model_copy(
                update={
                    "code": {
                        **CODE,
                        "PlaceOrder": ToolCode(
                            source="import random\n" + CODE["PlaceOrder"].source, guard_certified=True, certified=True
                        ),
                    }
                }
            ),
        ),
        "gold_passes",
    ),
    "an order that a second plan fills otherwise": Flawed(
        task("Please order 11 of PRO-3 or of PRO-2.", order("PRO-3", 11)),
        "second_solution_passes",
        "ambiguous",
        second=[order("PRO-2", 11)],
    ),
}
