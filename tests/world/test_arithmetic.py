"""A value that follows by arithmetic is found with its derivation; its neighbours are not, nor is what nobody asked."""

import pytest

from synthtools.types import Parameter, Response
from synthtools.world.arithmetic import derive
from synthtools.world.spoken import SpokenText
from tests.world.hotel import NOW

WHOLE = Parameter(type="integer")
NUMBER = Parameter(type="number")
TEXT = Parameter(type="string")
DAY = Parameter(type="string", format="date")


def answers(*data):
    return [Response(status_code=200, data=row) for row in data]


def found(request, value, parameter, earlier=(), name="amount", cents=False):
    return derive(name, value, parameter, SpokenText(request, NOW), earlier, minor_units=cents)


@pytest.mark.parametrize(
    ("request_text", "value", "parameter", "data", "how"),
    [
        ("charge 2 lamps at 15 each", 30, WHOLE, [], "2 x 15"),
        ("charge twice the 40 of last year", 80, WHOLE, [], "2 x 40"),
        ("pay both at 12.10", "24.20", TEXT, [], "2 x 12.1"),
        ("pay in half of the balance", 250, WHOLE, [{"balance": 500}], "0.5 x 500"),
        ("three a day, four days in total", 12, WHOLE, [], "3 x 4"),
        ("the price for 3 nights in total", 436.5, NUMBER, [{"price": 145.5}], "3 x 145.5"),
        ("put 20 and 35 together", 55, WHOLE, [], "20 + 35"),
        ("send the balances together", 700, WHOLE, [{"balance": 500}, {"balance": 200}], "500 + 200"),
        ("what is left of 80 after 35", 45, WHOLE, [], "80 - 35"),
        ("pay what is outstanding", 130.5, NUMBER, [{"due": 200.5, "paid": 70}], "200.5 - 70"),
        ("take 15% off 19.99", 16.99, NUMBER, [], "19.99 less 15 %"),
        ("a tip of 15 percent on 200", 30, WHOLE, [], "15 % of 200"),
        ("raise the 80 by 2.5%", 82, WHOLE, [], "80 plus 2.5 %"),
        ("the total", 60.5, NUMBER, [{"rows": [{"p": 20.25}, {"p": 20.0}, {"p": 20.25}]}], "the sum of p"),
        ("note how many there are", 3, WHOLE, [{"rows": ["a", "b", "c"]}], "the number of rows"),
    ],
)
def test_numbers_follow_and_their_neighbours_do_not(request_text, value, parameter, data, how):
    earlier = answers(*data)
    assert (found(request_text, value, parameter, earlier) or "").startswith(how)
    text = isinstance(value, str)
    for wrong in (float(value) + 1, float(value) - 1, float(value) + 0.01, float(value) - 0.01):
        other = f"{wrong:.2f}" if text else wrong if isinstance(value, float) else round(wrong)
        assert other == value or found(request_text, other, parameter, earlier) is None


@pytest.mark.parametrize(
    ("request_text", "value", "data", "how"),
    [
        ("postpone the visit of 2 May by two weeks", "2026-05-16", [], "2026-05-02 + 14 days"),
        ("move it a week later", "2026-02-08", [{"date": "2026-02-01"}], "2026-02-01 + 7 days"),
        ("move it 3 days earlier", "2026-01-29", [{"date": "2026-02-01"}], "2026-02-01 - 3 days"),
        ("extend it by 10 days", "2026-03-03", [{"until": "2026-02-21T10:00:00Z"}], "2026-02-21 + 10 days"),
        ("the day after, same time", "2026-02-02T10:00:00Z", [{"at": "2026-02-01T10:00:00Z"}], "2026-02-01T10:00:00Z"),
        ("in three weeks", "2026-02-05", [], "2026-01-15 + 21 days"),
        ("twenty days from now", "2026-02-04", [], "2026-01-15 + 20 days"),
    ],
)
def test_days_follow_and_their_neighbours_do_not(request_text, value, data, how):
    earlier = answers(*data)
    assert (found(request_text, value, DAY, earlier, name="day") or "").startswith(how)
    day = int(value[8:10])
    for wrong in (f"{value[:8]}{day + 1:02d}{value[10:]}", f"{value[:8]}{day - 1:02d}{value[10:]}"):
        assert found(request_text, wrong, DAY, earlier, name="day") is None


@pytest.mark.parametrize(
    ("request_text", "value", "parameter", "name"),
    [
        ("charge 2 lamps at 15", 30, WHOLE, "amount"),  # nobody asks for a product
        ("2 rooms and 15 guests", 17, WHOLE, "amount"),
        ("2 rooms on 15 May, in total", 30, WHOLE, "amount"),
        ("15% and 19.99", 16.99, NUMBER, "amount"),
        ("one more than order 15", "16", TEXT, "order_id"),
        ("one more than 15", 16, WHOLE, "room_id"),
        ("one more than 15", 16, Parameter(type="integer", references="rooms"), "room"),
        ("one more than 15", 16, Parameter(type="integer", enum=(15, 16)), "level"),
        ("once more 15", 16, WHOLE, "amount"),
        ("at half past two, 30 people", 15, WHOLE, "amount"),
        ("on 2 May, for two weeks", "2026-05-16", DAY, "day"),
        ("a week later", "2026-W03T09:00", TEXT, "day"),  # a week without its day is ISO 8601, too
        ("true and more", True, Parameter(type="boolean"), "flag"),
    ],
)
def test_what_nobody_asked_for_does_not_follow(request_text, value, parameter, name):
    assert found(request_text, value, parameter, name=name) is None


def test_a_tiny_number_of_a_response_counts_only_under_the_same_name():
    assert found("add 5 more", 7, WHOLE, answers({"quantity": 2}), name="new_quantity") == "2 + 5"
    assert found("add 5 more", 7, WHOLE, answers({"beds": 2}), name="new_quantity") is None


def test_a_failed_call_gives_no_operand():
    earlier = [Response(status_code=404, error_message="no", data={"balance": 500})]
    assert found("pay half of the balance", 250, WHOLE, earlier) is None


def test_money_is_counted_in_cents_where_the_tool_does():
    assert found("two at $14.50 each", 2_900, WHOLE, cents=True) == "1450 x 2"
    assert found("two at $14.50 each", 2_900, WHOLE, cents=False) is None
    assert found("add $5.00 more", 1_500, WHOLE, answers({"balance": 1_000}), cents=True) == "1000 + 500"
