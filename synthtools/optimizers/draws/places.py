"""Values inside a tool's answer, with their types and paths."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple, cast

from synthtools.types.parameter import Parameter
from synthtools.types.record import Json, JsonObject

Path = tuple[str | int, ...]
"""Keys and indexes from an answer's data to a value."""


class Place(NamedTuple):
    """A value of the answer."""

    path: Path
    parameter: Parameter
    value: Json

    @property
    def name(self) -> str:
        """The innermost key."""
        return next(step for step in reversed(self.path) if isinstance(step, str))

    @property
    def is_listed(self) -> bool:
        """Whether it stands in a list."""
        return any(isinstance(step, int) for step in self.path)

    def __str__(self) -> str:
        return ".".join(str(step) for step in self.path)


def places(parameters: Mapping[str, Parameter], data: JsonObject, path: Path = ()) -> Iterator[Place]:
    """Each typed value of an object, those inside it too."""
    for name, value in data.items():
        if name in parameters:
            yield from _inside(Place((*path, name), parameters[name], value))


def _inside(place: Place) -> Iterator[Place]:
    yield place
    inner, value = place.parameter, place.value
    if inner.items is not None and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _inside(Place((*place.path, index), inner.items, item))
    elif inner.properties is not None and isinstance(value, dict):
        yield from places(inner.properties, value, place.path)


def leaves(data: Json, name: str = "") -> Iterator[tuple[str, Json]]:
    """The scalars of a value, each with the innermost key it stands under."""
    if isinstance(data, dict):
        for key, item in data.items():
            yield from leaves(item, key)
    elif isinstance(data, list):
        for item in data:
            yield from leaves(item, name)
    elif data is not None:
        yield name, data


def replaced(data: JsonObject, path: Path, value: Json) -> JsonObject:
    """The data with another value at a path; the original is left as it is."""
    return cast(JsonObject, _replace(data, path, value))


def _replace(data: Json, path: Path, value: Json) -> Json:
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(data, dict) and isinstance(step, str):
        return {**data, step: _replace(data[step], rest, value)}
    assert isinstance(data, list) and isinstance(step, int)  # paths come from the data itself
    return [_replace(item, rest, value) if index == step else item for index, item in enumerate(data)]
