"""Two records that fit the words of a request are two tasks; a word that fits only one of them tells them apart."""

import pytest

from synthtools.types import Collection, Parameter, Tool
from synthtools.world.certificate import certify_many
from synthtools.world.replay import open_world
from synthtools.world.spoken import SpokenText
from synthtools.world.targets import ambiguous_targets
from synthtools.world.trials import Trials
from tests.world import hotel

BOOKINGS = {
    **hotel.STATE["bookings"],
    "BK-1": {**hotel.STATE["bookings"]["BK-1"], "contact": "ann@example.com", "city": "Oslo"},
    "BK-3": {**hotel.STATE["bookings"]["BK-1"], "date": "2026-03-10", "contact": "ann2@example.com", "city": "Oslo"},
}
STATE = {**hotel.STATE, "bookings": BOOKINGS}
CALLS = (hotel.call("FindBookings", room_id="RM-1"), hotel.call("CancelBooking", booking_id="BK-1"))


def with_contact(collection: Collection) -> Collection:
    text = Parameter(type="string", required=False)
    return collection.model_copy(update={"fields": {**collection.fields, "contact": text, "city": text}})


def bare(tool: Tool) -> Tool:
    """A tool whose parameters do not say what they refer to."""
    parameters = {
        name: parameter.model_copy(update={"references": None}) for name, parameter in tool.parameters.items()
    }
    return tool.model_copy(update={"parameters": parameters})


WORLDS = {
    "declared": hotel.WORLD.model_copy(update={"collections": tuple(map(with_contact, hotel.COLLECTIONS))}),
    "no schemas": hotel.WORLD.model_copy(update={"collections": ()}),
    "no references": hotel.WORLD.model_copy(
        update={"collections": (), "tools": tuple(map(bare, hotel.TOOLS))},
    ),
}


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
@pytest.mark.parametrize(
    ("words", "clear"),
    [
        ("Look up RM-1, and cancel the booking of Ann Lee.", False),
        ("Look up RM-1, and cancel the booking of Ann Lee from Oslo.", False),
        ("Look up RM-1 in Budapest, and cancel the booking of Ann Lee as I suggest.", False),
        ("Look up RM-1, and cancel the latest booking of Ann Lee.", True),
        ("Look up RM-1, and cancel the booking of Ann Lee, ann@example.com.", True),
        ("Look up RM-1, and cancel the February booking of Ann Lee.", True),
        ("Look up RM-1, and cancel the booking BK-1 of Ann Lee.", True),
    ],
)
def test_a_description_must_fit_one_record(words, clear, world):
    task = hotel.task(words, *CALLS, initial_state=STATE, world=world)
    responses = [response for _, response in Trials(task, (), open_world(task, engine="code")).gold.calls]
    found = ambiguous_targets(task, SpokenText(words, hotel.NOW), responses)
    assert [line.endswith("fits BK-3 as well") for line in found] == ([] if clear else [True])


@pytest.mark.parametrize(
    ("request_text", "limit", "passes"),
    [
        ("Show me up to five bookings of RM-2.", 5, True),
        ("Show me the bookings of RM-2.", 5, False),
    ],
)
def test_an_idle_argument_may_be_what_the_request_says(request_text, limit, passes):
    task = hotel.task(request_text, hotel.call("FindBookings", room_id="RM-2", limit=limit))
    [certificate] = certify_many([task])
    checks = {check.name: check.passed for check in certificate.checks}
    assert checks["altered_reads_change"] is passes
