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
        ("first of February", "2026-02-01"),
        ("on February first", "2026-02-01"),
        ("the fifth of March", "2026-03-05"),
        ("by March the twenty-second", "2026-03-22"),
        ("Sept 4", "2026-09-04"),
        ("move it to the 20th, please", "2026-01-20"),
        ("on the 10th", "2026-02-10"),
        ("quarter past nine", "09:15"),
        ("a quarter to ten", "09:45"),
        ("tomorrow at 9", "2026-01-16T09:00:00Z"),
        ("21 May may be fine for 21 people", 21),
        ("1.5 million", 1_500_000),
        ("minus five", -5),
        ("three quarters of it", 0.75),
        ("one and a half", 1.5),
        ("a couple of them", 2),
        ("€32,25", 32.25),
        ("1.250,00 €", 1250),
        ("twenty-five dollars and fifty cents", 25.5),
        ("at Cafe Noir", "Café Noir"),
        ("call +1 555-123-4567", "+15551234567"),
        ("call (555) 123-4567", "555-123-4567"),
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
        ("on 21 May", 21),
        ("on May 21st, 2026", 21),
        ("on the 20th floor", "2026-01-20"),
        ("on the 10th", "2026-03-10"),
        ("at 9 Elm Street", "09:00"),
        ("at 9", "21:00"),
        ("1.5 million", 1.5),
        ("1.250,00 €", 1.25),
        ("rooms 32,25", 32.25),
        ("fifty cents", 50.5),
        ("at Cafe Noire", "Café Noir"),
        ("call +1 555-123-4568", "+15551234567"),
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
        ("It costs €32,25.", 32.25, True),
        ("It has not shipped yet.", "shipped", False),
        ("It is not Bob Ray's.", "Bob Ray", False),
        ("It is not open, it has shipped.", "shipped", True),
        ("It is not open - shipped.", "shipped", True),
        ("It is neither open nor shipped.", "shipped", False),
        ("It is not only packed but shipped.", "shipped", True),
        ("Either open, shipped or cancelled.", "open", False),
        ("Either open, shipped or cancelled.", "shipped", False),
        ("Either open, shipped or cancelled.", "cancelled", False),
        ("Ann Lee or Bob Ray.", "Bob Ray", False),
        ("It is open or shipped? It has shipped.", "shipped", True),
        ("It has shipped, so track it or wait.", "shipped", True),
        ("44 or 45.", 44, False),
        ("You can pay by card or cash.", ["card", "cash"], True),
        ("It is due no later than March 4.", "2026-03-04", True),
    ],
)
def test_answers_are_read_as_people_write_them(answer, value, right):
    assert SpokenText(answer).says(value) is right


@pytest.mark.parametrize(
    ("answer", "name", "value", "right"),
    [
        ("It is late: 44 days old.", "late", True, True),
        ("It is not late.", "late", True, False),
        ("It is not late.", "late", False, True),
        ("It isn't late.", "is_late", False, True),
        ("There is no doubt: yes, 44 days.", "late", True, True),
        ("No, 44 days.", "late", True, False),
        ("I do not know whether it is late.", "late", True, False),
        ("It is late or early.", "late", True, False),
        ("The late order is 44 days old.", "late", True, False),
        ("The late order is 44 days old.", "late", False, False),
        ("Ann's order was late.", "late", True, True),
        ("late: no, gift: yes", "gift", True, True),
        ("late: no, gift: yes", "late", True, False),
        ("They come to 3,200 cents.", "total_cents", 3200, True),
        ("They come to $32.", "total_cents", 3200, True),
        ("They come to thirty-two dollars.", "total_cents", 3200, True),
        ("They come to €32,00.", "total_cents", 3200, True),
        ("They come to $3,200.00.", "total_cents", 3200, False),
        ("They come to $3200.", "total_cents", 3200, False),
        ("They come to $3,200.00.", "total", 3200, True),
    ],
)
def test_the_name_of_a_value_helps_to_read_an_answer(answer, name, value, right):
    assert SpokenText(answer).says(value, name=name) is right


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


@pytest.mark.parametrize(
    ("said", "right"),
    [
        *(("$25", 2500), ("$25.00", 2500), ("2500 cents", 2500), ("$250", 25_000), ("twenty-five dollars", 2500)),
        *(("25 bucks", 2500), ("USD 25", 2500), ("CHF 250", 25_000), ("₹250", 25_000), ("Rs 250", 25_000)),
        *(("25 kr", 2500), ("250,00 €", 25_000), ("a 25-dollar tip", 2500)),
    ],
)
def test_money_is_said_in_one_unit(said, right):
    for amount in (25, 250, 2500, 25_000):
        source = sources(f"Pay {said}.", amount=amount)["amount"]
        assert source == ("request" if amount == right else "nowhere")


BOOK = Tool(
    name="BookTable",
    description="",
    parameters={
        "start": Parameter(type="integer", minimum=0, maximum=23),
        "end_hour": Parameter(type="integer"),
        "duration_minutes": Parameter(type="integer"),
        "length": Parameter(type="number", description="How long, in hours."),
        "floor": Parameter(type="integer"),
        "seat_count": Parameter(type="integer"),
        "day": Parameter(type="integer"),
        "breakfast": Parameter(type="boolean"),
        "vip": Parameter(type="boolean"),
        "notify_guest": Parameter(type="boolean"),
        "disable_alerts": Parameter(type="boolean"),
        "kind": Parameter(type="string", enum=("box", "shelf")),
    },
)


@pytest.mark.parametrize(
    ("request_text", "name", "value", "grounded"),
    [
        ("from 9am to 11am", "start", 9, True),
        ("from 9 to 11 pm", "start", 21, True),
        ("from 9-11am", "end_hour", 11, True),
        ("at 1 pm", "end_hour", 13, True),
        ("at 1 pm", "end_hour", 1, False),
        ("at 1 pm", "seat_count", 13, False),
        ("for two hours", "duration_minutes", 120, True),
        ("for half an hour", "duration_minutes", 30, True),
        ("for an hour and a half", "duration_minutes", 90, True),
        ("for 2 hours and 30 minutes", "duration_minutes", 150, True),
        ("for 2 hours and 30 minutes", "duration_minutes", 120, False),
        ("for 2 hours and 30 minutes", "duration_minutes", 30, False),
        ("for 2 hours", "duration_minutes", 2, False),
        ("for two hours", "length", 2, True),
        ("2 of us for 2 hours, I mean 2", "duration_minutes", 2, True),
        ("make it 90", "duration_minutes", 90, True),
        ("for forty-five minutes", "length", 0.75, True),
        ("for forty five minutes", "length", 5 / 60, False),
        ("it is $80 an hour", "duration_minutes", 60, False),
        ("on the 3rd floor", "floor", 3, True),
        ("on the third floor", "floor", 3, True),
        ("the third seat", "floor", 3, False),
        ("the third seat", "seat_count", 3, False),
        ("on 21 May", "day", 21, True),
        ("on 21 May", "seat_count", 21, False),
        ("with breakfast", "breakfast", True, True),
        ("no breakfast, please", "breakfast", True, False),
        ("I don't want breakfast", "breakfast", True, False),
        ("without breakfast", "breakfast", False, True),
        ("with breakfast", "breakfast", False, False),
        ("make Bob a VIP", "vip", True, True),
        ("take away his VIP status", "vip", False, True),
        ("don't forget to notify her", "notify_guest", True, True),
        ("do not notify her", "notify_guest", True, False),
        ("turn the alerts back on", "disable_alerts", False, True),
        ("some boxes", "kind", "box", True),
        ("some boxers", "kind", "box", False),
    ],
)
def test_the_name_of_a_parameter_helps_to_find_its_value(request_text, name, value, grounded):
    found = ground(BOOK, ToolCall(name="BookTable", arguments={name: value}), request_text, (), NOW)
    assert (ungrounded(found) == []) is grounded


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


def test_what_went_before_may_be_told_beside_what_is_asked() -> None:
    assert not problems("My flight has been rescheduled. Please move the pickup to 5.")
    assert not problems("The order has been cancelled by mistake, reopen it.")
    assert problems("My order has been cancelled.")
    moved = ToolCall(name="MoveDose", arguments={"dose_id": "PRE-1"})
    assert problems("The dose for PRE-1 has been changed. Please tell me the status.", (), [moved])


SAVE = Tool(
    name="SaveFile",
    description="",
    parameters={"file": Parameter(type="string"), "kind": Parameter(type="string", enum=("plain_text", "csv"))},
)


@pytest.mark.parametrize(
    ("text", "file", "fine"),
    [
        ("Save it as shopping_list.txt, please.", "shopping_list.txt", True),
        ("Save it under blue_lake, please.", "blue_lake", True),
        ("Save it under blue_lake, please.", "red_lake", False),
        ("Save it for the JSON course.", "the JSON course", True),
        ("Save 'Dinner(for two)' for me.", "x", True),
        ("Save https://a.com/my_page?x=1 for me.", "x", True),
        ("Save it as plain_text.", "x", False),
        ("Save it with file=x.", "x", False),
        ("Call SaveFile with 'SaveFile'.", "x", False),
    ],
)
def test_a_value_of_the_users_may_look_like_code(text, file, fine):
    calls = [ToolCall(name="SaveFile", arguments={"file": file, "kind": "plain_text"})]
    assert (problems(text, [SAVE], calls) == []) is fine
