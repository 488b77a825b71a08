"""Designs of tools over collections: declarations of what a tool does, so that code knows every right answer.

A model chooses a tool's action, its parameters and its rule from what the collections offer; code derives the typed
tool, and the exact outcome of every call. The behaviour, which a model writes as code, is held against that outcome.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, cast

from synthtools.errors import DataError
from synthtools.types.call import Change
from synthtools.types.environment import Collection
from synthtools.types.parameter import Parameter
from synthtools.types.record import Json, JsonObject, Record, State
from synthtools.types.tool import DocumentedError, Tool
from synthtools.world.ids import next_id

Action = Literal["create", "update", "mark", "delete", "get", "find"]
CHANGING: tuple[Action, ...] = ("create", "update", "mark", "delete")
READING: tuple[Action, ...] = ("get", "find")


class Rule(Record):
    """A tool refuses (409) while a field of a record has a value."""

    title: str
    """The documented error's title, in words."""
    collection: str
    field: str
    value: Json


class ToolDesign(Record):
    """What a tool does, on which collection."""

    name: str
    description: str
    action: Action
    collection: str
    parameters: tuple[str, ...] = ()
    """Fields of the collection that are parameters; the record's own id is implied by the action."""
    sets: tuple[str, Json] | None = None
    """mark: the field, and the value it is set to."""
    rule: Rule | None = None


class Outcome(Record):
    """What a right tool does with a call."""

    status_code: int
    data: JsonObject = {}
    change: Change | None = None


def record_noun(collection: Collection) -> str:
    """The singular noun of a collection's records."""
    return collection.record or collection.name


def id_parameter(collection: Collection) -> str:
    """The name of the parameter that takes an id of the collection."""
    return f"{record_noun(collection)}_id"


def by_name(collections: Sequence[Collection]) -> dict[str, Collection]:
    """The collections by name."""
    return {collection.name: collection for collection in collections}


def initial_value(field: Parameter) -> Json:
    """The value that a new record's field starts with if no parameter gives it."""
    if field.enum:
        return field.enum[0]
    return False


def starts_by_itself(field: Parameter) -> bool:
    """Whether a new record's field has a natural start value: the first choice, or false."""
    return bool(field.enum) or field.type == "boolean"


def takes_record(action: Action) -> bool:
    """Whether the action is about one existing record, named by its id."""
    return action in ("update", "mark", "delete", "get")


def tool_of(design: ToolDesign, collections: Sequence[Collection]) -> Tool:
    """The typed tool of a design: parameters from the collection's fields, errors and returns from what it does."""
    named = by_name(collections)
    collection = named[design.collection]
    noun = record_noun(collection).replace("_", " ")
    parameters: dict[str, Parameter] = {}
    errors: list[DocumentedError] = []
    usage: list[str] = []
    reads: list[str] = [collection.name]

    def not_found(of: Collection, parameter: str) -> None:
        title = f"{record_noun(of).replace('_', ' ').capitalize()} not found"
        if all(error.title != title for error in errors):
            errors.append(DocumentedError(title=title, advice=f"no record has the given {parameter}.", status_code=404))
        if of.name not in reads:
            reads.append(of.name)

    if takes_record(design.action):
        name = id_parameter(collection)
        parameters[name] = Parameter(type="string", description=f"Id of the {noun}", references=collection.name)
        not_found(collection, name)
    for field_name in design.parameters:
        field = collection.fields[field_name]
        optional = design.action == "update" and len(design.parameters) > 1
        about = "New" if design.action == "update" else "The"
        description = field.description or f"{about} {field_name.replace('_', ' ')} of the {noun}"
        parameters[field_name] = field.model_copy(update={"required": not optional, "description": description})
        if field.references and design.action != "find":
            not_found(named[field.references], field_name)
    if design.action == "create":
        for field_name, field in collection.fields.items():
            if field_name not in design.parameters:
                usage.append(f"The {field_name.replace('_', ' ')} starts as {_shown(initial_value(field))}.")
    if design.action == "update" and len(design.parameters) > 1:
        usage.append("Only the given values change.")
    if design.action == "find":
        usage.append(f"All {collection.name.replace('_', ' ')} that match every given value are returned.")
    if design.sets:
        usage.append(f"Sets {design.sets[0].replace('_', ' ')} to {_shown(design.sets[1])}.")
    if design.rule:
        rule = design.rule
        of = record_noun(named[rule.collection]).replace("_", " ")
        advice = f"refused while the {of}'s {rule.field.replace('_', ' ')} is {_shown(rule.value)}."
        errors.append(DocumentedError(title=rule.title, advice=advice, status_code=409))
    return Tool(
        name=design.name,
        description=design.description,
        parameters=parameters,
        output=_output(design, collection),
        errors=tuple(errors),
        usage=" ".join(usage),
        reads=tuple(reads),
        writes=(collection.name,) if design.action in CHANGING else (),
    )


def _shown(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _output(design: ToolDesign, collection: Collection) -> dict[str, Parameter]:
    noun = record_noun(collection).replace("_", " ")
    id_field = Parameter(type="string", description=f"Id of the {noun}")
    fields = {name: _bare(field) for name, field in collection.fields.items()}
    if design.action == "find":
        record = Parameter(type="object", properties={id_parameter(collection): id_field, **fields})
        return {
            collection.name: Parameter(type="array", items=record, description="The matching records"),
            "count": Parameter(type="integer", minimum=0, description="How many match"),
        }
    if design.action == "get":
        return fields
    keys = (design.sets[0],) if design.sets else () if design.action == "delete" else design.parameters
    return {id_parameter(collection): id_field, **{key: fields[key] for key in keys}}


def _bare(field: Parameter) -> Parameter:
    return Parameter(type=field.type, description=field.description, enum=field.enum)


def outcome(
    design: ToolDesign, collections: Sequence[Collection], state: State, arguments: Mapping[str, Json]
) -> Outcome:
    """What a right tool does with arguments that passed the gate: errors in the documented order, then the effect."""
    named = by_name(collections)
    collection = named[design.collection]
    records = _records(state, collection.name)
    record_id = cast(str, arguments.get(id_parameter(collection), ""))
    given = {name: arguments[name] for name in design.parameters if arguments.get(name) is not None}
    if takes_record(design.action) and record_id not in records:
        return Outcome(status_code=404)
    if design.action != "find":
        for name, value in given.items():
            target = collection.fields[name].references
            if target and value not in _records(state, target):
                return Outcome(status_code=404)
    if design.rule and _applies(design.rule, collection, records.get(record_id, {}), record_id, given, state):
        return Outcome(status_code=409)
    own_id: JsonObject = {id_parameter(collection): record_id}
    match design.action:
        case "create":
            created = next_id(state, collection)
            record = {name: given.get(name, initial_value(field)) for name, field in collection.fields.items()}
            change = Change(op="create", collection=collection.name, id=created, fields=record)
            return Outcome(status_code=200, data={id_parameter(collection): created, **given}, change=change)
        case "update":
            change = Change(op="update", collection=collection.name, id=record_id, fields=given)
            after = {**records[record_id], **given}
            return Outcome(
                status_code=200, data={**own_id, **{name: after[name] for name in design.parameters}}, change=change
            )
        case "mark":
            name, value = cast(tuple[str, Json], design.sets)
            change = Change(op="update", collection=collection.name, id=record_id, fields={name: value})
            return Outcome(status_code=200, data={**own_id, name: value}, change=change)
        case "delete":
            change = Change(op="delete", collection=collection.name, id=record_id)
            return Outcome(status_code=200, data=own_id, change=change)
        case "get":
            return Outcome(status_code=200, data=dict(records[record_id]))
        case "find":
            found: list[Json] = [
                {id_parameter(collection): key, **record}
                for key, record in records.items()
                if all(record.get(name) == value for name, value in given.items())
            ]
            return Outcome(status_code=200, data={collection.name: found, "count": len(found)})


def _records(state: State, collection: str) -> dict[str, JsonObject]:
    return cast(dict[str, JsonObject], state.get(collection, {}))


def _applies(
    rule: Rule,
    collection: Collection,
    record: JsonObject,
    record_id: str,
    given: Mapping[str, Json],
    state: State,
) -> bool:
    """Whether the rule's record (the call's own, or the one it refers to) has the refused value."""
    if rule.collection == collection.name and record_id:
        return record.get(rule.field) == rule.value
    for name, field in collection.fields.items():
        if field.references == rule.collection:
            target = given.get(name, record.get(name))
            return _records(state, rule.collection).get(cast(str, target), {}).get(rule.field) == rule.value
    raise DataError(f"rule of {collection.name}: no record of {rule.collection} is reachable from a call")
