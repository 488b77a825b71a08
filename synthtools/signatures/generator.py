"""What the generator is asked: subfields, scenarios, collections, records, tools, code, sequences.

One small question each. Inputs stand from the most shared to the least, so that a prompt cache can reuse the front.
"""

from typing import Annotated, Literal

import dspy
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from synthtools.types.record import Json
from synthtools.types.schema_from import Hidden, SchemaFrom

SnakeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{1,22}[a-z]$", max_length=24)]
Choice = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{1,18}[a-z]$", max_length=20)]


class Draft(BaseModel):
    """Base of what a model writes inside an answer: frozen, closed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ScenarioDraft(Draft):
    """A scenario as the generator writes it."""

    title: Annotated[str, StringConstraints(max_length=60)]
    description: Annotated[str, StringConstraints(max_length=200)]


class TextField(Draft):
    """A short text, such as a name."""

    kind: Literal["text"]
    name: SnakeName


class NumberField(Draft):
    """A whole number within bounds."""

    kind: Literal["number"]
    name: SnakeName
    minimum: Annotated[int, Field(ge=0, le=1000)]
    maximum: Annotated[int, Field(ge=1, le=1_000_000)]


class DateField(Draft):
    """A calendar day."""

    kind: Literal["date"]
    name: SnakeName


class FlagField(Draft):
    """True or false."""

    kind: Literal["flag"]
    name: SnakeName


class ChoiceField(Draft):
    """One of a few fixed words, such as a status."""

    kind: Literal["choice"]
    name: SnakeName
    options: Annotated[tuple[Choice, ...], Field(min_length=2, max_length=4)]


FieldDraft = Annotated[TextField | NumberField | DateField | FlagField | ChoiceField, Field(discriminator="kind")]


class GenerateSubfields(dspy.Signature):
    """Name distinct subfields of a field of work or life.

    A good subfield is a concrete area in which people keep records and change them during the day, such as bookings,
    orders, repairs or members. Name areas of activity, never products, and never the field itself again. Two subfields
    must not overlap.
    """

    field: str = dspy.InputField()
    feedback: str = dspy.InputField(desc="what was wrong with the last answer", default="")
    answer_schema: Annotated[dict[str, Json], Hidden()] = dspy.InputField()
    subfields: Annotated[Json, SchemaFrom("answer_schema")] = dspy.OutputField(desc="two to four words each")


class GenerateScenarios(dspy.Signature):
    """Describe distinct scenarios of a subfield in which one organisation's staff use software on shared records.

    Each scenario names the organisation, the kind of records it keeps, and what staff look up and change in them. Prefer
    small, everyday situations with two or three kinds of records that refer to one another.
    """

    field: str = dspy.InputField()
    subfield: str = dspy.InputField()
    feedback: str = dspy.InputField(desc="what was wrong with the last answer", default="")
    answer_schema: Annotated[dict[str, Json], Hidden()] = dspy.InputField()
    scenarios: Annotated[Json, SchemaFrom("answer_schema")] = dspy.OutputField(
        desc="title: a few words; description: one or two sentences"
    )


class DesignCollection(dspy.Signature):
    """Design one more collection of records for the software of a scenario.

    Give the fields that staff look up or change, the most telling one first. A record whose life has stages, such as a
    booking or an order, has a choice field named status with its stages as options. Records already have an id, and a
    field for each collection they belong to: do not add ids or names of other records. Money is a number of cents.
    """

    scenario: str = dspy.InputField()
    collections: list[str] = dspy.InputField(desc="collections that exist already", default=[])
    purpose: str = dspy.InputField(desc="what the next collection is for")
    feedback: str = dspy.InputField(desc="what was wrong with the last answer", default="")
    answer_schema: Annotated[dict[str, Json], Hidden()] = dspy.InputField()
    collection: Annotated[Json, SchemaFrom("answer_schema")] = dspy.OutputField(
        desc="name: the plural noun of the records; fields: without ids"
    )


class PopulateCollection(dspy.Signature):
    """Write the records of a collection, realistic and clearly different from one another.

    Use plain, plausible values: full names of people, ordinary dates of the year 2026, amounts that fit. No two records
    share their first field. Vary statuses and choices over the records.
    """

    scenario: str = dspy.InputField()
    collection: str = dspy.InputField(desc="name and fields")
    feedback: str = dspy.InputField(desc="what was wrong with the last answer", default="")
    answer_schema: Annotated[dict[str, Json], Hidden()] = dspy.InputField()
    records: Annotated[Json, SchemaFrom("answer_schema")] = dspy.OutputField()


class DesignTool(dspy.Signature):
    """Design one more tool of the software of a scenario, as an API function on its collections.

    A tool does one clear thing that staff need. Its name is a verb and a noun in PascalCase, such as CancelBooking. Its
    description says in one sentence what it does, without naming fields. Choose as parameters only what the tool needs
    to do it: to change or look up one record it takes that record's id, to create a record it takes the new record's
    fields and never its id. Returns are the fields that its caller wants to know afterwards. A rule, if there is one,
    says in one sentence when the tool refuses although all its records exist, such as a booking that is cancelled
    already. Do not repeat a tool that exists.
    """

    scenario: str = dspy.InputField()
    collections: list[str] = dspy.InputField(desc="collections with the fields of their records")
    existing_tools: list[str] = dspy.InputField(default=[])
    task: str = dspy.InputField(desc="what kind of tool is wanted next")
    feedback: str = dspy.InputField(desc="what was wrong with the last answer", default="")
    answer_schema: Annotated[dict[str, Json], Hidden()] = dspy.InputField()
    tool: Annotated[Json, SchemaFrom("answer_schema")] = dspy.OutputField()


class WriteBehaviour(dspy.Signature):
    '''Write a tool's behaviour as two short Python functions on the given state.

    guard(args, state, now) changes nothing: it returns None, or {"status_code": ..., "message": ...} for the first
    documented error that applies. apply(args, state, now) runs only if guard returned None: it changes state where the
    tool changes something, and returns a dict with exactly the keys of the tool's returns. state is a dict of
    collections, a collection is a dict from id to record, a record is a dict of its fields without its id. An optional
    argument may be None. new_id(collection) gives the id of a new record; now is the time as text. Use plain loops and
    dicts only: no imports, no del (use pop), no yield, no classes, no variables outside the functions.

    Two tools of a library, a changing and a reading one:

    def guard(args, state, now):
        if args["book_id"] not in state["books"]:
            return {"status_code": 404, "message": "Book not found"}
        if state["books"][args["book_id"]]["status"] == "lent":
            return {"status_code": 409, "message": "Book is lent already"}
        return None
    def apply(args, state, now):
        loan_id = new_id("loans")
        state["loans"][loan_id] = {"book_id": args["book_id"], "reader": args["reader"]}
        state["books"][args["book_id"]]["status"] = "lent"
        return {"loan_id": loan_id, "status": "lent"}

    def guard(args, state, now):
        return None
    def apply(args, state, now):
        found = []
        for loan_id, loan in state["loans"].items():
            if loan["reader"] == args["reader"]:
                found.append({"loan_id": loan_id, "book_id": loan["book_id"]})
        return {"loans": found, "count": len(found)}
    '''

    state_example: Json = dspy.InputField(desc="the collections with one record each")
    tool: str = dspy.InputField(desc="name, parameters, errors and returns")
    last_source: str = dspy.InputField(desc="your last version", default="")
    feedback: str = dspy.InputField(desc="the case in which the last version failed", default="")
    source: Annotated[str, StringConstraints(max_length=2400)] = dspy.OutputField(desc="guard and apply")


class PlanSequences(dspy.Signature):
    """Plan tasks for a person at the desk: each is a sequence of tools to be used one after another.

    A good sequence tells a small story, such as looking something up and then changing it. Use a tool once in a
    sequence, begin sequences with different tools, and let most of them change something.
    """

    scenario: str = dspy.InputField()
    tools: list[str] = dspy.InputField(desc="tools with what they do")
    feedback: str = dspy.InputField(desc="what was wrong with the last answer", default="")
    answer_schema: Annotated[dict[str, Json], Hidden()] = dspy.InputField()
    sequences: Annotated[Json, SchemaFrom("answer_schema")] = dspy.OutputField()
