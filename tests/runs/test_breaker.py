"""When a run gives up on its model, and whose fault that is not."""

from synthtools.errors import ModelUnreachable, ProviderError
from synthtools.runs.breaker import Breaker
from synthtools.runs.item import Item

BROKEN, GONE = ProviderError("500"), ModelUnreachable("nothing answers")


def item(number: int) -> Item:
    return Item("task-audit", f"bikes_spec_{number:03d}")


def test_failures_of_one_kind_in_a_row_trip_it() -> None:
    breaker = Breaker(3)
    breaker.answered()
    assert [breaker.failed(item(number), BROKEN) for number in range(3)] == [False, False, True]
    assert breaker.items == (item(0), item(1), item(2))


def test_an_answer_or_another_kind_begins_a_new_row() -> None:
    breaker = Breaker(2)
    breaker.answered()
    assert not breaker.failed(item(0), BROKEN)
    breaker.answered()
    assert not breaker.failed(item(1), BROKEN)
    assert not breaker.failed(item(2), GONE)
    assert breaker.failed(item(3), GONE)
    assert breaker.items == (item(2), item(3))


def test_an_address_where_nothing_ever_answered_trips_it_at_once() -> None:
    breaker = Breaker(10)
    assert breaker.failed(item(0), GONE)
    assert breaker.gave_out


def test_a_row_too_short_to_trip_it_is_the_providers_only_where_nothing_answers() -> None:
    breaker = Breaker(3)
    breaker.answered()
    assert not breaker.failed(item(0), BROKEN)
    assert not breaker.gave_out
    assert not breaker.failed(item(1), GONE)
    assert breaker.gave_out
    assert breaker.items == (item(1),)
    breaker.answered()
    assert not breaker.gave_out


def test_what_was_on_its_way_when_it_tripped_belongs_to_the_row_too() -> None:
    breaker = Breaker(2)
    breaker.answered()
    breaker.failed(item(0), BROKEN)
    assert breaker.failed(item(1), BROKEN)
    breaker.answered()
    assert breaker.failed(item(2), GONE)
    assert breaker.items == (item(0), item(1), item(2))
