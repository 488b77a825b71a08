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
    r"\b(?:address|location|destination|origin|jurisdiction|identifier|number|name|coordinates|dimensions?|contact"
    r"|information|details|data|content|description|query|text|message|body|credentials)s?\b",
    re.IGNORECASE,
)
"""Nouns whose list gives the parts or sorts that a value is made of, not its values."""
_PART = re.compile(
    r"(?:.*_)?(?:street|city|country|state|province|region|zip(?:code)?|postcode|first|middle|last|width|height|depth|length"
    r"|lat(?:itude)?|lon(?:gitude)?|lng|title|author|isbn|keywords?|phrases?|floor|wing|room|building|aisle|shelf|bin|seat"
    r"|make|name|year|start|end|who|what|why|how|x|y|z)",
    re.IGNORECASE,
)
"""Names of the parts that a value may be made of; two of them tell that a list is one of parts."""
_SORTS = re.compile(
    r"\b(?:types?|kinds?|channels?|platforms?|metrics?|fields|categor(?:y|ies)|criteri(?:a|on)|formats?|levels?|methods?"
    r"|carriers?|status(?:es)?|conditions?|rules|operations?|aspects|factors|priorit(?:y|ies)|actions?|approach|strategy"
    r"|technique|algorithm|framework|standard|scope|mode|style|tone|mood|theme|frequency|period|timeframe|granularity"
    r"|stage|reason|purpose|goal|objective|urgency|severity|sensitivity|strictness|complexity|intensity|quality|tier"
    r"|segment|audience|demographic|gender|season|sentiment|provider|processor|gateway|network|profile|direction|environment"
    r"|visibility|domain|preset|pattern|speed|preference|classification|size|order)\b"
    r"|\b(?:sort|group|search|filter|order)(?:ed|ing)? by$",
    re.IGNORECASE,
)
"""Nouns whose values are names from a list."""
_STRICT_SORTS = re.compile(
    r"\b(?:types?|kinds?|channels?|platforms?|methods?|status(?:es)?|operations?|actions?|modes?|direction|order)\b"
    r"(?! (?:details|notes|information)\b)",
    re.IGNORECASE,
)
"""Of these, those of which two names are already a list."""
_PLURAL_SORTS = re.compile(
    r"^(?:list of )?(?:\w+ )??(?:types|kinds|channels|platforms|metrics|fields|categories|criteria|formats|levels"
    r"|methods|carriers|conditions|rules|operations|aspects|factors|actions)\b",
    re.IGNORECASE,
)
"""Labels of a text that may hold several of the names."""
_LOOSE_SORTS = re.compile(r"\b(?:conditions?|aspects|factors|criteri(?:a|on)|priorities)\b", re.IGNORECASE)
"""Nouns of sorts of which a description often lists a few examples only."""
_COINED = re.compile(r"\w*_\w*")
"""A value that no prose would write so."""
_OF_A_SCALE = re.compile(
    r"none|all|both|any|other|custom|mixed|low|medium|high|short|long|small|large|new|used|excellent|good|fair|poor|minor"
    r"|moderate|major|basic|standard|premium|light|strong|daily|weekly|monthly|positive|neutral|negative|indoor|outdoor",
    re.IGNORECASE,
)
"""Values of a scale, or that close a list; two of them tell that a list is one of values."""
_PROSE = re.compile(
    r"\b(?:description|guidelines?|address|details|notes?|requirements|constraints|list of)\b", re.IGNORECASE
)
"""Labels of a text whose list says what it is about."""
_SEVERAL = re.compile(
    r"\b(?:separated|delimited|combination|weights?|weightings?|and (?:their )?(?:values|amounts))\b"
    r"|\b(?:in|as|with) (?:the )?format$",
    re.IGNORECASE,
)
"""Labels of a text that is made of several values."""
_JOINED = re.compile(
    r"\b(?:(?:comma|space|semicolon|pipe)[ -](?:separated|delimited)|separated by|prefix(?:ed)?|one or more|any of)\b",
    re.IGNORECASE,
)
"""What a description says of a text that may hold several values, or more than one."""
_A_SET = "a text may hold several of them"
_ABSENT = frozenset({"empty", "null", "blank", "nothing"})
"""Values that may stand for none."""


def choices(text: str, *, default: Json, is_array: bool) -> Choices | None:
    """The values that a text lists; None: it lists none.

    A list that has the default among its values is sure. So is a list of single words that nothing leaves open, if it
    stands under a label that names a sort of thing, or has values that no prose would list.

    Args:
        text: A description.
        default: The parameter's default; a list, for an array.
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
        elif not is_array and _JOINED.search(text):
            doubt = _A_SET
        elif not _ABSENT.isdisjoint(values):
            doubt = "a value may stand for none"
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
    is_coined = any(_COINED.fullmatch(value) for value in values) or _count(_OF_A_SCALE, values) > 1
    if is_array and (not names_a_sort or (_LOOSE_SORTS.search(label) and not is_coined)):
        return "its values may be examples"
    if not is_array and _PLURAL_SORTS.match(label):
        return _A_SET
    prose = _PROSE.search(label)
    if _SEVERAL.search(label) or (prose and (not names_a_sort or prose.end() == len(label))):
        return "it may say what the text is about"
    if _count(_PART, values) > 1 or (_PARTS.search(label) and not names_a_sort):
        return "it may name the parts of a value"
    if len(values) == 2 and not (_STRICT_SORTS.search(label) and (not is_bracketed or "," in match["values"])):
        return "it may be a remark"
    if not is_coined and (not names_a_sort or _LOOSE_SORTS.search(label)):
        return "its label names no sort of thing"
    return ""


def _count(pattern: re.Pattern[str], values: tuple[str, ...]) -> int:
    """How many of the values match the pattern."""
    return sum(bool(pattern.fullmatch(value)) for value in values)
