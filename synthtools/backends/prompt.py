"""Prompt text: a system message that depends on the signature alone, and a user message of labelled inputs.

Everything that many calls share comes first (instructions, then inputs in the signature's order, which goes from most
to least shared), so that servers with a prefix cache read it once.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, cast, get_args, get_origin

import orjson
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from synthtools.types.record import Json, JsonObject, Record
from synthtools.types.schema_from import Hidden, SchemaFrom

_HEADER = re.compile(r"^\[\[ ## (\w+) ## \]\]$", re.MULTILINE)
_FORGED = re.compile(r"^\[\[ ## ", re.MULTILINE)


def section(name: str, text: str) -> str:
    """One labelled input. A line of the text that looks like a label is altered, so that no value can forge one."""
    return f"[[ ## {name} ## ]]\n{_FORGED.sub('[[ # ', text)}"


def parse_prompt(messages: Sequence[Mapping[str, Json]]) -> dict[str, str]:
    """The labelled inputs of a prompt's last user message: input name -> text as it was shown."""
    users = [message for message in messages if message.get("role") == "user"]
    text = str(users[-1].get("content") or "") if users else ""
    parts = _HEADER.split(text)
    return {name: body.strip("\n") for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def user_message(fields: Mapping[str, FieldInfo], inputs: Mapping[str, object]) -> str:
    """The inputs in declared order; hidden, absent and empty ones are left out wholly."""
    shown = (
        (name, shown_value(inputs[name]))
        for name, info in fields.items()
        if name in inputs and not any(isinstance(mark, Hidden) for mark in info.metadata)
    )
    return "\n\n".join(section(name, text) for name, text in shown if text is not None)


def shown_value(value: object) -> str | None:
    """A value as prompt text: strings as they are, all else as compact JSON; None where there is nothing to show."""
    if value is None:
        return None
    if isinstance(value, str):
        return value if value.strip() else None
    if isinstance(value, (list, tuple, set, frozenset)) and not value:
        return None
    return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()


def system_message(instructions: str, inputs: Mapping[str, FieldInfo], outputs: Mapping[str, FieldInfo]) -> str:
    """Instructions, what the inputs are where their author says so, and the keys of the answer."""
    lines = [instructions.strip()]
    described = [(name, described_as(name, info)) for name, info in inputs.items()]
    if any(text for _, text in described):
        lines += ["", "You are given:", *(f"- {name}: {text}" for name, text in described if text)]
    lines += ["", "Answer with one JSON object with these keys, in this order:"]
    for name, info in outputs.items():
        bound = any(isinstance(mark, SchemaFrom) for mark in info.metadata)  # the call's schema says which there are
        choices = "" if bound else _choices(info.annotation)
        text = " ".join(part for part in (described_as(name, info), choices) if part)
        lines.append(f"- {name}: {text}" if text else f"- {name}")
        lines += _nested(info.annotation)
    return "\n".join(lines)


def described_as(name: str, info: FieldInfo) -> str:
    """The author's description of a field; empty where there is none (DSPy fills in `${name}`)."""
    text = str(field_notes(info).get("desc") or "")
    text = text if text != f"${{{name}}}" else ""
    return text or (info.description or "")


def field_notes(info: FieldInfo) -> JsonObject:
    """What DSPy, or a signature's author, noted on a field."""
    extra: object = cast(object, info.json_schema_extra)  # pyright: ignore[reportUnknownMemberType]
    return cast(JsonObject, extra) if isinstance(extra, dict) else {}


def _plain(value: object) -> object:
    to_wire = getattr(value, "to_wire", None)
    if callable(to_wire):
        return to_wire()
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, (set, frozenset)):
        return sorted(cast("set[str]", value))
    if isinstance(value, tuple):
        return list(cast("tuple[object, ...]", value))
    raise TypeError(f"a prompt input holds a {type(value).__name__}, which is neither JSON nor a record")


def _choices(annotation: object) -> str:
    if get_origin(annotation) is Literal:
        return "(" + " | ".join(str(choice) for choice in get_args(annotation)) + ")"
    return ""


def _nested(annotation: object, indent: str = "  ", seen: frozenset[type] = frozenset()) -> list[str]:
    """One line a described key of the records inside an output type: a constrained decoder does not show them."""
    lines: list[str] = []
    for model in _models(annotation):
        if model in seen:
            continue
        for name, info in model.model_fields.items():
            label = info.alias or name
            text = " ".join(part for part in (info.description or "", _choices(info.annotation)) if part)
            inner = _nested(info.annotation, indent + "  ", seen | {model})
            if text or inner:
                lines += [f"{indent}- {label}: {text}" if text else f"{indent}- {label}", *inner]
    return lines


def _models(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def schema_note(schema: JsonObject) -> str:
    """For servers without structured output: the schema as part of the prompt."""
    return "The answer must fit this JSON Schema, and nothing else may be written:\n" + orjson.dumps(schema).decode()
