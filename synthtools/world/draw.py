"""Seeded argument sets for a tool: the bounds of its parameters, and values that stand in the state.

Equal inputs give equal draws in every process: the only source of chance is a `random.Random` seeded with a text.
"""

import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from math import inf
from typing import NamedTuple, TypeVar

from synthtools.types import Collection, Parameter, Tool, ToolCall
from synthtools.types.canonical import same_json
from synthtools.types.dates import is_date_time, is_day, iso_text
from synthtools.types.environment import DEFAULT_NOW
from synthtools.types.record import Json, JsonObject, State
from synthtools.world.gate import check, fill
from synthtools.world.held import Held, akin, collection_of, held_values, singular, telling_words
from synthtools.world.ids import id_series
from synthtools.world.pattern import draw_matching
from synthtools.world.validators import compile_schema

_TEXTS = ("alpha", "Blue Lake", "Sam Carter", "second try", "north wing", "R2")
_TRIES = 8
_DAY = Parameter(type="string", format="date")
_DAY_WORDS = frozenset({"date", "day", "since", "until", "start", "end", "when", "due", "deadline"})

_Scalar = TypeVar("_Scalar", str, int | float)


class _Chances(NamedTuple):
    """Probabilities of the unusual in a draw."""

    unknown_id: float
    boundary: float
    optional: float
    anchor: float
    elsewhere: float
    """For a parameter that no field is named like: of a value from any field or id of the tool's collections."""


_PROBE = _Chances(unknown_id=0.2, boundary=0.4, optional=0.5, anchor=0.6, elsewhere=0.6)
_VALID = _Chances(unknown_id=0.0, boundary=0.0, optional=0.25, anchor=0.5, elsewhere=0.0)
_OTHER = _VALID._replace(elsewhere=0.6)


def draw_arguments(
    tool: Tool,
    state: State,
    collections: Sequence[Collection] = (),
    seed: int = 0,
    n: int = 300,
    *,
    now: str = DEFAULT_NOW,
) -> list[JsonObject]:
    """Up to `n` argument sets that pass the tool's gate, defaults filled; fewer where the drawer finds none.

    References draw existing ids four times in five, else an unknown one. In two of five draws numbers, dates, lengths
    and arrays lie on a bound: their own, or one off a value in the records that the call names; dates also about `now`.
    Where no field has a parameter's name, three values in five come from any id or field of the tool's collections.
    Each choice of an enum comes as often as the others. Optional parameters are given in half of the draws; some draws
    give all of them, some none.
    """
    drawer = Drawer(tool, state, collections, f"arguments:{seed}", now=now)
    chances = {0: _PROBE._replace(optional=1.0), 1: _PROBE._replace(optional=0.0)}
    drawn = [drawer.call(chances.get(index % 8, _PROBE)) for index in range(n)]
    return [fill(tool, call) for call in drawn if call is not None]


def draw_valid_call(
    tool: Tool,
    state: State,
    collections: Sequence[Collection] = (),
    seed: int = 0,
) -> ToolCall | None:
    """A call that is likely to succeed, with values that stand in the state; None where none passes.

    Args:
        tool: The tool to call.
        state: Where values come from.
        collections: Its schemas: which fields are references.
        seed: Equal seeds give equal calls.
    """
    return Drawer(tool, state, collections, f"call:{seed}").call(_VALID)


def draw_other_values(
    tool: Tool, name: str, value: Json, state: State, collections: Sequence[Collection] = (), seed: int = 0, n: int = 5
) -> list[Json]:
    """Up to `n` different valid values of a parameter, none of them the given one; existing ids first."""
    drawer = Drawer(tool, state, collections, f"other:{name}:{seed}")
    found: list[Json] = []
    for attempt in range(n * 6):
        chances = _OTHER if attempt < n * 3 else _PROBE
        drawn = drawer.value(name, tool.parameters[name], chances)
        if drawn is None or any(same_json(drawn, known) for known in (value, *found)):
            continue
        found.append(drawn)
        if len(found) == n:
            break
    return found


class Drawer:
    """Draws for one tool from one state; each method advances the same seeded generator."""

    def __init__(
        self,
        tool: Tool,
        state: State,
        collections: Sequence[Collection],
        seed: str,
        *,
        now: str = DEFAULT_NOW,
    ) -> None:
        self._tool = tool
        self._rng = random.Random(f"{tool.name}:{seed}")
        self._state = state
        self._records = {name: records for name, records in state.items() if isinstance(records, dict)}
        self._schemas = {collection.name: collection for collection in collections}
        self._now = now if is_date_time(now) else DEFAULT_NOW
        self._anchor: JsonObject = {}
        self._named: list[Json] = []
        self._bags: dict[str, list[Json]] = {}
        self._targets: dict[str, str | None] = {}
        # References come first: what their records hold is what the other values should lie close to.
        self._order = sorted(tool.parameters, key=lambda name: self._target(name, tool.parameters[name]) is None)

    def call(self, chances: _Chances) -> ToolCall | None:
        """One call that passes the gate, or None after some tries."""
        for _ in range(_TRIES):
            self._anchor = self._draw_anchor()
            self._named = []
            drawn: JsonObject = {}
            for name in self._order:
                parameter = self._tool.parameters[name]
                if not parameter.required and self._rng.random() >= chances.optional:
                    continue
                value = self.value(name, parameter, chances)
                if value is not None:
                    drawn[name] = value
                    self._note_named(self._target(name, parameter), value)
            arguments = {name: drawn[name] for name in self._tool.parameters if name in drawn}
            call = ToolCall(name=self._tool.name, arguments=arguments)
            if check(self._tool, call).passed:
                return call
        return None

    def value(self, name: str, parameter: Parameter, chances: _Chances) -> Json:
        """One value of a parameter; None where none was found that fits."""
        validator = compile_schema(parameter.json_schema())
        for _ in range(_TRIES):
            value = parameter.normalise(self._candidate(name, parameter, chances))
            if value is not None and validator.is_valid(value):
                return value
        return None

    def _candidate(self, name: str, parameter: Parameter, chances: _Chances) -> Json:
        rng = self._rng
        if parameter.enum:
            return self._from_bag(name, parameter.enum)
        if name in self._anchor and rng.random() < chances.anchor:
            return self._anchor[name]
        target = self._target(name, parameter)
        if parameter.type == "string" and target is not None:
            return self._draw_id(target, chances)
        is_scalar = parameter.type in ("integer", "number", "string")
        if is_scalar and not self._known(name) and rng.random() < chances.elsewhere:
            value = self._draw_elsewhere(name, parameter, chances)
            if value is not None:
                return value
        match parameter.type:
            case "boolean":
                return rng.random() < 0.5
            case "integer" | "number":
                return self._draw_number(name, parameter, chances)
            case "array":
                return self._draw_array(name, parameter, chances)
            case "object":
                return self._draw_object(parameter, chances)
            case "string":
                return self._draw_text(name, parameter, chances)

    def _target(self, name: str, parameter: Parameter) -> str | None:
        """The collection whose ids a parameter takes."""
        if parameter.references:
            return parameter.references
        if name not in self._targets:
            self._targets[name] = self._collection_of(name) or self._referred(name)
        return self._targets[name]

    def _referred(self, name: str) -> str | None:
        """The collection whose ids are the values of all fields named like a parameter."""
        known = self._known(name)
        for collection in (*self._tool.reads, *self._tool.writes):
            records = self._records.get(collection, {})
            if known and all(isinstance(value, str) and value in records for value in known):
                return collection
        return None

    def _from_bag(self, name: str, options: Sequence[Json]) -> Json:
        """One option after another in a shuffled order, so that a few draws have them all."""
        bag = self._bags.setdefault(name, [])
        if not bag:
            bag.extend(self._rng.sample(list(options), len(options)))
        return bag.pop()

    def _note_named(self, collection: str | None, value: Json, depth: int = 0) -> None:
        """Notes what stands in the records that a value names, and in those which these refer to."""
        if collection is None:
            return
        for record_id in value if isinstance(value, list) else [value]:
            record = self._records.get(collection, {}).get(record_id) if isinstance(record_id, str) else None
            for field, held in record.items() if isinstance(record, dict) else ():
                self._named.append(held)
                if depth == 0:
                    schema = self._schemas.get(collection)
                    target = schema.fields[field].references if schema and field in schema.fields else None
                    self._note_named(target or self._collection_of(field), held, depth + 1)

    def _draw_anchor(self) -> JsonObject:
        """The values of one record and of those it refers to, by the names that parameters give them."""
        names = [name for name in (*self._tool.writes, *self._tool.reads) if self._records.get(name)]
        if not names:
            return {}
        anchor: JsonObject = {}
        self._add_record(anchor, self._rng.choice(names), None, depth=0)
        return anchor

    def _add_record(self, anchor: JsonObject, name: str, record_id: str | None, depth: int) -> None:
        records = self._records.get(name, {})
        if record_id is None:
            record_id = self._rng.choice(sorted(records))
        record = records.get(record_id)
        anchor.setdefault(f"{singular(name)}_id", record_id)
        if not isinstance(record, dict):
            return
        for field, value in record.items():
            anchor.setdefault(field, value)
            schema = self._schemas.get(name)
            target = schema.fields[field].references if schema and field in schema.fields else None
            target = target or self._collection_of(field)
            if target and isinstance(value, str) and depth < 2:
                self._add_record(anchor, target, value, depth + 1)

    def _collection_of(self, name: str) -> str | None:
        return collection_of(name, self._records)

    def _draw_id(self, collection: str, chances: _Chances) -> Json:
        ids = list(self._records.get(collection, ()))
        if not ids or self._rng.random() < chances.unknown_id:
            series = id_series(collection, ids, self._schemas.get(collection))
            return series._replace(number=series.number + 900).id
        return self._rng.choice(ids)

    def _known(self, name: str) -> list[Json]:
        """Values that fields of that name have in the state, the tool's own collections first."""
        declared = [*self._tool.reads, *self._tool.writes]
        for names in (declared, list(self._records)):
            found = [
                record[name]
                for collection in names
                for record in self._records.get(collection, {}).values()
                if isinstance(record, dict) and record.get(name) is not None
            ]
            if found:
                return found
        return []

    @cached_property
    def _held(self) -> list[Held]:
        return held_values(self._state, (*self._tool.reads, *self._tool.writes))

    def _draw_elsewhere(self, name: str, parameter: Parameter, chances: _Chances) -> Json:
        """A value that the tool's collections hold, or one beside it: of a field with a like name, or of any."""
        rng = self._rng
        if parameter.type != "string":
            numbers = self._chosen(name, [(held, _whole_numbers(held.values, parameter)) for held in self._held])
            beside = [number + step for number in numbers[:1] for step in (0, 0, -1, 1)]
            return rng.choice([*beside, max(numbers) + 1]) if numbers else None
        if parameter.format:
            dates = _dates(value for held in self._held for value in held.values)
            return self._draw_date(parameter, dates, chances) if dates else None
        if rng.random() < (0.5 if telling_words(name) & _DAY_WORDS else 0.1):
            return self._draw_date(_DAY, [self._now[:10]], chances)
        texts = self._chosen(
            name, [(held, [value for value in held.values if isinstance(value, str)]) for held in self._held]
        )
        return texts[0] if texts else None

    def _chosen(self, name: str, pools: Sequence[tuple[Held, list[_Scalar]]]) -> list[_Scalar]:
        """The values of one of the pools in any order, mostly of one with a like name; empty where none has any."""
        filled = [(held, values) for held, values in pools if values]
        like = akin(name, [held for held, _ in filled])
        if like and self._rng.random() < 0.7:
            filled = [(held, values) for held, values in filled if held in like]
        if not filled:
            return []
        _, values = self._rng.choice(filled)
        return self._rng.sample(values, len(values))

    def _draw_number(self, name: str, parameter: Parameter, chances: _Chances) -> Json:
        rng = self._rng
        low, high = parameter.minimum, parameter.maximum
        known = _numbers(self._known(name), parameter)
        if rng.random() < chances.boundary:
            near = _numbers(self._named, parameter)
            if near and rng.random() < 0.5:
                return rng.choice(near) + rng.choice((-1, 0, 1))
            bounds = [edge for edge in (low, high) if edge is not None]
            if bounds and rng.random() < 0.6:
                return self._from_bag(f"bounds of {name}", bounds)
            edges = [edge + step for edge in (*bounds, *known[:3]) for step in (-1, 0, 1)]
            return rng.choice([*edges, 0, 1, -1])
        if known and rng.random() < 0.5:
            return rng.choice(known)
        floor = low if low is not None else min(1, high) if high is not None else 1
        ceiling = high if high is not None else floor + 20
        if parameter.type == "integer":
            return rng.randint(int(floor), max(int(floor), int(ceiling)))
        return round(rng.uniform(floor, ceiling), 2)

    def _draw_array(self, name: str, parameter: Parameter, chances: _Chances) -> Json:
        rng = self._rng
        item = parameter.items or Parameter(type="string", references=parameter.references)
        if parameter.references and not item.references:
            item = item.model_copy(update={"references": parameter.references})
        least = parameter.min_items or 0
        most = parameter.max_items if parameter.max_items is not None else least + 3
        if rng.random() < chances.boundary:
            size = rng.choice((least, min(most, least + 20)))
        else:
            size = rng.randint(max(least, min(1, most)), min(most, max(least, 1) + 2))
        values = [self.value(name, item, chances) for _ in range(size)]
        return [value for value in values if value is not None]

    def _draw_object(self, parameter: Parameter, chances: _Chances) -> Json:
        drawn: JsonObject = {}
        for name, inner in (parameter.properties or {}).items():
            if inner.required or self._rng.random() < chances.optional:
                value = self.value(name, inner, chances)
                if value is not None:
                    drawn[name] = value
        return drawn

    def _draw_text(self, name: str, parameter: Parameter, chances: _Chances) -> Json:
        rng = self._rng
        known = [value for value in self._known(name) if isinstance(value, str)]
        if known and rng.random() < 0.6:
            return rng.choice(known)
        if parameter.format is not None:
            return self._draw_date(parameter, known, chances)
        if parameter.pattern is not None:
            return draw_matching(parameter.pattern, rng)
        least, most = parameter.min_length or 0, parameter.max_length
        if rng.random() < chances.boundary:
            return ("abcde " * 40)[: rng.choice((least, min(most if most is not None else 60, 200)))]
        text = rng.choice(_TEXTS)
        if len(text) < least:
            text = (text + " abcde" * (least // 6 + 1))[:least]
        return text if most is None else text[:most].rstrip() or text[:most]

    def _draw_date(self, parameter: Parameter, known: Iterable[Json], chances: _Chances) -> str:
        dates = _dates(known)
        if not dates or self._rng.random() < chances.boundary:
            dates = [*_dates(self._named), self._now]
        base = self._rng.choice(dates)
        moved = datetime.fromisoformat(base) + timedelta(days=self._rng.choice((-30, -1, 0, 1, 2, 7, 30)))
        return iso_text(moved, day_only=parameter.format == "date" or is_day(base))


def _numbers(values: Iterable[Json], parameter: Parameter) -> list[int | float]:
    """The numbers among some values that a parameter could take, or nearly."""
    low = -inf if parameter.minimum is None else parameter.minimum - 1
    high = inf if parameter.maximum is None else parameter.maximum + 1
    kinds = int if parameter.type == "integer" else int | float
    return [
        value for value in values if isinstance(value, kinds) and not isinstance(value, bool) and low <= value <= high
    ]


def _whole_numbers(values: Iterable[Json], parameter: Parameter) -> list[int | float]:
    """The numbers among some values, without their decimals for a parameter that takes none."""
    whole = parameter.type == "integer"
    return _numbers([int(value) if whole and isinstance(value, float) else value for value in values], parameter)


def _dates(values: Iterable[Json]) -> list[str]:
    return [value for value in values if is_date_time(value)]
