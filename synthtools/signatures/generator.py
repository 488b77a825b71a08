"""What the generator is asked: subfields, scenarios, collections, records, tools, code, sequences.

One small question each. Inputs stand from the most shared to the least, so that a prompt cache can reuse the front.
"""

from typing import Annotated, Any, Literal

import dspy
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from synthtools.types.schema_from import Hidden, SchemaFrom

SnakeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{1,22}[a-z]$", max_length=24)]
Code = Annotated[str, StringConstraints(min_length=40, max_length=1400)]
Choice = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{1,18}[a-z]$", max_length=20)]


class Draft(BaseModel):
    """Base of what a model writes inside an answer: frozen, closed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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

    A good subfield is a concrete area in which people keep records and change them during the day. Name areas of
    activity, never products, and never the field itself again. Two subfields must not overlap. For the field Bakeries,
    good subfields are: Cake orders, Shift planning, Ingredient stock.
    """

    field: str = dspy.InputField()
    feedback: str = dspy.InputField(desc="what was wrong with the last answer", default="")
    answer_schema: Annotated[dict[str, Any], Hidden()] = dspy.InputField()
    subfields: Annotated[Any, SchemaFrom("answer_schema")] = dspy.OutputField(desc="a phrase of two to four words each")


class GenerateScenarios(dspy.Signature):
    """Describe distinct scenarios of a subfield, in which one organisation's staff use software on shared records.

    Name the organisation in a few words, say in one sentence what staff do with the records, and name the kinds of
    records by a common noun each, in singular and plural: first the people or things that are served, then the jobs
    that staff do for them, such as orders, visits, loans or repairs. Prefer small, everyday situations. For Cake orders
    in Bakeries: title "Corner bakery", description "Staff note the cakes that customers order, change the pick-up day
    and mark cakes as baked.", kinds customer, customers and cake_order, cake_orders.
    """

    field: str = dspy.InputField()
    subfield: str = dspy.InputField()
    feedback: str = dspy.InputField(desc="what was wrong with the last answer", default="")
    answer_schema: Annotated[dict[str, Any], Hidden()] = dspy.InputField()
    scenarios: Annotated[Any, SchemaFrom("answer_schema")] = dspy.OutputField()


class DesignCollection(dspy.Signature):
    """Choose the fields of one kind of records in the software of a scenario.

    Give the few fields that staff look up or change, the most telling one first: text for names and notes, number with
    its bounds, date for days, flag for yes or no, choice for a few fixed words. Every record has an id and a link to
    what it belongs to already: add no ids, no lists, and nothing that belongs to another kind of records. Money is a
    number of cents. Stages, where asked for, are the two to four states that just this kind of record goes through, in
    order: a repair is received, started, finished; a loan is lent, returned. For the cake orders of a bakery: fields
    text inscription, date pickup_day, number price_cents from 500 to 20000; stages ordered, baked, collected.
    """

    scenario: str = dspy.InputField()
    collections: list[str] = dspy.InputField(desc="kinds of records that have their fields already", default=[])
    kind: str = dspy.InputField(desc="the kind of records to choose fields for")
    feedback: str = dspy.InputField(desc="what was wrong with the last answer", default="")
    answer_schema: Annotated[dict[str, Any], Hidden()] = dspy.InputField()
    collection: Annotated[Any, SchemaFrom("answer_schema")] = dspy.OutputField()


class PopulateCollection(dspy.Signature):
    """Write the records of a collection, realistic and clearly different from one another.

    Use plain, plausible values: full names for people, ordinary words for things, days of the year 2026, amounts that
    fit. No two records share their first field. Vary the other values over the records, never number them.
    """

    scenario: str = dspy.InputField()
    kind: str = dspy.InputField(desc="the kind of records")
    feedback: str = dspy.InputField(desc="what was wrong with the last answer", default="")
    answer_schema: Annotated[dict[str, Any], Hidden()] = dspy.InputField()
    records: Annotated[Any, SchemaFrom("answer_schema")] = dspy.OutputField()


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
    answer_schema: Annotated[dict[str, Any], Hidden()] = dspy.InputField()
    tool: Annotated[Any, SchemaFrom("answer_schema")] = dspy.OutputField()


class WriteBehaviour(dspy.Signature):
    """Write a tool's behaviour as two short Python functions on the given state.

    guard(args, state, now) changes nothing: it returns None, or {'status_code': ..., 'message': ...} for the first
    documented error that applies. apply(args, state, now) runs only if guard returned None: it changes state where the
    tool changes something, and returns a dict with exactly the keys of the tool's returns. A collection of the state is
    a dict from id to record; a record has no id inside. An optional argument may be None: then it is not given.
    new_id(collection) gives the id of a new record; now is the time as text. Use plain loops and dicts: no imports, no
    del (use pop), no yield, no classes. Write texts in single quotes.
    """

    state_example: Any = dspy.InputField(desc="the collections with one record each")
    tool: str = dspy.InputField(desc="name, parameters, errors and returns")
    last_guard: str = dspy.InputField(desc="your last version", default="")
    last_apply: str = dspy.InputField(default="")
    feedback: str = dspy.InputField(desc="the case in which the last version failed", default="")
    guard: Code = dspy.OutputField(desc="the function guard(args, state, now)")
    apply: Code = dspy.OutputField(desc="the function apply(args, state, now)")


class PlanSequences(dspy.Signature):
    """Plan tasks for a person at the desk: each is a sequence of tools to be used one after another.

    A good sequence tells a small story, such as looking something up and then changing it. For every first tool that is
    asked for, choose what comes after it. Use a tool only once in a sequence, and let most sequences change something.
    """

    scenario: str = dspy.InputField()
    tools: list[str] = dspy.InputField(desc="tools with what they do")
    taken: list[str] = dspy.InputField(desc="sequences that exist already, not to be repeated", default=[])
    feedback: str = dspy.InputField(desc="what was wrong with the last answer", default="")
    answer_schema: Annotated[dict[str, Any], Hidden()] = dspy.InputField()
    sequences: Annotated[Any, SchemaFrom("answer_schema")] = dspy.OutputField(
        desc="by the name of the first tool: the second tool, then the others"
    )
