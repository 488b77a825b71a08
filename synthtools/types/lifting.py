"""Constraints that a description states as prose, as typed fields where they are sure; the prose stays in any case.

A refused good call costs more than a missed constraint. A phrase is called doubtful and left as prose if its meaning is
not sure, if the parameter's own fields or default contradict it, or if another phrase says otherwise.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import jsonschema_rs

from synthtools.types.choices import choices
from synthtools.types.dates import is_date_time, is_day
from synthtools.types.parameter import PATTERN_OPTIONS, Parameter
from synthtools.types.phrase import HEDGED, ConstraintKind, Phrase
from synthtools.types.phrases_of_numbers import bounds, number_choices, ranges
from synthtools.types.phrases_of_texts import codes, dates, item_counts, lengths
from synthtools.types.record import Json, Record

Verdict = Literal["lifted", "doubtful", "left"]
"""`lifted`: the fields are sure; `doubtful`: about a constraint, perhaps not this one; `left`: no rule says which."""

LONGEST_DESCRIPTION = 2000
"""Characters; a longer text is documentation, of which no single phrase is the constraint."""

_OF_ARRAYS = frozenset({"min_items", "max_items"})
_RELATION = re.compile(
    r"\((?:[^()]*\b)?(?:required (?:if|when|for|unless)|only (?:used |for |if |when )|must be [a-z]"
    r"|must (?!be)|same (?:length|order) as|one (?:per|for each))[^()]*\)",
    re.IGNORECASE,
)
_NOTATION = re.compile(
    r"\b(?:in|as|with) (?:the )?(?:format|form)[: ]+['\"]?[^'\"(),;]{2,40}['\"]?|\(format: [^()]*\)"
    r"|\bin (?:an? |the )?['\"]?[^'\"()]{1,40}?['\"]? format\b",
    re.IGNORECASE,
)
_PLACES = re.compile(r"\[[a-z]\w*(?:, ?[a-z]\w*)+[^\]]*\]", re.IGNORECASE)
_DIGITS = re.compile(r"\(\d+[ -]digits?\b[^()]*\)", re.IGNORECASE)


class ProseConstraint(Record):
    """A constraint that a description states."""

    kind: ConstraintKind
    phrase: str
    """The words, as they stand in the description."""
    verdict: Verdict
    fields: dict[str, Json] = {}
    """What the phrase says or seems to say, by the names of `Parameter`'s fields; for an array, all but the counts of
    items are fields of its items. Empty: no rule says."""
    doubt: str = ""
    """Why it is doubtful."""


def prose_constraints(parameter: Parameter, description: str) -> tuple[ProseConstraint, ...]:
    """The constraints that a description states of a parameter, in the order of the text.

    A phrase that only repeats the parameter's typed constraints is none. What is lifted accepts the parameter's own
    default, and every value that is lifted as a choice. Texts over `LONGEST_DESCRIPTION` are not looked at.
    """
    if len(description) > LONGEST_DESCRIPTION:
        return ()
    told = [(phrase, _doubt(parameter, phrase)) for phrase in _phrases(parameter, description)]
    told = [(phrase, doubt) for phrase, doubt in told if not _is_repeated(parameter, phrase)]
    clash = _clash(parameter, [phrase.fields for phrase, doubt in told if not doubt])
    unsure = [phrase.fields for phrase, doubt in told if doubt and doubt != HEDGED]
    found: list[ProseConstraint] = []
    for phrase, own in told:
        doubt = own or (clash if phrase.fields else "") or _disagreement(phrase.fields, unsure)
        verdict: Verdict = "doubtful" if doubt else "lifted" if phrase.fields else "left"
        words = description[phrase.start : phrase.end].strip()
        found.append(
            ProseConstraint(kind=phrase.kind, phrase=words, verdict=verdict, fields=dict(phrase.fields), doubt=doubt)
        )
    return tuple(found)


def lift(parameter: Parameter, constraints: Iterable[ProseConstraint]) -> Parameter:
    """The parameter with the sure ones of the constraints as its fields."""
    for constraint in constraints:
        if constraint.verdict == "lifted":
            parameter = _with(parameter, constraint.fields)
    return parameter


def accepts(parameter: Parameter, value: Json) -> bool:
    """Whether a value fits a parameter's schema; False also where the schema is malformed."""
    schema = parameter.json_schema()
    schema.pop("default", None)
    try:
        return jsonschema_rs.is_valid(
            schema,
            value,
            formats={"date-time": is_date_time, "date": is_day},
            validate_formats=True,
            pattern_options=PATTERN_OPTIONS,
        )
    except (jsonschema_rs.ValidationError, ValueError):
        return False


def _phrases(parameter: Parameter, text: str) -> list[Phrase]:
    """The phrases about a parameter, in the order of the text; of two that overlap, the first rule's."""
    found: list[Phrase] = []
    for phrase in _all_phrases(parameter, text):
        if all(phrase.end <= other.start or phrase.start >= other.end for other in found):
            found.append(phrase)
    return sorted(found, key=lambda phrase: phrase.start)


def _all_phrases(parameter: Parameter, text: str) -> Iterator[Phrase]:
    is_array = parameter.type == "array"
    values = parameter.items.type if is_array and parameter.items is not None else parameter.type
    is_numeric = values in ("integer", "number")
    if is_array:
        yield from item_counts(text, is_numeric=is_numeric)
        yield from (Phrase("items", *match.span()) for match in _PLACES.finditer(text))
    if is_numeric:
        yield from ranges(text, is_integer=values == "integer")
        yield from bounds(text, is_integer=values == "integer")
        yield from number_choices(text, default=parameter.default, is_array=is_array)
        yield from (Phrase("length", *match.span()) for match in _DIGITS.finditer(text))
    if values == "string":
        yield from dates(text, is_array=is_array)
        yield from codes(text, is_array=is_array)
        if not is_array:
            yield from lengths(text)
    yield from (Phrase("relation", *match.span()) for match in _RELATION.finditer(text))
    if values == "string":
        found = choices(text, default=parameter.default, is_array=is_array)
        if found is not None:
            yield Phrase("choices", found.start, found.end, {"enum": list(found.values)}, found.doubt)
        yield from (Phrase("pattern", *match.span()) for match in _NOTATION.finditer(text))


def _doubt(parameter: Parameter, phrase: Phrase) -> str:
    """Why a phrase is not sure, by itself or against the parameter; empty: it is sure, or says no fields."""
    if phrase.doubt or not phrase.fields:
        return phrase.doubt
    for name, value in phrase.fields.items():
        held = _held(parameter, name)
        if held is not None and held != value:
            return f"its typed {name} is {held}"
    lifted = _with(parameter, phrase.fields)
    if parameter.default is not None and not accepts(lifted, parameter.default):
        return f"it refuses the default {parameter.default!r}"
    return _clash(parameter, [phrase.fields])


def _clash(parameter: Parameter, stated: list[Mapping[str, Json]]) -> str:
    """Why constraints do not hold together; empty: they do."""
    lifted, said = parameter, dict[str, Json]()
    for fields in stated:
        if disagreement := _disagreement(fields, [said]):
            return disagreement
        said |= fields
        lifted = _with(lifted, fields)
    target = _target(lifted)
    if any(not accepts(target, value) for value in target.enum or ()):
        return "its values do not fit the rest"
    if target.format is not None and target.pattern is not None:
        return "a format and a pattern at once"
    limits = (
        (target.minimum, target.maximum),
        (target.min_length, target.max_length),
        (lifted.min_items, lifted.max_items),
    )
    if any(low is not None and high is not None and low > high for low, high in limits):
        return "its bounds leave no value"
    return ""


def _disagreement(fields: Mapping[str, Json], others: Iterable[Mapping[str, Json]]) -> str:
    """Whether other fields of the same names hold other values; empty: none do."""
    differs = any(name in other and other[name] != value for other in others for name, value in fields.items())
    return "two phrases disagree" if differs else ""


def _is_repeated(parameter: Parameter, phrase: Phrase) -> bool:
    return bool(phrase.fields) and all(_held(parameter, name) == value for name, value in phrase.fields.items())


def _target(parameter: Parameter) -> Parameter:
    """Whose values a phrase is about: an array's items, where their type is known."""
    return parameter.items if parameter.type == "array" and parameter.items is not None else parameter


def _held(parameter: Parameter, name: str) -> Json:
    held = getattr(parameter if name in _OF_ARRAYS else _target(parameter), name)
    return list(held) if name == "enum" and held is not None else held


def _with(parameter: Parameter, fields: Mapping[str, Json]) -> Parameter:
    typed: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    if parameter.type != "array":
        return parameter.model_copy(update=typed)
    own = {name: typed.pop(name) for name in _OF_ARRAYS & typed.keys()}
    if typed and parameter.items is not None:
        own["items"] = parameter.items.model_copy(update=typed)
    return parameter.model_copy(update=own)
