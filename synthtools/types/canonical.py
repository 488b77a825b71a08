"""One byte string and one hash per JSON value (RFC 8785, SHA-256), and an equality that knows types apart.

RFC 8785 writes 1.0 as `1`, so a hash cannot tell the integer from the float, while `same_json` does. The two agree on
values that were normalised by their schema (`Parameter.normalise`): there an integer is always an int and a number
always a float. Records are normalised before they are hashed or compared.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson
import rfc8785

from synthtools.errors import StateError

MAX_INTEGER = 2**53
"""Largest absolute value of an integer: beyond it, a JSON reader may round."""

MAX_DEPTH = 100
"""Deepest nesting of a value."""


def check_json(value: object) -> None:
    """Refuses what JSON cannot carry faithfully.

    Raises: StateError for NaN, infinities, |int| > 2**53, non-string keys, lone surrogates, values that are no JSON,
    and nesting deeper than `MAX_DEPTH`; the message has the path.
    """
    _scan(value, "$", 0)


def canonical_bytes(value: object) -> bytes:
    """The value in RFC 8785 form, as UTF-8. Raises: StateError, as `check_json`."""
    if _scan(value, "$", 0):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return rfc8785.dumps(cast("Any", _edge_as_float(value)))


def content_hash(value: object) -> str:
    """SHA-256 of the canonical bytes, as 64 hex digits. Raises: StateError, as `check_json`."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()


def same_json(left: object, right: object) -> bool:
    """Whether two JSON values are equal with their types: 1, 1.0 and True all differ; key order does not matter."""
    alike = type(left) is type(right)
    if isinstance(left, dict) and isinstance(right, dict):
        a, b = cast("dict[str, object]", left), cast("dict[str, object]", right)
        return len(a) == len(b) and all(key in b and same_json(item, b[key]) for key, item in a.items())
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        xs, ys = cast("Sequence[object]", left), cast("Sequence[object]", right)
        return len(xs) == len(ys) and all(same_json(x, y) for x, y in zip(xs, ys, strict=True))
    return alike and left == right


def _scan(value: object, path: str, depth: int) -> bool:
    """Checks a value; answers whether orjson with sorted keys writes it exactly as RFC 8785 does.

    That holds without floats (whose notation differs) and with ASCII keys (whose order is the same in any
    encoding); it is several times faster, and most states are so.
    """
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, str):
        if not value.isascii():
            _check_text(value, path)
        return True
    if isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise StateError(f"{path}: integer {str(value)[:24]} is beyond 2**53; use a string")
        return True
    if isinstance(value, float):
        if not math.isfinite(value):
            raise StateError(f"{path}: {value} is no JSON number")
        return False
    if depth >= MAX_DEPTH:
        raise StateError(f"{path[:80]}: nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        plain = True
        for key, item in cast("Mapping[object, object]", value).items():
            if not isinstance(key, str):
                raise StateError(f"{path}: key {key!r} is no string")
            if not key.isascii():
                _check_text(key, path)
                plain = False
            if not _scan(item, f"{path}.{key}", depth + 1):
                plain = False
        return plain
    if isinstance(value, list | tuple):
        plain = True
        for index, item in enumerate(cast("Sequence[object]", value)):
            if not _scan(item, f"{path}[{index}]", depth + 1):
                plain = False
        return plain
    raise StateError(f"{path}: {type(value).__name__} is no JSON value")


def _check_text(text: str, path: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise StateError(f"{path}: text with a lone surrogate is no JSON string") from error


def _edge_as_float(value: object) -> object:
    """2**53 itself is exact, but one beyond what the library takes as an int; as a float it is written alike."""
    if isinstance(value, int) and abs(value) == MAX_INTEGER:
        return float(value)
    if isinstance(value, Mapping):
        return {key: _edge_as_float(item) for key, item in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_edge_as_float(item) for item in cast("Sequence[object]", value)]
    return value
