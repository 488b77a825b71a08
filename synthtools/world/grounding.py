"""Where the arguments of a solution come from: the request, an earlier response, a rule, or nowhere.

Rules are the parameter's default, the clock, and arithmetic on values that are given.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from synthtools.types import Citation, Parameter, Response, Tool, ToolCall
from synthtools.types.canonical import same_json
from synthtools.types.record import Json
from synthtools.world.arithmetic import derive
from synthtools.world.spoken import SpokenText

_TEXT = Parameter(type="string")
_CENTS = re.compile(r"\b(?:cents?|minor units?|pence)\b")

_UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400, "weeks": 604_800}
_OF_DAYS = frozenset({"day", "month", "year"})
_HOURS = frozenset({"start", "end", "from", "to", "until", "opens", "closes", "opening", "closing", "begins", "ends"})


def ground(
    tool: Tool, call: ToolCall, request: str, earlier: Sequence[Response] = (), now: str | None = None
) -> list[Citation]:
    """A citation for every argument of a call, in the order of its arguments.

    Args:
        tool: The tool that is called.
        call: The call of the solution.
        request: What the user asked.
        earlier: What the calls before it answered.
        now: The clock, which gives `tomorrow` its meaning.
    """
    text = SpokenText(request, now)
    known = [value for response in earlier if response.ok for value in scalars(response.data)]
    return [
        _cite(name, value, parameter, text, known, now) or _reckon(name, value, parameter, text, earlier)
        for name, value in call.arguments.items()
        for parameter in (tool.parameters.get(name, _TEXT),)
    ]


def ungrounded(citations: Sequence[Citation]) -> list[str]:
    """The parameters whose value comes from nowhere."""
    return [citation.parameter for citation in citations if citation.source == "nowhere"]


def scalars(value: Json) -> Iterator[Json]:
    """Every string, number and boolean in a value."""
    if isinstance(value, dict):
        for item in value.values():
            yield from scalars(item)
    elif isinstance(value, list):
        for item in value:
            yield from scalars(item)
    elif value is not None:
        yield value


def _cite(
    name: str, value: Json, parameter: Parameter, text: SpokenText, known: Sequence[Json], now: str | None
) -> Citation | None:
    quote = mention(text, name, value, parameter)
    if quote is not None:
        return Citation(parameter=name, source="request", quote=quote)
    if _stands_in(value, known):
        return Citation(parameter=name, source="response", quote=str(value)[:120])
    parts = _parts(value, parameter)
    if parts and all(mention(text, name, part, inner) or _stands_in(part, known) for part, inner in parts):
        return Citation(parameter=name, source="response", quote=str(value)[:120])
    if not parameter.required and same_json(parameter.normalise(value), parameter.normalise(parameter.default)):
        return Citation(parameter=name, source="rule", quote="the default")
    if now is not None and value in (now, now[:10]):
        return Citation(parameter=name, source="rule", quote="the clock")
    return None


def _reckon(name: str, value: Json, parameter: Parameter, text: SpokenText, earlier: Sequence[Response]) -> Citation:
    """A citation by arithmetic; without one, the citation `nowhere`."""
    how = derive(name, value, parameter, text, earlier, minor_units=_in_minor_units(name, parameter))
    return Citation(parameter=name, source="nowhere" if how is None else "rule", quote=(how or "")[:120])


def mention(text: SpokenText, name: str, value: Json, parameter: Parameter) -> str | None:
    """How a request says the value of a parameter; a flag counts as said where its name is."""
    if isinstance(value, bool):
        return text.flag(name, value)
    if isinstance(value, list) and parameter.items is not None and value:
        quotes = [mention(text, name, item, parameter.items) for item in value]
        found = [quote for quote in quotes if quote is not None]
        return ", ".join(found) if len(found) == len(quotes) else None
    quote = text.mention(value, minor_units=_in_minor_units(name, parameter), loose=bool(parameter.enum))
    if quote is not None and _counts_cents(name, parameter) and text.is_money(quote):
        taken_as_it_is = any(said == quote and number == value for number, said, _ in text.numbers)
        return None if taken_as_it_is else quote  # $25 are not 25 cents
    if isinstance(value, int | float):
        unit = _unit(name, parameter)
        if unit is not None and (quote is None or text.is_only_in_lengths(quote)):
            return next((said for seconds, said in text.lengths if abs(seconds - value * unit) < 1e-6), None)
        return _by_name(text, name, value) if quote is None else quote
    return quote


def _by_name(text: SpokenText, name: str, value: float) -> str | None:
    """How a request says a number that only the parameter's name makes sense of: an hour, a day, a place."""
    words = _name_words(name)
    if not isinstance(value, int) or value < 0:
        return None
    if not _OF_DAYS.isdisjoint(words) and value in text.parts_of_days:
        return str(value)
    if value < 24 and ("hour" in words or (words and words[-1] in _HOURS)):
        return text.hour(value)
    nouns = [word for word in words if word not in ("number", "no", "index", "position")]
    return text.place(value, nouns[-1]) if nouns and 0 < value < 40 and len(nouns[-1]) > 2 else None


def _unit(name: str, parameter: Parameter) -> int | None:
    """The seconds in the unit of time that a parameter counts; None where it does not say that it counts one."""
    words, described = _name_words(name), parameter.description.casefold()
    units = (unit for unit in _UNITS if unit in words or re.search(rf"\bin {unit}\b", described))
    return _UNITS.get(next(units, ""))


def _name_words(name: str) -> list[str]:
    return re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).casefold())


def _in_minor_units(name: str, parameter: Parameter) -> bool:
    """Whether a number may count hundredths of what people say: cents for dollars."""
    words = f"{name} {parameter.description}".casefold()
    return _counts_cents(name, parameter) or (
        parameter.type == "integer" and any(word in words for word in ("amount", "price", "cost", "fee", "total"))
    )


def _counts_cents(name: str, parameter: Parameter) -> bool:
    """Whether a parameter says that it counts hundredths."""
    words = f"{name} {parameter.description}".casefold().replace("_", " ")
    return parameter.type == "integer" and _CENTS.search(words) is not None


def _stands_in(value: Json, known: Sequence[Json]) -> bool:
    if isinstance(value, list):
        return bool(value) and all(_stands_in(item, known) for item in value)
    # A boolean stands in almost every response: that is no source.
    if value is None or isinstance(value, bool):
        return False
    return any(_equal(value, other) for other in known)


def _equal(left: Json, right: Json) -> bool:
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _parts(value: Json, parameter: Parameter) -> list[tuple[Json, Parameter]]:
    if isinstance(value, list):
        return [(item, parameter.items or _TEXT) for item in value]
    if isinstance(value, dict):
        inner: Mapping[str, Parameter] = parameter.properties or {}
        return [(item, inner.get(name, _TEXT)) for name, item in value.items()]
    return []
