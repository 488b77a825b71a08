"""Tasks of the bank: sound ones, and ones with a known flaw each."""

from synthtools.types import ToolCode, VerifyPolicy
from tests.world.bank import CODE, STATE, WORLD, call, task
from tests.world.tasks.case import Flawed, asks

SEND = call("SendMoney", from_account="ACC-1", to_account="ACC-2", amount=2_500)
LIST = call("ListTransfers", account_id="ACC-1")
LOOK_1 = call("GetAccount", account_id="ACC-1")
LOOK_2 = call("GetAccount", account_id="ACC-2")
FIND_ANN = call("FindAccounts", owner="Ann Lee")
FIND_MIA = call("FindAccounts", owner="Mia Falk")


def pay_in(account: str, amount: int):
    return call("PayIn", account_id=account, amount=amount)


SOUND = {
    "money in dollars": task("Please send $25 from ACC-1 to ACC-2.", SEND),
    "money in cents": task("Please send 2500 cents from ACC-1 to ACC-2.", SEND),
    "decimal text": task(
        "Raise the overdraft of ACC-2 to 75.00.", call("SetOverdraft", account_id="ACC-2", overdraft="75.00")
    ),
    "twice an amount": task("Pay twice 40 dollars, $40.00 each time, into ACC-2.", pay_in("ACC-2", 8_000)),
    "two at a price": task("Pay $14.50 each for 2 tickets into ACC-4.", pay_in("ACC-4", 2_900)),
    "a share of a balance": task(
        "Look at ACC-2 and pay 10% of its balance into ACC-4.", LOOK_2, pay_in("ACC-4", 5_000)
    ),
    "the difference of two balances": task(
        "Compare ACC-1 and ACC-2 and pay the difference of their balances into ACC-4.",
        LOOK_1,
        LOOK_2,
        pay_in("ACC-4", 70_000),
    ),
    "the sum of a list": task("Pay the total of what was sent from ACC-1 back into it.", LIST, pay_in("ACC-1", 3_750)),
    "one account of a name": task(
        "Find the account of Mia Falk and pay $5.00 into it.", FIND_MIA, pay_in("ACC-4", 500)
    ),
    "told apart by its kind": task(
        "Find the accounts of Ann Lee and pay $5.00 into the savings one.", FIND_ANN, pay_in("ACC-3", 500)
    ),
    "all of a name": task(
        "Find the accounts of Ann Lee and pay $5.00 into each.",
        FIND_ANN,
        pay_in("ACC-1", 500),
        pay_in("ACC-3", 500),
    ),
    "a balance is asked for": task("What is the balance of ACC-2?", LOOK_2, certificate=asks(50_000, 0, "/balance")),
}

FLAWED = {
    "amount off by a cent": Flawed(
        task("Please send $25 from ACC-1 to ACC-2.", call("SendMoney", **{**SEND.arguments, "amount": 2_501})),
        "grounded",
        "2501",
    ),
    "amount in the wrong unit": Flawed(
        task("Please send $25 from ACC-1 to ACC-2.", call("SendMoney", **{**SEND.arguments, "amount": 25})),
        "grounded",
        "amount = 25",
    ),
    "product off by a cent": Flawed(
        task("Pay $14.50 each for 2 tickets into ACC-4.", pay_in("ACC-4", 2_901)), "grounded"
    ),
    "product that nobody asked for": Flawed(
        task("Pay $14.50 into ACC-4 for the 2 of us.", pay_in("ACC-4", 2_900)), "grounded"
    ),
    "share off by one": Flawed(
        task("Look at ACC-2 and pay 10% of its balance into ACC-4.", LOOK_2, pay_in("ACC-4", 5_001)), "grounded"
    ),
    "sum of a list off by one": Flawed(
        task("Pay the total of what was sent from ACC-1 back into it.", LIST, pay_in("ACC-1", 3_749)), "grounded"
    ),
    "decimal text off by a cent": Flawed(
        task("Raise the overdraft of ACC-2 to 75.00.", call("SetOverdraft", account_id="ACC-2", overdraft="75.01")),
        "grounded",
    ),
    "an id by arithmetic": Flawed(
        task("Pay $5.00 into the account after ACC-1, so one more.", pay_in("ACC-2", 500)), "grounded"
    ),
    "money that is not there": Flawed(
        task(
            "Please send $25 from ACC-4 to ACC-4.",
            call("SendMoney", from_account="ACC-4", to_account="ACC-4", amount=2_500),
        ),
        "gold_passes",
        "409",
    ),
    "the answer is another type": Flawed(
        task("What is the balance of ACC-2?", LOOK_2, certificate=asks(50_000.0, 0, "/balance")), "gold_passes"
    ),
    "final state off by a cent": Flawed(
        task(
            "Pay $5.00 into ACC-2.",
            pay_in("ACC-2", 500),
            final_state={
                **STATE,
                "accounts": {**STATE["accounts"], "ACC-2": {**STATE["accounts"]["ACC-2"], "balance": 50_501}},
            },
        ),
        "gold_passes",
        "final_state",
    ),
    "two accounts of one name": Flawed(
        task("Find the account of Ann Lee and pay $5.00 into it.", FIND_ANN, pay_in("ACC-1", 500)),
        "unambiguous",
        "'Ann Lee' fits ACC-3 as well",
    ),
    "two accounts of one name, found by a judge": Flawed(
        task(
            "Please pay $5.00 into the account of Ann Lee.",
            pay_in("ACC-1", 500),
            provenance={"paraphrased": [[0, "account_id"]]},
        ),
        "unambiguous",
        "ACC-3",
    ),
    "sides can be exchanged": Flawed(
        task(
            "Please send $25 from ACC-1 to ACC-2.",
            SEND,
            policy=VerifyPolicy(
                fields={
                    "accounts.balance": "ignore",
                    "transfers.from_account": "ignore",
                    "transfers.to_account": "ignore",
                }
            ),
        ),
        "altered_calls_fail",
    ),
    "cents within a tolerance of a dollar": Flawed(
        task(
            "Pay $5.00 into ACC-2.",
            pay_in("ACC-2", 500),
            policy=VerifyPolicy(fields={"accounts.balance": "tolerance"}, tolerance=100),
        ),
        "altered_calls_fail",
        "amount=501",
    ),
    "a tool without code": Flawed(
        task(
            "Pay $5.00 into ACC-2.",
            pay_in("ACC-2", 500),
            world=WORLD.model_copy(update={"code": {**CODE, "PayIn": ToolCode(source=CODE["PayIn"].source)}}),
        ),
        "gold_passes",
        "no certified code",
    ),
}
