"""Settings that hold secrets, known by their names: secrets come from the environment and are never written."""

from collections.abc import Generator

from synthtools.types.record import Json, JsonObject

_WORDS = ("key", "secret", "password", "credential", "authorization")


def is_secret(place: str) -> bool:
    """Whether a setting holds a secret, by the last part of its dotted place."""
    name = place.rpartition(".")[2].lower()
    return any(word in name for word in _WORDS) or name.endswith("token")


def secrets_in(settings: JsonObject) -> list[str]:
    """Places of settings that hold a secret: whatever is at the top, and texts at any depth."""
    return [place for place in (*settings, *(place for place, _ in texts(settings))) if is_secret(place)]


def texts(value: Json, place: str = "") -> Generator[tuple[str, str]]:
    """Every text in a value, at whatever depth, with its dotted place."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from texts(part, f"{place}[{number}]")
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from texts(part, f"{place}.{key}" if place else str(key))
