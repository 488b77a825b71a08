"""Whether a request reads like a person's: no names of tools or parameters, no code, and a wish instead of a report."""

import re
from collections.abc import Iterable, Iterator

from synthtools.types import Tool

_SNAKE = re.compile(r"(?<![\w@./-])[A-Za-z]+(?:_[A-Za-z]+)+(?![\w@])")
_ASSIGNMENT = re.compile(r"\b[A-Za-z]\w*\s?={1,2}\s?[\w'\"\[{]")
_CALL = re.compile(r"\b[A-Za-z_]\w+\((?!s\)|es\)|ies\)|n\)|r\))[^)]*\)")
_JSON = re.compile(r"[{}]|\[\s*[\"'\[{]|\"\s*:\s*[\"\d\[{tfn]")
_CAMEL = re.compile(r"[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+|[a-z]+(?:[A-Z][a-z0-9]*)+")
_DONE = re.compile(
    r"\b(?:has|have) (?:now )?been (?:updated|changed|set|marked|moved|cancelled|renamed|rescheduled|added|deleted)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\?|\b(?:please|can you|could you|would you|will you|want|need|like|tell|check|note|what|which|when|whether|if)\b",
    re.IGNORECASE,
)
_TALK = re.compile(r"\b(?:tool call|function call|api call|json|endpoint)s?\b", re.IGNORECASE)


def problems(text: str, tools: Iterable[Tool] = ()) -> list[str]:
    """What in a request no person would write, one line each, told to the model that wrote it; empty where all is well.

    Values such as ids (`ORD-1`) and ordinary words that happen to be names of parameters (`date`) are fine.
    """
    if not text.strip():
        return ["the request is empty"]
    found = [*_names(text, tools), *_code(text), *_told(text)]
    return list(dict.fromkeys(found))


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


def _told(text: str) -> Iterator[str]:
    """Sentences that tell what should be done as if it were done, and ask for nothing."""
    for sentence in re.split(r"(?<=[.!?])\s+", text):
        done = _DONE.search(sentence)
        if done and not _ASKS.search(sentence[: done.start()]):
            yield f"{done.group()!r} tells of it as done: ask for it, begin with please"


def _is_code(name: str) -> bool:
    """Whether a name cannot be an ordinary word: it has an underscore or an inner capital."""
    return "_" in name or _CAMEL.fullmatch(name) is not None


def _stands(name: str, text: str) -> bool:
    return re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", text) is not None
