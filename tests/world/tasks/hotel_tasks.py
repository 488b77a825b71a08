"""Tasks of the hotel with a known flaw each."""

from synthtools.types import VerifyPolicy
from tests.world.hotel import STATE, call, task
from tests.world.tasks.case import Flawed, asks

CREATE = call("CreateBooking", room_id="RM-3", guest="Kim Novak", date="2026-05-02")
CANCEL_1 = call("CancelBooking", booking_id="BK-1")
CANCEL_3 = call("CancelBooking", booking_id="BK-3")
CHECK_IN = call("SetBookingStatus", booking_id="BK-1", status="checked_in")
PRICE = call("GetRoom", room_id="RM-2")

FLAWED = {
    "goal already true": Flawed(
        task("Set BK-2 to checked in.", call("SetBookingStatus", booking_id="BK-2", status="checked_in")),
        "no_op_fails",
    ),
    "no gold calls": Flawed(task("Do nothing."), "gold_passes"),
    "unreachable goal": Flawed(task("Cancel BK-2.", call("CancelBooking", booking_id="BK-2")), "gold_passes"),
    "wrong key": Flawed(task("Cancel BK-1.", call("CancelBooking", booking="BK-1")), "gold_passes"),
    "unknown tool": Flawed(task("Cancel BK-1.", call("CancelStay", booking_id="BK-1")), "gold_passes"),
    "unknown record": Flawed(task("Cancel BK-9.", call("CancelBooking", booking_id="BK-9")), "gold_passes"),
    "final state of another task": Flawed(task("Cancel BK-1.", CANCEL_1, final_state=STATE), "gold_passes"),
    "initial state breaks a reference": Flawed(
        task("Cancel BK-1.", CANCEL_1, initial_state={"rooms": {}, "bookings": STATE["bookings"]}),
        "gold_passes",
    ),
    "missing id": Flawed(task("Cancel the booking of the Garden room.", CANCEL_1), "grounded"),
    "missing name": Flawed(task("Book room RM-3 on 2 May 2026.", CREATE), "grounded"),
    "missing date": Flawed(task("Book room RM-3 for Kim Novak.", CREATE), "grounded"),
    "wrong date in the request": Flawed(task("Book room RM-3 for Kim Novak on 3 May 2026.", CREATE), "grounded"),
    "missing status": Flawed(task("Please update BK-1.", CHECK_IN), "grounded"),
    "leaked new id": Flawed(task("Book RM-3 for Kim Novak on 2 May 2026; it will be BK-4.", CREATE), "no_leak"),
    "leaked answer": Flawed(
        task("Is it true that room RM-2 costs 145.50?", PRICE, certificate=asks(145.5, 0, "/price")), "no_leak"
    ),
    "names a tool": Flawed(task("Run CancelBooking on BK-1.", CANCEL_1), "natural"),
    "names a parameter": Flawed(task("Cancel the booking with booking_id BK-1.", CANCEL_1), "natural"),
    "writes an assignment": Flawed(task("Cancel it, booking=BK-1.", CANCEL_1), "natural"),
    "half of the goal already true": Flawed(
        task(
            "Cancel BK-1 and set BK-2 to checked in.",
            CANCEL_1,
            call("SetBookingStatus", booking_id="BK-2", status="checked_in"),
        ),
        "dropped_calls_fail",
    ),
    "first call undone by the second": Flawed(
        task(
            "Set BK-1 to checked in, then set BK-1 to open.",
            CHECK_IN,
            call("SetBookingStatus", booking_id="BK-1", status="open"),
        ),
        "no_op_fails",
    ),
    "first call overwritten": Flawed(
        task(
            "Set BK-1 to checked in, then to cancelled.",
            CHECK_IN,
            call("SetBookingStatus", booking_id="BK-1", status="cancelled"),
        ),
        "dropped_calls_fail",
    ),
    "expected answer stands nowhere": Flawed(
        task(
            "What does RM-2 cost?",
            PRICE,
            certificate=asks(99.0, 0, "/price"),
        ),
        "gold_passes",
    ),
    "pointer leads nowhere": Flawed(
        task(
            "What does RM-2 cost?",
            PRICE,
            certificate=asks(145.5, 0, "/cost"),
        ),
        "gold_passes",
    ),
    "everything is ignored": Flawed(
        task("Cancel BK-1.", CANCEL_1, policy=VerifyPolicy(fields={"bookings.status": "ignore"})),
        "no_op_fails",
    ),
    "required call that gold does not make": Flawed(
        task("Cancel BK-1.", CANCEL_1, policy=VerifyPolicy(required_calls=(CANCEL_3,))),
        "gold_passes",
    ),
    "forbidden tool in gold": Flawed(
        task("Cancel BK-1.", CANCEL_1, policy=VerifyPolicy(forbidden_tools=("CancelBooking",))),
        "gold_passes",
    ),
    "a policy of another world": Flawed(
        task("Cancel BK-1.", CANCEL_1, policy=VerifyPolicy(fields={"flights.seat": "ignore"})),
        "gold_passes",
        "no collection flights",
    ),
    "limit below the gold calls": Flawed(
        task(
            "Cancel BK-1 and BK-3.",
            CANCEL_1,
            CANCEL_3,
            policy=VerifyPolicy(at_most={"CancelBooking": 1}),
        ),
        "gold_passes",
    ),
    "wrong type": Flawed(
        task("Show 2 bookings of RM-1.", call("FindBookings", room_id="RM-1", limit="2")), "gold_passes", "integer"
    ),
    "outside a bound": Flawed(
        task("Show 99 bookings of RM-1.", call("FindBookings", room_id="RM-1", limit=99)), "gold_passes"
    ),
    "same call twice": Flawed(
        task("Set BK-1 to checked in.", CHECK_IN, CHECK_IN), "dropped_calls_fail", "makes no difference"
    ),
    "a changed field is ignored": Flawed(
        task(
            "Book room RM-3 for Kim Novak on 2 May 2026.",
            CREATE,
            policy=VerifyPolicy(fields={"bookings.guest": "ignore"}),
        ),
        "altered_calls_fail",
        "passes: CreateBooking",
    ),
    "a created record is known before": Flawed(
        task(
            "Book RM-3 for Kim Novak on 2 May 2026, and set BK-4 to checked in.",
            CREATE,
            call("SetBookingStatus", booking_id="BK-4", status="checked_in"),
        ),
        "no_leak",
        "BK-4",
    ),
    "two bookings fit the room's name": Flawed(
        task("Please cancel the booking of the Garden room, RM-1.", call("FindBookings", room_id="RM-1"), CANCEL_1),
        "unambiguous",
        "BK-3",
    ),
    "another reading": Flawed(
        task("Please cancel the booking BK-1 or BK-3.", CANCEL_1),
        "second_solution_passes",
        "ambiguous: another reading of the request leads elsewhere",
        second=[CANCEL_3],
    ),
    "a second solution that stops half way": Flawed(
        task("Please cancel BK-1 and BK-3.", CANCEL_1, CANCEL_3),
        "second_solution_passes",
        "not solved",
        second=[CANCEL_1],
    ),
    "a read that changes nothing it answers": Flawed(
        task(
            "How many of the bookings of RM-1 can you list, at most 10?",
            call("FindBookings", room_id="RM-1", limit=10),
            policy=VerifyPolicy(fields={}),
            initial_state={**STATE, "bookings": {}},
        ),
        "altered_reads_change",
        "makes no difference",
    ),
}
