"""Whether a request says which record it means: two records that fit its words are two tasks.

An id that is said, or that an earlier response gives alone, is unambiguous. Where the user describes a record instead,
and a response lists several (or a judge found the id in other words), the description must fit one record only. Only
what is sure is reported: names must agree, and nothing else in the request may tell the records apart.
"""

import re
from collections.abc import Collection as Container
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from synthtools.types import Collection, Parameter, Response, Task, ToolCall
from synthtools.types.dates import is_date_time
from synthtools.types.record import Json, JsonObject, State
from synthtools.world.grounding import mention, scalars
from synthtools.world.held import singular
from synthtools.world.spoken import SpokenText
from synthtools.world.spoken_numbers import ordinals
from synthtools.world.state import records_of

_NO_SUPERLATIVES = (
    r"(?:re)?quest|con(?:t|qu)est|(?:dis)?interest|harvest|forest|suggest|(?:pro|re|at|pre)test|manifest|honest|modest|"
    r"earnest|ernest|(?:re)?invest|digest|ingest|infest|arrest|unrest|tempest|bequest|inquest|\w+rest|\w+west|budapest|"
    r"behest"
)
_CHOOSES = re.compile(
    rf"\b(?:(?!(?:{_NO_SUPERLATIVES})\b)\w{{3,}}est|most|least|first|last|next|second|third|previous|prior|earlier|later|before|after|between|since|"
    r"until|more|less|over|under|above|below|than|all|every|each|both|not|other|another|only|except|without|"
    r"over ?due|due|late|upcoming|past|future|expired|current|remaining|today|tonight|tomorrow|yesterday)\b"
)
"""Words that choose among records by more than their names."""
_DEEPEST = 2

_UNKNOWN = Parameter(type="object")
_Path = tuple[str, ...]


def ambiguous_targets(
    task: Task, request: SpokenText, responses: Sequence[Response], paraphrased: Container[tuple[int, str]] = ()
) -> list[str]:
    """The arguments whose record cannot be told from another one by the request, as text.

    Args:
        task: The task with its world and initial state.
        request: What the user asked.
        responses: What the gold calls answered.
        paraphrased: Arguments that a judge found in the request in other words.
    """
    if task.world is None or _CHOOSES.search(request.text):
        return []
    records = _Records(task.initial_state or {}, task.world.collections, request)
    tools = {tool.name: tool for tool in task.world.tools}
    found: list[str] = []
    for index, call in enumerate(task.gt_tool_calls):
        for name, parameter in tools[call.name].parameters.items():
            for target, collection in _targets(call, name, parameter, records):
                known = records.of(collection)
                if target not in known or request.mention(target) is not None:
                    continue
                rivals = _listed_with(target, known, responses[:index])
                if rivals is None:
                    rivals = [other for other in known if other != target] if (index, name) in paraphrased else []
                meant = _also_meant(task.gt_tool_calls, call.name, name)
                strangers = (other for other in rivals if other not in meant)
                twin = next((other for other in strangers if records.alike(collection, target, other)), None)
                if twin is not None:
                    words = ", ".join(map(repr, records.description(collection, target)))
                    found.append(f"{call.name}.{name} = {target!r}: {words} fits {twin} as well")
    return found


class _Records:
    """The records of a state, by what the request says of them."""

    def __init__(self, state: State, collections: Sequence[Collection], request: SpokenText) -> None:
        self._state = state
        self._fields = {collection.name: collection.fields for collection in collections}
        self._request = request
        numbers = re.findall(r"(?<![\w-])\d+(?:st|nd|rd|th)?(?![\w-])", request.text)
        self._words = frozenset([*re.findall(r"[^\W\d_][^\W_]*", request.text), *numbers])

    def named(self, name: str, record_id: str) -> str | None:
        """The collection with a record of that id which a parameter or field means by its name alone."""
        stem = re.sub(r"_ids?$", "", name)
        for collection in self._state:
            record = singular(collection)
            if (stem == record or stem.endswith(f"_{record}")) and record_id in self.of(collection):
                return collection
        return None

    def of(self, collection: str) -> JsonObject:
        return records_of(self._state, collection)

    def alike(self, collection: str, target: str, other: str) -> bool:
        """Whether all that the request says of a record, a name among it, is true of another one."""
        names = 0
        for path, value in self._values(collection, target, ()):
            said = mention(self._request, path[-1], value, self._field(collection, path)) is not None
            same = self._at(collection, other, path) == value
            if not same and (said or self._hinted(value, self._at(collection, other, path))):
                return False
            names += said and same and self._is_name(collection, path, value)
        return names > 0

    def description(self, collection: str, record_id: str) -> list[str]:
        """The names of a record, and of those that it refers to, that the request mentions."""
        return [
            str(value)
            for path, value in self._values(collection, record_id, ())
            if self._is_name(collection, path, value) and self._request.mention(value) is not None
        ]

    def _values(self, collection: str, record_id: str, path: _Path) -> Iterator[tuple[_Path, Json]]:
        """The values of a record and of those that it refers to, by the path of fields that leads to them."""
        record = self.of(collection).get(record_id)
        if not isinstance(record, dict):
            return
        for name, value in record.items():
            yield (*path, name), value
            inner = self._inner(collection, name, value)
            if inner and isinstance(value, str) and len(path) < _DEEPEST:
                yield from self._values(inner, value, (*path, name))

    def _inner(self, collection: str, name: str, value: Json) -> str | None:
        """The collection that a field refers to."""
        field = self._fields.get(collection, {}).get(name)
        if field is not None:
            return field.references
        return self.named(name, value) if isinstance(value, str) else None

    def _field(self, collection: str, path: Sequence[str]) -> Parameter:
        parameter = self._fields.get(collection, {}).get(path[0], _UNKNOWN)
        return self._field(parameter.references or "", path[1:]) if len(path) > 1 else parameter

    def _hinted(self, value: Json, other: Json) -> bool:
        """Whether the request has a part of a value that another one lacks: a first name, a month."""
        return not self._words.isdisjoint(_parts(value) - _parts(other))

    def _at(self, collection: str, record_id: str, path: Sequence[str]) -> Json:
        record = self.of(collection).get(record_id)
        value = record.get(path[0]) if isinstance(record, dict) else None
        if len(path) == 1:
            return value
        inner = self._inner(collection, path[0], value)
        return self._at(inner, value, path[1:]) if inner and isinstance(value, str) else None

    def _is_name(self, collection: str, path: Sequence[str], value: Json) -> bool:
        """Whether a path leads to words of one's own: no choice, day or reference."""
        field = self._field(collection, path)
        if field is _UNKNOWN:
            # Of a field without a schema, only a capital letter and no digit tell a name from a choice or an id.
            return isinstance(value, str) and value[:1].isupper() and not any(map(str.isdigit, value))
        return field.is_free_text


def _targets(call: ToolCall, name: str, parameter: Parameter, records: _Records) -> Iterator[tuple[str, str]]:
    """The ids in an argument, each with the collection that it refers to."""
    declared = parameter.references or (parameter.items.references if parameter.items else None)
    for item in _items(call.arguments.get(name)):
        inner = (declared or records.named(name, item)) if isinstance(item, str) else None
        if inner and isinstance(item, str):
            yield item, inner


def _parts(value: Json) -> set[str]:
    """The words of a value; of a day, its month, weekday, year and number."""
    if not isinstance(value, str):
        return set()
    if is_date_time(value):
        day = datetime.fromisoformat(value)
        return {
            *(day.strftime(form).casefold() for form in ("%B", "%b", "%A", "%Y")),
            str(day.day),
            next(ordinals(day.day)),
        }
    return set(re.findall(r"[^\W\d_]{3,}", value.casefold()))


def _listed_with(target: str, known: Mapping[str, Json], responses: Sequence[Response]) -> list[str] | None:
    """The other records of the shortest list that gives an id; None where no earlier response has it."""
    shortest: list[str] | None = None
    for response in responses:
        given = [value for value in (*scalars(response.data), *_keys(response.data)) if isinstance(value, str)]
        if response.ok and target in given:
            others = [value for value in dict.fromkeys(given) if value in known and value != target]
            shortest = others if shortest is None or len(others) < len(shortest) else shortest
    return shortest


def _keys(data: Json) -> Iterator[str]:
    if isinstance(data, dict):
        yield from data
        for item in data.values():
            yield from _keys(item)
    elif isinstance(data, list):
        for item in data:
            yield from _keys(item)


def _also_meant(calls: Sequence[ToolCall], tool: str, name: str) -> list[Json]:
    """The values that all calls of a tool pass: a solution that takes every record need not choose."""
    return [item for call in calls if call.name == tool for item in _items(call.arguments.get(name))]


def _items(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]
