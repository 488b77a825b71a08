"""Whether a request reads like a person's: no names of tools or parameters, no code, and a wish instead of a report."""

import re
from collections.abc import Iterable, Iterator, Sequence

from synthtools.types import Parameter, Tool, ToolCall
from synthtools.types.record import Json

_SNAKE = re.compile(r"(?<![\w@./-])[A-Za-z]+(?:_[A-Za-z]+)+(?![\w@]|\.[a-z])")
_LINK = re.compile(r"\b(?:https?://|www\.)[^\s\"'<>]+[\w/]")
_QUOTED = re.compile(r"(?<!\w)\"[^\"\s]+\s[^\"]*\"|“[^”\s]+\s[^”]*”|(?<!\w)'[^'\s]+\s(?:[^']|(?<=\w)'(?=\w))*'(?!\w)")
"""A quoted text of several words: a word alone may be a name from code."""
_ASSIGNMENT = re.compile(r"\b[A-Za-z]\w*\s?={1,2}\s?[\w'\"\[{]")
_CALL = re.compile(r"\b[A-Za-z_]\w+\((?!s\)|es\)|ies\)|n\)|r\))[^)]*\)")
_JSON = re.compile(r"[{}]|\[\s*[\"'\[{]|\"\s*:\s*[\"\d\[{tfn]")
_CAMEL = re.compile(r"[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+|[a-z]+(?:[A-Z][a-z0-9]*)+")
_DONE = re.compile(
    r"\b(?:has|have) (?:now )?been (?:updated|changed|set|marked|moved|cancelled|renamed|rescheduled|added|deleted)\b",
    re.IGNORECASE,
)
_AMISS = re.compile(r"\b(?:by mistake|by accident|accidentally|wrongly|in error|without (?:my|our))\b", re.IGNORECASE)
_ASKS = re.compile(
    r"\?|\b(?:please|can you|could you|would you|will you|want|need|like|tell|check|note|what|which|when|whether|if)\b",
    re.IGNORECASE,
)
_TALK = re.compile(r"\b(?:tool call|function call|api call|json|endpoint)s?\b", re.IGNORECASE)


def problems(text: str, tools: Sequence[Tool] = (), calls: Iterable[ToolCall] = ()) -> list[str]:
    """What in a request no person would write, one line each, for the model that wrote it; empty: nothing.

    Values such as ids (`ORD-1`) and ordinary words that happen to be names of parameters (`date`) are fine.

    Args:
        text: The request.
        tools: The tools, whose names and parameters must not be in it.
        calls: The calls that it asks for: their texts are values, however they look.
    """
    if not text.strip():
        return ["the request is empty"]
    values = _values(tools, calls)
    plain = _without(_LINK.sub("x", text), values)
    found = [*_names(plain, tools), *_code(_QUOTED.sub("'x'", plain)), *_reported_as_done(text, values)]
    return list(dict.fromkeys(found))


def _values(tools: Sequence[Tool], calls: Iterable[ToolCall]) -> list[str]:
    """The texts in the arguments of calls, the longest first; a choice is no text of the user's."""
    parameters = {tool.name: tool.parameters for tool in tools}
    found = {
        text
        for call in calls
        for name, value in call.arguments.items()
        for text in _texts(value, parameters.get(call.name, {}).get(name))
    }
    return sorted(found, key=lambda text: (-len(text), text))


def _texts(value: Json, parameter: Parameter | None) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _texts(item, parameter.items if parameter else None)
    elif isinstance(value, dict):
        inner = (parameter.properties if parameter else None) or {}
        for name, item in value.items():
            yield from _texts(item, inner.get(name))
    elif isinstance(value, str) and len(value) > 1 and not (parameter and parameter.enum):
        yield value


def _without(text: str, values: Iterable[str]) -> str:
    for value in values:
        text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "x", text, flags=re.IGNORECASE)
    return text


def _names(text: str, tools: Iterable[Tool]) -> Iterator[str]:
    for tool in tools:
        if _is_code(tool.name) and _stands(tool.name, text):
            yield f"it names the tool {tool.name}: say in plain words what is wanted"
        for name in tool.parameters:
            if _is_code(name) and _stands(name, text):
                plain = name.replace("_", " ")
                yield f"it names the parameter {name}: say it in plain words, like {plain!r}"


def _code(text: str) -> Iterator[str]:
    for pattern, reason in (
        (_ASSIGNMENT, "looks like an assignment: say the value in a sentence"),
        (_CALL, "looks like a function call: say what is wanted"),
        (_JSON, "looks like JSON: write plain sentences"),
        (_SNAKE, "looks like a name from code: use spaces"),
        (_TALK, "talks about the machine: say what the person wants"),
    ):
        match = pattern.search(text)
        if match:
            yield f"{match.group()[:40]!r} {reason}"
    if "`" in text:
        yield "it has backticks: write plain sentences"


def _reported_as_done(text: str, values: Sequence[str]) -> Iterator[str]:
    """Complaints about sentences that report the action as done instead of asking for it.

    Past events (`my flight has been moved`) are fine if another sentence asks for something and this one has none of
    the calls' values.
    """
    sentences = re.split(r"(?<=[.!?])\s+", text)
    for index, sentence in enumerate(sentences):
        done = _DONE.search(sentence)
        if not done or _ASKS.search(sentence[: done.start()]) or _AMISS.search(sentence, done.end()):
            continue
        asked_elsewhere = any(_ASKS.search(other) for other in (*sentences[:index], *sentences[index + 1 :]))
        if not asked_elsewhere or _without(sentence, values) != sentence:
            yield f"{done.group()!r} tells of it as done: ask for it, begin with please"


def _is_code(name: str) -> bool:
    """Whether a name cannot be an ordinary word: it has an underscore or an inner capital."""
    return "_" in name or _CAMEL.fullmatch(name) is not None


def _stands(name: str, text: str) -> bool:
    return re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", text) is not None
