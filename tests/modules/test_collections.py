"""Collections and records: what a small model often gets wrong is mended by code, and no environment is lost by it."""

from typing import Any

import pytest

from synthtools.backends import model
from synthtools.errors import AnswerRefused
from synthtools.modules.generator import RecordGenerator, collection_of
from synthtools.types import Collection, Parameter, RecordKind, Scenario
from tests.library import Recorded, always, playing

SCENARIO = Scenario(field="Bicycle rental", subfield="City hire", title="Wheel shop")
CUSTOMERS = Collection(name="customers", record="customer", id_prefix="CUS", fields={"name": Parameter(type="string")})
RENTAL = RecordKind(singular="rental", plural="rentals")


def text(name: str) -> dict[str, str]:
    return {"kind": "text", "name": name}


def test_a_field_that_tells_of_another_record_becomes_a_link_to_it() -> None:
    made = collection_of({"fields": [text("customer_name"), text("remark")]}, RENTAL, [CUSTOMERS])
    assert list(made.fields) == ["customer_id", "remark"]
    assert made.fields["customer_id"].references == "customers"


def test_a_record_that_has_nothing_else_keeps_its_fields() -> None:
    made = collection_of({"fields": [text("customer_name")]}, RENTAL, [CUSTOMERS])
    assert list(made.fields) == ["customer_name"]


def test_a_records_own_fields_are_left_alone() -> None:
    visit = RecordKind(singular="customer_visit", plural="customer_visits")
    made = collection_of({"fields": [text("customer_visit_reason"), text("customers_seen")]}, visit, [CUSTOMERS])
    assert list(made.fields) == ["customer_visit_reason", "customers_seen"]


def test_the_records_own_id_is_left_out() -> None:
    made = collection_of({"fields": [text("rental_id"), text("remark")]}, RENTAL, [CUSTOMERS])
    assert list(made.fields) == ["remark"]


@pytest.mark.parametrize("fields", [("rental_id",), ("bicycle_id", "remark")])
def test_other_ids_are_no_fields(fields: tuple[str, ...]) -> None:
    with pytest.raises(AnswerRefused, match=fields[0]):
        collection_of({"fields": [text(name) for name in fields]}, RENTAL, [CUSTOMERS])


def records(name: str, *answers: list[str]) -> tuple[Any, Recorded]:
    given: list[Any] = [{"records": [{"name": person} for person in answer]} for answer in answers]
    script = playing(name, {"PopulateCollection": always(*given)})
    with model(f"scripted/{name}"):
        made = RecordGenerator()(scenario=SCENARIO, collection=CUSTOMERS, state={}, count=2, spare=1, seed=1)
    return made, script


def test_a_record_that_repeats_another_is_left_out_while_there_are_enough() -> None:
    (kept, spare), script = records("one-twice", ["Ann Lee", "ann lee ", "Bob Ray"])
    assert [record["name"] for record in kept.values()] == ["Ann Lee", "Bob Ray"]
    assert (spare, script.asked("PopulateCollection")) == ((), 1)


def test_a_model_is_told_that_its_records_repeat() -> None:
    (kept, spare), script = records("then-better", ["Ann Lee"] * 3, ["Ann Lee", "Bob Ray", "Cy Orr"])
    assert [record["name"] for record in (*kept.values(), *spare)] == ["Ann Lee", "Bob Ray", "Cy Orr"]
    assert "Only 1 values of name differ" in script.prompt("PopulateCollection")


def test_a_model_that_repeats_itself_to_the_end_loses_no_environment() -> None:
    (kept, _), script = records("stubborn-records", ["Ann Lee"] * 3)
    assert list(kept) == ["CUS-1", "CUS-2"]
    assert script.asked("PopulateCollection") == RecordGenerator.attempts
