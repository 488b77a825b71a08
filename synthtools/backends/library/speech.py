"""How people at the scripted library speak, and how they are understood: fixed sentences, both ways."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, cast

from synthtools.types.record import Json, JsonObject

THE_NEW_ONE = "the new one"
"""What a person calls a record that was just made, whose id only the software knows."""

_VERBS = {"Adds": "add", "Changes": "change", "Marks": "mark", "Removes": "remove", "Shows": "show me", "Finds": "find"}
_WANTED = "to learn"
"""Label of what a person wants to be told."""
_QUESTION = ", and tell me "
_VALUE = re.compile(r"(?:^|, )([a-z][a-z ]*): ")
_ENDING = re.compile(r"[.,;]?\s*(?:then|and then)?\s*$", re.IGNORECASE)
_CREATED = re.compile(r"^Answer: \{'(\w+_id)': '([\w-]+)'")


class Wish(NamedTuple):
    """One sentence, understood: the tool, and its arguments as far as they were said."""

    tool: str
    arguments: JsonObject


def imperative(purpose: str) -> str:
    """A tool's description as an order: `Marks a loan as lent.` -> `mark a loan as lent`."""
    verb, _, rest = purpose.strip().rstrip(".").partition(" ")
    return f"{_VERBS.get(verb, verb.lower().removesuffix('s'))} {rest}".strip()


def said_values(action: str) -> dict[str, str]:
    """The values of an action on offer: `0: loan: LOA-3, due day: 2026-05-02` by their labels."""
    parts = _VALUE.split(action.partition(": ")[2])
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def request_for(purpose: str, values: Mapping[str, str], created: Iterable[str] = ()) -> str:
    """The sentence that asks for an action."""
    known = set(created)
    wanted = values.get(_WANTED)
    said = [
        f"the {label} is {THE_NEW_ONE if value in known else value}"
        for label, value in values.items()
        if label != _WANTED
    ]
    question = f"{_QUESTION}the {wanted}" if wanted else ""
    return f"Please {imperative(purpose)}{' where ' if said else ''}{', '.join(said)}{question}."


def merged(turns: Sequence[str]) -> str:
    """Several requests as one."""
    first, *rest = [turn.strip().rstrip(".") for turn in turns]
    return ". Then ".join([first, *(turn[:1].lower() + turn[1:] for turn in rest)]) + "."


def created_ids(conversation: Sequence[str]) -> dict[str, str]:
    """Ids of records that were made in a conversation, with their keys: nobody has said them."""
    made: dict[str, str] = {}
    for call, answer in pairwise(conversation):
        match = _CREATED.match(answer) if call.startswith("Call: ") else None
        if match and match[2] not in call:
            made[match[2]] = match[1]
    return made


def understood(request: str, tools: Sequence[JsonObject], created: Mapping[str, str]) -> list[Wish]:
    """The wishes of a request, in order; empty where it is nobody's of the library.

    Args:
        request: Sentences of `request_for`, alone or merged.
        tools: The tools at hand, as agents see them.
        created: What `THE_NEW_ONE` stands for: ids by the keys that answers gave them under.
    """
    orders = sorted(((imperative(str(tool["description"])), tool) for tool in tools), key=lambda pair: -len(pair[0]))
    wishes: list[Wish] = []
    for part in re.split(r"\bplease\s+", request, flags=re.IGNORECASE)[1:]:
        for order, tool in orders:
            if re.match(rf"{re.escape(order)}(?!\w)", part):
                wishes.append(Wish(str(tool["name"]), _arguments(part[len(order) :], tool, created)))
                break
    return wishes


def questions(request: str) -> list[str]:
    """What a request asks to be told, in words."""
    return re.findall(rf"{re.escape(_QUESTION)}the ([a-z ]+)", request)


def _arguments(text: str, tool: JsonObject, created: Mapping[str, str]) -> JsonObject:
    parameters = cast("dict[str, Json]", tool.get("parameters") or {})
    text = text.partition(_QUESTION)[0]
    places: list[tuple[int, int, str]] = []
    for name in parameters:
        for label in {name, name.removesuffix("_id")}:
            match = re.search(rf"(?:^| where |, )the {re.escape(label.replace('_', ' '))} is ", text)
            if match:
                places.append((match.start(), match.end(), name))
    places.sort()
    found: JsonObject = {}
    for number, (_, start, name) in enumerate(places):
        end = places[number + 1][0] if number + 1 < len(places) else len(text)
        value = _ENDING.sub("", text[start:end].strip())
        found[name] = created.get(name, value) if value == THE_NEW_ONE else _typed(value, parameters[name])
    return found


def _typed(text: str, shown: Json) -> Json:
    """A value in the type of its parameter, as agents see that: a schema, or a mere description of a text."""
    schema = shown if isinstance(shown, dict) else {}
    options = schema.get("enum")
    if isinstance(options, list):
        return next((option for option in options if str(option).replace("_", " ") == text), text)
    match schema.get("type"):
        case "boolean":
            return text == "yes"
        case "integer" if re.fullmatch(r"-?\d+", text):
            return int(text)
        case "number" if re.fullmatch(r"-?\d+(\.\d+)?", text):
            return float(text)
        case _:
            return text
