"""Lists of values in a description: `Sort order: asc, desc`, `Priority (low, medium or high)`, `one of: a, b`."""

import re
from typing import NamedTuple

from synthtools.types.record import Json


class Choices(NamedTuple):
    """The values that a description lists."""

    start: int
    end: int
    values: tuple[str, ...]
    doubt: str = ""
    """Why they may not be all the values there are, or no values at all; empty: they are."""


_ONE_OF = re.compile(r"\b(?:must be |either )?one of:? *(?P<values>[^.;:()\n]+?)(?=\)? *\.?$)", re.IGNORECASE)
_AFTER_COLON = re.compile(r"^(?P<label>[^:()]*?): (?P<values>[^:;]+?)(?=\.?$)")
_IN_BRACKETS = re.compile(r"^(?P<label>[^()]*)\((?P<values>[^():;]+)\)")
_GLOSS = re.compile(r" ?\([^()]*\)")
_REMARK = re.compile(r"(?:if|for|when|where|required|must|only|not|empty|null|in|as|based)\b", re.IGNORECASE)
_COMMA = re.compile(r"\s*[,|]\s*(?:or\s+|and\s+)?")
_SLASH = re.compile(r"\s*[,|/]\s*(?:or\s+|and\s+)?")
_LAST = re.compile(r"\s+or\s+")
_WORD = re.compile(r"[A-Za-z0-9][\w+./#-]*")
_QUOTED = re.compile(r"(['\"`])([^'\"`]+)\1")
_OPEN = re.compile(r"\b(?:e\.?g\b[.,]*|such as\b|for example\b,?|typically\b|usually\b|etc\b\.?)|\.\.\.", re.IGNORECASE)
_OPENING = re.compile(
    r"\b(?:e\.?g\.?|such as|for example|examples?|like|including|typically|usually)[\s,]*$", re.IGNORECASE
)
_PARTS = re.compile(
    r"\b(?:address|location|jurisdiction|identifier|number|coordinates|dimensions?|contact|information|details|data|content"
    r"|description|query|text|message|body|credentials)s?\b",
    re.IGNORECASE,
)
"""Nouns whose brackets tell of what parts, or of what sorts, a value is."""
_SORTS = re.compile(
    r"\b(?:types?|kinds?|channels?|platforms?|metrics|fields|categor(?:y|ies)|criteria|formats?|levels?|methods?|carriers?"
    r"|status(?:es)?|conditions?|rules|operations?|aspects|factors|priorit(?:y|ies))\b",
    re.IGNORECASE,
)
"""Nouns whose values are names from a list."""
_PROSE = re.compile(
    r"\b(?:description|guidelines?|address|details|notes?|requirements|constraints|list of)\b", re.IGNORECASE
)
"""Labels of a text whose list says what it is about."""
_SEVERAL = re.compile(r"\b(?:separated|combination)\b|\b(?:in|as|with) (?:the )?format$", re.IGNORECASE)
"""Labels of a text that is made of several values."""


def choices(text: str, *, default: Json, is_array: bool) -> Choices | None:
    """The values that a text lists; None: it lists none.

    Sure is a list of single words that nothing keeps open, under a label that names a sort of thing; and any list
    that has the default among its values.

    Args:
        text: A description.
        default: The parameter's own; a list, for an array.
        is_array: Whether the values are those of an array's items.
    """
    for pattern in (_ONE_OF, _AFTER_COLON, _IN_BRACKETS):
        match = pattern.search(text)
        if match is None:
            continue
        label = match["label"].strip() if pattern is not _ONE_OF else ""
        listed = match["values"]
        values, are_words = _listed(_OPEN.sub("", listed), _SLASH if pattern is _ONE_OF else _COMMA)
        if len(values) < 2 or (pattern is _IN_BRACKETS and _REMARK.match(listed)):
            continue
        known = default if isinstance(default, list) else [default]
        if _OPEN.search(listed) or _OPENING.search(label):
            doubt = "the list is open"
        elif len(set(values)) < len(values):
            doubt = "a value stands twice"
        elif default in (None, []):
            doubt = "" if pattern is _ONE_OF and are_words else _unconfirmed(label, values, match, is_array=is_array)
            doubt = doubt if are_words else "its values are no single words"
        else:
            doubt = "" if all(value in values for value in known) else "the default is none of them"
        return Choices(*match.span("values"), values, doubt)
    return None


def _listed(text: str, separator: re.Pattern[str]) -> tuple[tuple[str, ...], bool]:
    """The values of a list, and whether each is a single word or quoted."""
    *first, last = separator.split(_GLOSS.sub("", text).strip(" ,"))
    parts = [part.strip() for part in (*first, *_LAST.split(last)) if part.strip()]
    quoted = [_QUOTED.fullmatch(part) for part in parts]
    values = tuple(match[2] if match else part for match, part in zip(quoted, parts, strict=True))
    return values, all(match or _WORD.fullmatch(part) for match, part in zip(quoted, parts, strict=True))


def _unconfirmed(label: str, values: tuple[str, ...], match: re.Match[str], *, is_array: bool) -> str:
    """Why a list without a default in it may be no list of the values."""
    is_bracketed = match.re is _IN_BRACKETS
    names_a_sort = bool(_SORTS.search(label))
    if is_array and not names_a_sort:
        return "its values may be examples"
    if _SEVERAL.search(label) or (_PROSE.search(label) and not names_a_sort):
        return "it may say what the text is about"
    if is_bracketed and _PARTS.search(label) and not names_a_sort:
        return "it may name the parts of a value"
    if is_bracketed and len(values) == 2 and not (names_a_sort and "," in match["values"]):
        return "it may be a remark"
    return ""
