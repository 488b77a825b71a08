"""A tool of the library as its prompts describe it: what it does, to which records, and when it refuses."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

from synthtools.types.record import Json, JsonObject

ACTIONS = {"Adds": "create", "Changes": "update", "Marks": "mark", "Removes": "delete", "Shows": "get", "Finds": "find"}
"""Actions by the verbs that begin descriptions of tools."""

_ARGUMENT = re.compile(r"^- (\w+) \((?:id in (\w+)|[^)]*?)(?:, may be None)?\)", re.MULTILINE)
_ERROR = re.compile(r"^- (\d{3}) ([^:\n]+): (.+)$", re.MULTILINE)
_RETURNED = re.compile(r"""["'](\w+)["']:""")
_LISTED = re.compile(r"""["'](\w+)["']: a list of dicts with (\w+)""")
_SETS = re.compile(r"Sets ([a-z ]+?) to (\w+)\.")
_STARTS = re.compile(r"The ([a-z ]+?) starts as (\w+)\.")
_MISSING = re.compile(r"no record has the given (\w+)")
_REFUSED = re.compile(r"refused while the ([a-z ]+?)'s ([a-z ]+?) is (\w+)")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error: of an id that no record has, or of a record whose field has a value."""

    status_code: int
    title: str
    parameter: str
    """The argument with the record's id."""
    collection: str
    field: str = ""
    """Empty: the error is that there is no such record."""
    value: Json = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What is understood of a tool."""

    action: str
    """Empty: it is no tool of the library."""
    collection: str = ""
    id_key: str = ""
    """Key of the record's own id in arguments and answers."""
    given: tuple[str, ...] = ()
    """Arguments that are fields of the record."""
    returned: tuple[str, ...] = ()
    sets: JsonObject = field(default_factory=dict[str, Json])
    """mark: the field and its value; create: fields that are not given, with their first values."""
    refusals: tuple[Refusal, ...] = ()


def read_text(text: str, state: Mapping[str, Json]) -> Reading:
    """The tool of a prompt that asks for its behaviour; `state` has some records of the collections it touches."""
    head, _, rest = text.partition("\nargs:")
    description = head.partition(": ")[2]
    arguments = {name: target or "" for name, target in _ARGUMENT.findall(rest)}
    errors = [(int(code), title, advice) for code, title, advice in _ERROR.findall(rest)]
    returns = rest.rpartition("returns a dict: ")[2]
    listed = _LISTED.search(returns)
    return _read(
        description, arguments, errors, rest, _RETURNED.findall(returns), listed.groups() if listed else None, state
    )


def read_wire(tool: Mapping[str, Json], state: Mapping[str, Json]) -> Reading:
    """The tool of a prompt that shows it under its wire names."""
    parameters = cast("Mapping[str, JsonObject]", tool.get("parameters") or {})
    output = cast("Mapping[str, JsonObject]", tool.get("output_details") or {})
    listed = next(
        (
            (name, next(iter(cast(JsonObject, cast(JsonObject, value["items"])["properties"]))))
            for name, value in output.items()
            if value.get("type") == "array" and isinstance(value.get("items"), dict)
            if cast(JsonObject, value["items"]).get("properties")
        ),
        None,
    )
    errors = [
        (404 if _MISSING.search(message) else 409, *_titled(message))
        for message in cast("list[str]", tool.get("error_messages") or [])
    ]
    arguments = {name: str(value.get("references") or "") for name, value in parameters.items()}
    description = str(tool.get("tool_description", ""))
    return _read(description, arguments, errors, str(tool.get("usage", "")), list(output), listed, state)


def _titled(message: str) -> tuple[str, str]:
    title, _, advice = message.partition(": ")
    return title, advice


def _read(
    description: str,
    arguments: Mapping[str, str],
    errors: Iterable[tuple[int, str, str]],
    usage: str,
    returned: list[str],
    listed: tuple[str, ...] | None,
    state: Mapping[str, Json],
) -> Reading:
    action = ACTIONS.get(description.split(" ", 1)[0], "")
    targets = [target for target in arguments.values() if target]
    if action in ("mark", "update", "delete", "get"):
        collection = targets[0] if targets else ""
    elif action == "find":
        collection = listed[0] if listed else ""
    else:
        collection = next((name for name in state if name not in targets), "")
    if not collection or not returned or not isinstance(state.get(collection, {}), dict):
        return Reading("")
    id_key = listed[1] if listed else next(iter(arguments), "") if action == "get" else returned[0]
    given = tuple(name for name in arguments if name != id_key)
    sets = {
        said.replace(" ", "_"): _value(value) for said, value in (_SETS if action == "mark" else _STARTS).findall(usage)
    }
    nouns = {name.removesuffix("_id").replace("_", " "): name for name, target in arguments.items() if target}
    refusals: list[Refusal] = []
    for code, title, advice in errors:
        if missing := _MISSING.search(advice):
            refusals.append(Refusal(code, title, missing[1], arguments.get(missing[1], "")))
        elif (refused := _REFUSED.search(advice)) and refused[1] in nouns:
            name = nouns[refused[1]]
            said = refused[2].replace(" ", "_")
            refusals.append(Refusal(code, title, name, arguments[name], said, _value(refused[3])))
    return Reading(action, collection, id_key, given, tuple(returned), sets, tuple(refusals))


def _value(text: str) -> Json:
    return {"true": True, "false": False}.get(text, text)
