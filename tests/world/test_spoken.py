import pytest

from synthtools.types import Parameter, Response, Tool, ToolCall
from synthtools.world.grounding import ground, ungrounded
from synthtools.world.naturalness import problems
from synthtools.world.spoken import SpokenText
from tests.world.hotel import NOW, TOOLS


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("cancel ORD-1, please", "ORD-1"),
        ("for Dr. Sam O’Neil!", "Dr Sam O'Neil"),
        ("write to a_b@x.com", "a_b@x.com"),
        ("set it to In Progress", "in_progress"),
        ("note: 'leaky faucet,  kitchen'", "leaky faucet kitchen"),
        ("twelve of them", 12),
        ("two hundred and five", 205),
        ("three thousand two hundred", 3200),
        ("a dozen", 12),
        ("$1,299.50", 1299.5),
        ("1 200 units", 1200),
        ("15% off", 0.15),
        ("5k", 5000),
        ("it is -3 outside", -3),
        ("on March 4", "2026-03-04"),
        ("the 4th of March", "2026-03-04"),
        ("on 04.03.2026", "2026-03-04"),
        ("by 3/4/26", "2026-03-04"),
        ("tomorrow at 2 pm", "2026-01-16T14:00:00Z"),
        ("next Monday", "2026-01-19"),
        ("5 Feb, half past two", "2026-02-05T14:30:00"),
        ("in March", "2026-03"),
        ("at noon", "12:00"),
        ("red and blue", ["red", "blue"]),
    ],
)
def test_people_say_values_in_many_ways(text, value):
    assert SpokenText(text, NOW).mention(value) is not None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("cancel ORD-12", "ORD-1"),
        ("cancel ORD-1-2", "ORD-1"),
        ("order ORD-12", 12),
        ("on 2026-03-04", 3),
        ("version 3.5.1", 3.5),
        ("on March 5", "2026-03-04"),
        ("tomorrow at 3 pm", "2026-01-16T14:00:00Z"),
        ("only red", ["red", "blue"]),
        ("twenty-five", 20),
        ("Garden", "Gard"),
        ("anything", ""),
        ("true", True),
    ],
)
def test_what_is_not_said_is_not_found(text, value):
    assert SpokenText(text, NOW).mention(value) is None


@pytest.mark.parametrize(
    ("answer", "value", "right"),
    [
        ("Yes, it is.", True, True),
        ("Yes, and no deposit is due.", True, True),
        ("It is not available.", True, False),
        ("It isn't available.", False, True),
        ("Yes.", False, False),
        ("There are none.", [], True),
        ("The total is 12.35.", 12.3456, True),
        ("The total is 12.4.", 12.3456, False),
        ("It costs $12.50.", 1250, True),
        ("They are BK-1 and BK-3.", ["BK-1", "BK-3"], True),
        ("It is BK-1.", ["BK-1", "BK-3"], False),
        ("It is checked in.", "checked_in", True),
    ],
)
def test_answers_are_read_as_people_write_them(answer, value, right):
    assert SpokenText(answer).says(value) is right


PAY = Tool(
    name="PayInvoice",
    description="",
    parameters={
        "invoice_id": Parameter(type="string"),
        "amount": Parameter(type="integer", description="in cents"),
        "state": Parameter(type="string", enum=("cancelled", "open")),
        "notify_customer": Parameter(type="boolean", required=False),
        "currency": Parameter(type="string", required=False, default="EUR"),
        "day": Parameter(type="string", format="date", required=False),
    },
)


def sources(request, earlier=(), **arguments):
    made = ToolCall(name="PayInvoice", arguments=arguments)
    return {citation.parameter: citation.source for citation in ground(PAY, made, request, earlier, NOW)}


def test_every_argument_has_a_source_or_none():
    earlier = [Response(status_code=200, data={"invoice": {"id": "INV-7"}})]
    found = sources(
        "Pay $19.99 and cancel the rest, and notify them.",
        earlier,
        invoice_id="INV-7",
        amount=1999,
        state="cancelled",
        notify_customer=True,
        currency="EUR",
        day="2026-01-15",
    )
    assert found == {
        "invoice_id": "response",
        "amount": "request",
        "state": "request",
        "notify_customer": "request",
        "currency": "rule",
        "day": "rule",
    }


def test_a_value_that_follows_by_arithmetic_says_how():
    made = ToolCall(name="PayInvoice", arguments={"invoice_id": "INV-7", "amount": 3000, "day": "2026-01-29"})
    request = "Pay INV-7, two items at $15.00 each, fourteen days after 15 January 2026."
    found = {citation.parameter: (citation.source, citation.quote) for citation in ground(PAY, made, request, (), NOW)}
    assert found == {
        "invoice_id": ("request", "inv-7"),
        "amount": ("rule", "1500 x 2"),
        "day": ("rule", "2026-01-15 + 14 days"),
    }


@pytest.mark.parametrize(("said", "right"), [("$25", 2500), ("$25.00", 2500), ("2500 cents", 2500), ("$250", 25_000)])
def test_money_is_said_in_one_unit(said, right):
    for amount in (25, 250, 2500, 25_000):
        source = sources(f"Pay {said}.", amount=amount)["amount"]
        assert source == ("request" if amount == right else "nowhere")


def test_an_answer_may_be_rounded_and_a_request_may_not():
    assert SpokenText("It is 12.35.").says(12.3456)
    assert SpokenText("Set it to 12.35.").mention(12.3456) is None


def test_a_failed_call_and_a_bare_guess_are_no_source():
    earlier = [Response(status_code=404, error_message="INV-7", data={"id": "INV-7"})]
    citations = ground(PAY, ToolCall(name="P", arguments={"invoice_id": "INV-7", "amount": 5}), "Pay it.", earlier)
    assert ungrounded(citations) == ["invoice_id", "amount"]


@pytest.mark.parametrize(
    "text",
    [
        "Please cancel BK-1 and tell me the status and the date.",
        "What's the price of room RM-2 (the Tower)?",
        'Email ann_lee@example.com about the item(s) in my order, and note "fragile: glass".',
        "Set the Garden room to 80.50 a night & book it for 2 nights from 2026-02-01.",
        "McDonald wants the GitHub invoice, 50% off, at 10:30.",
    ],
)
def test_requests_of_people_are_fine(text):
    assert problems(text, TOOLS) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("Use CancelBooking on BK-1.", "the tool CancelBooking"),
        ("Cancel the booking with booking_id BK-1.", "the parameter booking_id"),
        ("Cancel it, status=cancelled.", "assignment"),
        ("Cancel it with status = 'open'.", "assignment"),
        ("Cancel(BK-1) now.", "function call"),
        ('Send {"id": 1}.', "JSON"),
        ("Set it to checked_in.", "name from code"),
        ("Make a tool call to cancel.", "machine"),
        ("Cancel `BK-1`.", "backticks"),
    ],
)
def test_what_no_person_would_write_is_told(text, told):
    assert told in " ".join(problems(text, TOOLS))


def test_a_request_asks_for_a_thing_and_does_not_report_it_as_done() -> None:
    assert problems("The dose for PRE-1 has been updated to 10 mg, and then tell me the status of PRE-2.")
    assert not problems("Please update the dose for PRE-1 to 10 mg, and then tell me the status of PRE-2.")
    assert not problems("Please check whether the order ORD-1 has been changed.")
