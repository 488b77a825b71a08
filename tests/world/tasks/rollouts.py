"""Rollouts of sound tasks of the bank and the shop, with the verdict that each must get."""

from tests.world import bank, shop
from tests.world.tasks.bank_tasks import SEND, pay_in
from tests.world.tasks.bank_tasks import SOUND as BANK
from tests.world.tasks.case import Rollout, asks
from tests.world.tasks.shop_tasks import SOUND as SHOP
from tests.world.tasks.shop_tasks import order, price

BALANCE = BANK["a balance is asked for"]
LOOK_2 = bank.call("GetAccount", account_id="ACC-2")
LOOK_4 = bank.call("GetAccount", account_id="ACC-4")
TWO_ORDERS = shop.task("Order 11 of PRO-3 and 12 of PRO-2.", order("PRO-3", 11), order("PRO-2", 12))
CHAIN = shop.task(
    "Order 11 of PRO-3 and 12 of PRO-2, and ship the second on 3 March 2026.",
    order("PRO-3", 11),
    order("PRO-2", 12),
    shop.call("MoveShipping", order_id="ORD-4", ship_on="2026-03-03"),
)
LAST_PIECES = bank.task(
    "Send $300 from ACC-2 to ACC-4, then $310 from ACC-4 to ACC-1.",
    bank.call("SendMoney", from_account="ACC-2", to_account="ACC-4", amount=30_000),
    bank.call("SendMoney", from_account="ACC-4", to_account="ACC-1", amount=31_000),
)
ABOUT = shop.task(
    "Roughly how much are 11 of PRO-4?", order("PRO-4", 11), certificate=asks(219.89, 0, "/total", tolerance=0.5)
)
IS_GIFT = shop.task("Is ORD-2 a gift?", shop.call("GetOrder", order_id="ORD-2"), certificate=asks(True, 0, "/gift"))
LOOK_ORDER_2 = shop.call("GetOrder", order_id="ORD-2")

ROLLOUTS = {
    "a float for a whole number of cents": Rollout(
        BANK["money in dollars"], ["SendMoney(from_account='ACC-1', to_account='ACC-2', amount=2500.0)"], None, True
    ),
    "dollars for cents": Rollout(
        BANK["money in dollars"],
        [bank.call("SendMoney", from_account="ACC-1", to_account="ACC-2", amount=25)],
        None,
        False,
        "state",
    ),
    "a cent less": Rollout(
        BANK["money in dollars"],
        [bank.call("SendMoney", from_account="ACC-1", to_account="ACC-2", amount=2_499)],
        None,
        False,
        "state",
    ),
    "the sides exchanged": Rollout(
        BANK["money in dollars"],
        [bank.call("SendMoney", from_account="ACC-2", to_account="ACC-1", amount=2_500)],
        None,
        False,
        "state",
    ),
    "sent twice": Rollout(BANK["money in dollars"], [SEND, SEND], None, False, "state"),
    "sent, and sent back": Rollout(
        BANK["money in dollars"],
        [SEND, bank.call("SendMoney", from_account="ACC-2", to_account="ACC-1", amount=2_500)],
        None,
        False,
        "state",
    ),
    "a refused try before": Rollout(
        BANK["money in dollars"],
        [bank.call("SendMoney", from_account="ACC-1", to_account="ACC-9", amount=2_500), SEND],
        None,
        True,
    ),
    "decimal text without its zeros": Rollout(
        BANK["decimal text"], [bank.call("SetOverdraft", account_id="ACC-2", overdraft="75")], None, False
    ),
    "a number for decimal text": Rollout(
        BANK["decimal text"], [bank.call("SetOverdraft", account_id="ACC-2", overdraft=75.00)], None, False
    ),
    "an equivalent way": Rollout(BANK["twice an amount"], [pay_in("ACC-2", 4_000), pay_in("ACC-2", 4_000)], None, True),
    "an order that matters": Rollout(LAST_PIECES, list(reversed(LAST_PIECES.gt_tool_calls)), None, False, "state"),
    "an order that matters, kept": Rollout(LAST_PIECES, LAST_PIECES.gt_tool_calls, None, True),
    "an order that does not matter": Rollout(TWO_ORDERS, list(reversed(TWO_ORDERS.gt_tool_calls)), None, True),
    "renamed ids": Rollout(
        CHAIN,
        [
            order("PRO-2", 12),
            order("PRO-3", 11),
            shop.call("MoveShipping", order_id="ORD-3", ship_on="2026-03-03"),
        ],
        None,
        True,
    ),
    "renamed ids, and the wrong one moved": Rollout(
        CHAIN,
        [
            order("PRO-2", 12),
            order("PRO-3", 11),
            shop.call("MoveShipping", order_id="ORD-4", ship_on="2026-03-03"),
        ],
        None,
        False,
        "state",
    ),
    "a part of the goal": Rollout(CHAIN, CHAIN.gt_tool_calls[:2], None, False, "state"),
    "a float without its fraction": Rollout(SHOP["half a price"], [price("PRO-3", 40)], None, True),
    "a float off in the last digit": Rollout(SHOP["a float price"], [price("PRO-4", 21.950001)], None, False, "state"),
    "a flag as a number": Rollout(SHOP["a flag"], [order("PRO-3", 11, gift=1)], None, False, "state"),
    "a flag as a text": Rollout(SHOP["a flag"], [order("PRO-3", 11, gift="true")], None, False, "state"),
    "a default that is said": Rollout(TWO_ORDERS, [order("PRO-3", 11, gift=False), order("PRO-2", 12)], None, True),
    "a list in another order": Rollout(
        SHOP["a list"], [order("PRO-3", 11, tags=["fragile", "rush"])], None, False, "state"
    ),
    "a read besides": Rollout(TWO_ORDERS, [LOOK_ORDER_2, *TWO_ORDERS.gt_tool_calls], None, True),
    "a write besides": Rollout(TWO_ORDERS, [*TWO_ORDERS.gt_tool_calls, price("PRO-1", 1.0)], None, False, "state"),
    "an answer in cents": Rollout(BALANCE, [LOOK_2], "It holds 50,000 cents.", True),
    "an answer in dollars": Rollout(BALANCE, [LOOK_2], "It holds $500.00.", True),
    "an answer in words": Rollout(BALANCE, [LOOK_2], "Fifty thousand cents.", True),
    "an answer off by one": Rollout(BALANCE, [LOOK_2], "It holds 50,001 cents.", False, "answer"),
    "an answer right by chance": Rollout(BALANCE, [], "It holds 50,000 cents.", False, "required_calls"),
    "an answer from another account": Rollout(BALANCE, [LOOK_4], "It holds 50,000 cents.", False, "required_calls"),
    "no answer": Rollout(BALANCE, [LOOK_2], "", False, "answer"),
    "an answer within the tolerance": Rollout(ABOUT, ABOUT.gt_tool_calls, "About 220.", True),
    "an answer beyond the tolerance": Rollout(ABOUT, ABOUT.gt_tool_calls, "About 225.", False, "answer"),
    "yes": Rollout(IS_GIFT, [LOOK_ORDER_2], "Yes, it is.", True),
    "no": Rollout(IS_GIFT, [LOOK_ORDER_2], "No, it is not.", False, "answer"),
    "what is asked for, instead of yes": Rollout(IS_GIFT, [LOOK_ORDER_2], "Order ORD-2 is a gift.", True),
    "what is asked for, denied": Rollout(IS_GIFT, [LOOK_ORDER_2], "It is not a gift.", False, "answer"),
    "one, which is not yes": Rollout(IS_GIFT, [LOOK_ORDER_2], "1", False, "answer"),
}
