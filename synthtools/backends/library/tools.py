"""The library's tools: which one to design next, its behaviour as source, and what it answers without one."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from synthtools.backends.library.reading import Reading, Refusal
from synthtools.types.record import Json, JsonObject

_COLLECTION = re.compile(r"^(\w+): (\w+)_id \(like [\w-]+\)(?:, )?(.*)$")
_FIELD = re.compile(r"(\w+) \(([^)]*)\)")
_ORDER = {"create": 0, "mark": 1, "update": 2, "delete": 4, "get": 0, "find": 1}


def designs(variants: Iterable[JsonObject], collections: Sequence[str]) -> list[JsonObject]:
    """Every design that is on offer, the most useful first.

    Args:
        variants: The alternatives of the answer's schema, each for one action on one collection.
        collections: The collections as prompts show them: `loans: loan_id (like LOA-1), status (lent|returned)`.
    """
    shown = {match[1]: (match[2], dict(_FIELD.findall(match[3]))) for text in collections
             if (match := _COLLECTION.match(text))}  # fmt: skip
    names = list(shown)
    ranked: list[tuple[int, int, JsonObject]] = []
    for variant in variants:
        properties = cast("dict[str, JsonObject]", variant["properties"])
        collection = str(properties["collection"]["const"])
        noun, kinds = shown[collection]
        distance = len(names) - 1 - names.index(collection)
        for number, design in enumerate(_designs(properties, noun, kinds)):
            ranked.append((number, 2 * distance + _ORDER[str(design["action"])], design))
    ranked.sort(key=lambda entry: entry[:2])
    return [design for _, _, design in ranked]


def _designs(properties: Mapping[str, JsonObject], noun: str, kinds: Mapping[str, str]) -> Iterator[JsonObject]:
    action, collection = str(properties["action"]["const"]), str(properties["collection"]["const"])
    head: JsonObject = {"action": action, "collection": collection}
    one = f"a {noun.replace('_', ' ')}"
    many = collection.replace("_", " ")
    match action:
        case "create":
            needed = [name for name in _offered(properties) if "|" not in kinds[name] and kinds[name] != "boolean"]
            chosen = (needed or _offered(properties))[: _most(properties)]
            yield _design(head, properties, ("Add", noun), f"Adds {one} to the records.", parameters=chosen)
        case "mark":
            name = str(properties["field"]["const"])
            for value in reversed(cast("list[str]", properties["becomes"]["enum"])):
                description = f"Marks {one} as {value.replace('_', ' ')}."
                more: JsonObject = {"field": name, "becomes": value}
                yield _design(head, properties, ("Mark", noun, value), description, more=more, refuse=(name, value))
        case "update":
            offered = _offered(properties)
            for name in offered:
                description = f"Changes the {name.replace('_', ' ')} of {one}."
                yield _design(head, properties, ("Change", noun, name), description, parameters=[name])
            if _most(properties) > 1 and len(offered) > 1:
                description = f"Changes details of {one}."
                yield _design(head, properties, ("Change", noun, "details"), description, parameters=offered[:2])
        case "find":
            for name in _offered(properties):
                said = name.removesuffix("_id").replace("_", " ")
                yield _design(
                    head, properties, ("Find", collection, said), f"Finds {many} by {said}.", parameters=[name]
                )
        case "get":
            yield _design(head, properties, ("Show", noun), f"Shows all about {one}.")
        case _:
            yield _design(head, properties, ("Remove", noun), f"Removes {one}.")


def _offered(properties: Mapping[str, JsonObject]) -> list[str]:
    return cast("list[str]", cast(JsonObject, properties["parameters"]["items"])["enum"])


def _most(properties: Mapping[str, JsonObject]) -> int:
    return cast(int, properties["parameters"]["maxItems"])


def _design(
    head: JsonObject,
    properties: Mapping[str, JsonObject],
    words: Sequence[str],
    description: str,
    *,
    parameters: Sequence[str] = (),
    more: JsonObject | None = None,
    refuse: tuple[str, str] | None = None,
) -> JsonObject:
    name = "".join(word.capitalize() for part in words for word in re.split(r"[_ ]", part))
    design: JsonObject = {**head, **(more or {})}
    if parameters:
        design["parameters"] = list(parameters)
    design |= {"name": name, "description": description}
    if "refused_when" in properties:
        design["refused_when"] = _rule(properties["refused_when"], head, refuse)
    return design


def _rule(schema: JsonObject, head: JsonObject, refuse: tuple[str, str] | None) -> Json:
    """A rule on offer: for a mark, that the record has the value already; else the last value of some choice."""
    for rule in cast("list[JsonObject]", schema["anyOf"])[1:]:
        options = cast("dict[str, JsonObject]", rule["properties"])
        collection, name = str(options["collection"]["const"]), str(options["field"]["const"])
        if refuse is not None and (collection != head["collection"] or name != refuse[0]):
            continue
        value = refuse[1] if refuse else str(cast("list[Json]", options["is"]["enum"])[-1])
        title = re.sub(r"[^a-z ]", " ", f"{name} is {value}".lower()).capitalize()
        return {"collection": collection, "field": name, "is": value, "title": title}
    return None


def guard_source(tool: Reading) -> str:
    """The function that refuses calls, in the documented order."""
    lines = ["def guard(args, state, now):"]
    for refusal in tool.refusals:
        record = f'state["{refusal.collection}"]'
        test = f'args["{refusal.parameter}"] not in {record}'
        if refusal.field:
            test = f'{record}[args["{refusal.parameter}"]]["{refusal.field}"] == {refusal.value!r}'
        lines += [
            f"    if {test}:",
            f'        return {{"status_code": {refusal.status_code}, "message": {refusal.title!r}}}',
        ]
    return "\n".join([*lines, "    return None", ""])


def apply_source(tool: Reading, state: Mapping[str, Json]) -> str:
    """The function that does a call; `state` has a record of the tool's collection, with all its fields."""
    records = f'state["{tool.collection}"]'
    own = f'args["{tool.id_key}"]'
    names = [name for name in tool.returned if name != tool.id_key]
    answer = ", ".join([f'"{tool.id_key}": {own}', *(f'"{name}": record["{name}"]' for name in names)])
    lines = ["def apply(args, state, now):"]
    match tool.action:
        case "create":
            fields = [f'"{name}": args["{name}"]' for name in tool.given]
            fields += [f'"{name}": {value!r}' for name, value in tool.sets.items()]
            lines += [
                f'    key = new_id("{tool.collection}")',
                f"    record = {{{', '.join(fields)}}}",
                f"    {records}[key] = record",
                f"    return {{{answer.replace(own, 'key', 1)}}}",
            ]
        case "find":
            fields = _keys(state, tool.collection)
            found = ", ".join([f'"{tool.id_key}": key', *(f'"{name}": record["{name}"]' for name in fields)])
            test = " and ".join(f'record["{name}"] == args["{name}"]' for name in tool.given)
            lines += [
                "    found = []",
                f"    for key, record in {records}.items():",
                f"        if {test}:",
                f"            found.append({{{found}}})",
                f'    return {{"{tool.collection}": found, "count": len(found)}}',
            ]
        case "delete":
            lines += [f"    {records}.pop({own})", f'    return {{"{tool.id_key}": {own}}}']
        case "get":
            shown = ", ".join(f'"{name}": record["{name}"]' for name in names)
            lines += [f"    record = {records}[{own}]", f"    return {{{shown}}}"]
        case _:
            lines.append(f"    record = {records}[{own}]")
            lines += [f'    record["{name}"] = {value!r}' for name, value in tool.sets.items()]
            for name in tool.given:
                lines += [f'    if args.get("{name}") is not None:', f'        record["{name}"] = args["{name}"]']
            lines.append(f"    return {{{answer}}}")
    return "\n".join([*lines, ""])


def _keys(state: Mapping[str, Json], collection: str) -> list[str]:
    records = cast("dict[str, JsonObject]", state.get(collection) or {})
    for record in records.values():
        return list(record)
    return []


def refusal_of(tool: Reading, arguments: Mapping[str, Json], state: Mapping[str, Json]) -> Refusal | None:
    """The first documented error that applies to a call."""
    for refusal in tool.refusals:
        records = cast("dict[str, JsonObject]", state.get(refusal.collection) or {})
        record = records.get(str(arguments.get(refusal.parameter)))
        if record is None if not refusal.field else record is not None and record.get(refusal.field) == refusal.value:
            return refusal
    return None


def answered(
    tool: Reading, arguments: Mapping[str, Json], state: Mapping[str, Json]
) -> tuple[JsonObject, list[JsonObject]]:
    """What a tool answers to a call that it does not refuse, and the changes it makes."""
    records = cast("dict[str, JsonObject]", state.get(tool.collection) or {})
    key = str(arguments.get(tool.id_key))
    given = {name: arguments[name] for name in tool.given if arguments.get(name) is not None}
    change: JsonObject = {"collection": tool.collection, "id": key}
    match tool.action:
        case "find":
            found: list[Json] = [
                {tool.id_key: name, **record}
                for name, record in records.items()
                if all(record.get(other) == value for other, value in given.items())
            ]
            return {tool.collection: found, "count": len(found)}, []
        case "get":
            return dict(records[key]), []
        case "delete":
            return {tool.id_key: key}, [{"op": "delete", **change}]
        case "create":
            key = _next_id(tool, records)
            return {tool.id_key: key, **given}, [
                {"op": "create", **change, "id": key, "fields": {**given, **tool.sets}}
            ]
        case _:
            fields: JsonObject = {**given, **tool.sets}
            after = {**records[key], **fields}
            data: JsonObject = {tool.id_key: key, **{n: after[n] for n in tool.returned if n != tool.id_key}}
            return data, [{"op": "update", **change, "fields": fields}]


def _next_id(tool: Reading, records: Mapping[str, JsonObject]) -> str:
    numbers = [int(number) for name in records if (number := name.rpartition("-")[2]).isdigit()]
    prefix = next(iter(records), f"{tool.id_key[:3].upper()}-0").rpartition("-")[0]
    return f"{prefix}-{max(numbers, default=0) + 1}"
