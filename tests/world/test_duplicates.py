"""Near-duplicates: which texts are alike, and that the index finds them."""

import random
import subprocess
import sys
from itertools import combinations

import pytest

from synthtools.types import STANDARD, EnvSpec, Parameter, Scenario, Tool
from synthtools.types.environment import RecordKind
from synthtools.world.duplicates import (
    EarlierTools,
    NearDuplicates,
    normalised,
    scenario_text,
    similarity,
    told_apart,
    tool_text,
)

THRESHOLD = STANDARD.duplicate_threshold


def tool(name: str, about: str, *parameters: str) -> Tool:
    return Tool(name=name, description=about, parameters={one: Parameter(type="string") for one in parameters})


def scenario(title: str, about: str, *kinds: str, subfield: str = "Hire") -> Scenario:
    records = tuple(RecordKind(singular=kind.removesuffix("s"), plural=kind) for kind in kinds)
    return Scenario(field="Bikes", subfield=subfield, title=title, description=about, kinds=records)


CANCEL = tool("CancelBooking", "Cancels a booking.", "booking_id")
ALIKE = [
    (CANCEL, CANCEL),
    (CANCEL, tool("CancelBooking", "Cancels an existing booking", "booking_id")),
    (
        tool("AddBooking", "Adds a booking of a room for a customer.", "customer_id", "day", "room"),
        tool("AddBooking", "Adds a new booking of a room for a customer.", "customer_id", "room", "day", "note"),
    ),
]
DIFFERENT = [
    (CANCEL, tool("CancelOrder", "Cancels an order.", "order_id")),
    (
        tool("MarkLoanLent", "Marks a loan as lent.", "loan_id"),
        tool("MarkLoanReturned", "Marks a loan as returned.", "loan_id"),
    ),
    (
        tool("MarkRequestApproved", "Marks a request as approved by its ID in the collection.", "request_id"),
        tool("MarkRequestClosed", "Marks a request as closed by its ID in the collection.", "request_id"),
    ),
    (
        tool("UpdateVisitDate", "Updates the date of a visit based on its ID.", "visit_id", "date"),
        tool("UpdateVisitTime", "Updates the time of a visit based on its ID.", "visit_id", "time"),
    ),
    (
        tool("GetBook", "Returns the details of a book based on its ID.", "book_id"),
        tool("GetCustomer", "Returns the details of a customer based on their ID.", "customer_id"),
    ),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_a_tool_in_other_words_is_alike(one: Tool, other: Tool) -> None:
    assert similarity(tool_text(one), tool_text(other)) >= THRESHOLD


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_a_tool_that_does_something_else_in_the_same_words_is_not(one: Tool, other: Tool) -> None:
    assert similarity(tool_text(one), tool_text(other)) < THRESHOLD


def test_a_scenario_is_alike_where_title_records_and_description_are() -> None:
    about = "Staff note the bicycles that customers hire and mark them as returned."
    first = scenario("Town bicycle hire", about, "bicycles", "customers")
    again = scenario("Bicycle hire in town", f"In town, {about}", "customers", "bicycles")
    other = scenario("Town bicycle hire", about, "permits", "inspections")
    assert similarity(scenario_text(first), scenario_text(again)) >= THRESHOLD
    assert similarity(scenario_text(first), scenario_text(other)) < THRESHOLD


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CancelBooking booking_id\nCancels it.", "cancel booking BOOKING-ID\ncancels it!"),
        ("Add\nAdds the 3 given rooms.", "Add\nAdds 12 rooms."),
        ("GetHTTPStatus\nStraße", "get http status\nSTRASSE"),
    ],
)
def test_case_punctuation_fillers_and_numbers_make_no_difference(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)
    assert similarity(one, other) == 1.0


def texts(count: int) -> list[str]:
    """Texts of few words, many of which are variants of an earlier one."""
    draw = random.Random(4)
    words = [f"{first}{second}" for first in ("ba", "ko", "mi", "tu", "re") for second in ("lon", "dar", "mes", "vik")]
    made: list[str] = []
    for _ in range(count):
        if made and draw.random() < 0.5:
            parts = [line.split() for line in draw.choice(made).split("\n")]
            for line in parts:
                if draw.random() < 0.6:
                    line[draw.randrange(len(line))] = draw.choice(words)
            made.append("\n".join(" ".join(line) for line in parts))
        else:
            made.append(f"{' '.join(draw.sample(words, 5))}\n{' '.join(draw.choices(words, k=12))}")
    return made


@pytest.mark.parametrize("threshold", [0.3, 0.65, 0.9])
def test_the_index_finds_what_comparing_every_pair_finds(threshold: float) -> None:
    given = texts(100)
    index, found = NearDuplicates(threshold), set[tuple[int, int]]()
    for number, text in enumerate(given):
        found.update((int(near.key), number) for near in index.matches(text))
        index.add(str(number), text)
    every = {
        (one, other)
        for (one, first), (other, second) in combinations(enumerate(given), 2)
        if similarity(first, second) >= threshold
    }
    assert len(every) >= 10
    assert found == every


def test_the_most_alike_comes_first_then_the_earliest() -> None:
    index = NearDuplicates(0.5)
    index.add("near", "cancel booking booking id\ncancels a booking of a guest")
    index.add("same", "cancel booking booking id\ncancels a booking")
    index.add("also the same", "Cancel booking, booking ID\nCancels the booking.")
    index.add("far", "find rooms by floor\nlists rooms")
    found = index.matches("cancel booking booking id\ncancels a booking")
    assert [near.key for near in found] == ["same", "also the same", "near"]
    assert (found[0].similarity, found[1].similarity) == (1.0, 1.0)
    assert index.find("weigh parcels\nsomething else") is None


def test_at_one_only_equal_texts_are_alike_and_a_low_threshold_works_too() -> None:
    strict, loose = NearDuplicates(1.0), NearDuplicates(0.01)
    for index in (strict, loose):
        index.add("first", "cancel booking\ncancels a booking of a guest")
    assert strict.find("Cancel booking\nCancels bookings of a guest") is None
    assert strict.find("CANCEL booking\ncancels the booking of a guest") is not None
    assert loose.find("cancel order\ncancels an order") is not None


def test_texts_without_words_are_alike_only_where_they_are_equal() -> None:
    index = NearDuplicates(0.5)
    index.add("empty", "\n")
    assert index.find("?\n!") is not None
    assert index.find("\nsome words") is None
    assert similarity("", "words") == 0.0


def test_another_process_finds_the_same() -> None:
    code = (
        "from tests.world.test_duplicates import NearDuplicates, texts\n"
        "index = NearDuplicates(0.65)\n"
        "for number, text in enumerate(texts(60)):\n"
        "    print(index.matches(text))\n"
        "    index.add(str(number), text)\n"
    )
    said = [
        subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True)
        for seed in ("1", "2")
    ]
    assert said[0].stdout == said[1].stdout
    assert b"similarity" in said[0].stdout


def test_a_scenario_says_which_earlier_one_it_repeats() -> None:
    about = "Staff note the bicycles that customers hire and mark them as returned."
    known = scenario("Town hire", about, "bicycles", "customers", subfield="Hire desks")
    repair = scenario("Repair shop", "Mechanics keep repairs and the parts they need.", "repairs", "parts")
    told = told_apart([repair, known, repair], [known], THRESHOLD)
    assert [one.repeats for one in told] == ["", "Town hire (Hire desks)", "Repair shop (Hire)"]


def test_tools_of_a_later_environment_name_the_earlier_one_that_they_repeat() -> None:
    def env(number: int, *tools: Tool) -> EnvSpec:
        return EnvSpec(id=f"clinics_spec_{number:03d}", scenario=scenario("Clinic", ""), tools=tools)

    order = tool("CancelOrder", "Cancels an order.", "order_id")
    earlier = EarlierTools(THRESHOLD)
    assert earlier.add(env(1, CANCEL)) == {}
    assert earlier.add(env(2, order, CANCEL)) == {
        "CancelBooking": "CancelBooking of clinics_spec_001 (similarity 1.00)"
    }
    assert earlier.add(env(3, order, CANCEL)) == {
        "CancelOrder": "CancelOrder of clinics_spec_002 (similarity 1.00)",
        "CancelBooking": "CancelBooking of clinics_spec_001 (similarity 1.00)",
    }


def test_what_repeats_another_does_not_stand_for_others() -> None:
    def add(room: str) -> Tool:
        return tool("AddBooking", f"Adds a booking of a {room} for a customer.", "customer_id", "day", *room.split())

    chain = [add("room"), add("room cot"), add("room cot crib")]
    first, middle, last = [tool_text(one) for one in chain]
    steps, ends = min(similarity(first, middle), similarity(middle, last)), similarity(first, last)
    assert steps > ends
    earlier = EarlierTools((steps + ends) / 2)
    found = [
        earlier.add(EnvSpec(id=f"clinics_spec_00{n}", scenario=scenario("Clinic", ""), tools=(one,)))
        for n, one in enumerate(chain, start=1)
    ]
    assert [bool(one) for one in found] == [False, True, False]
