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

CANONICAL_VERSION = "1"
"""Raised whenever some value gets other canonical bytes, or equality changes: older hashes are void then."""

MAX_INTEGER = 2**53
"""Largest absolute value of an integer: beyond it, a JSON reader may round."""

MAX_DEPTH = 100
"""Deepest nesting of a value."""


_KEPT = 2047
"""Most bytes that hashlib hashes without letting other threads go on."""


def check_json(value: object) -> None:
    """Refuses what JSON cannot carry faithfully.

    Raises: StateError for NaN, infinities, |int| > 2**53, non-string keys, lone surrogates, values that are no JSON,
    and nesting deeper than `MAX_DEPTH`; the message has the path.
    """
    _notation(value)


def canonical_bytes(value: object) -> bytes:
    """The value in RFC 8785 form, as UTF-8. Raises: StateError, as `check_json`."""
    notation = _notation(value)
    if notation == _OTHER:
        return rfc8785.dumps(cast("Any", _edge_as_float(value)))
    return orjson.dumps(_whole_as_int(value) if notation == _WHOLE else value, option=orjson.OPT_SORT_KEYS)


def content_hash(value: object) -> str:
    """SHA-256 of the canonical bytes, as 64 hex digits. Raises: StateError, as `check_json`."""
    return sha256_hex(canonical_bytes(value))


def sha256_hex(data: bytes) -> str:
    """SHA-256 of bytes, as 64 hex digits, in parts for which hashlib keeps the interpreter.

    For longer ones it lets go of it, and the event loop waits longer to get it back than the hash takes.
    """
    digest = hashlib.sha256()
    for start in range(0, len(data), _KEPT):
        digest.update(data[start : start + _KEPT])
    return digest.hexdigest()


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


# How far does orjson with sorted keys, several times faster, write a value as RFC 8785 does? (Plain ints: this is hot.)
_SAME = 0
"""Exactly: no floats but those of a plain decimal notation, and ASCII keys, whose order is that of UTF-16."""
_WHOLE = 1
"""Exactly, once floats without a fraction are written as integers."""
_OTHER = 2
"""Not."""


class _Fault(Exception):
    """What is wrong with a value; the path grows on the way up, so that a sound value pays nothing for it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.path = ""


def _notation(value: object) -> int:
    try:
        return _scan(value, 0)
    except _Fault as fault:
        raise StateError(f"${fault.path[:200]}: {fault}") from None


def _scan(value: object, depth: int) -> int:
    if value is None or isinstance(value, bool):
        return _SAME
    if isinstance(value, str):
        return _SAME if value.isascii() else _scan_text(value, _SAME)
    if isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise _Fault(f"an integer of {value.bit_length()} bits is beyond 2**53; use a string")
        return _SAME
    if isinstance(value, float):
        return _scan_float(value)
    if depth >= MAX_DEPTH:
        raise _Fault(f"nested deeper than {MAX_DEPTH} levels")
    worst = _SAME
    key: object = None
    index = 0
    try:
        if isinstance(value, dict | Mapping):  # the one is told at once, the other by a longer way
            for key, item in cast("Mapping[object, object]", value).items():
                if not isinstance(key, str):
                    raise _Fault(f"key {key!r} is no string")
                if isinstance(item, str):
                    plain = item.isascii()
                elif isinstance(item, int):
                    plain = -MAX_INTEGER <= item <= MAX_INTEGER
                else:
                    plain = item is None
                if plain and key.isascii():  # most are: no call for those
                    continue
                level = (
                    _scan(item, depth + 1) if key.isascii() else max(_scan_text(key, _OTHER), _scan(item, depth + 1))
                )
                if level > worst:
                    worst = level
            return worst
        if isinstance(value, list | tuple):
            for item in cast("Sequence[object]", value):
                level = _scan(item, depth + 1)
                if level > worst:
                    worst = level
                index += 1
            return worst
    except _Fault as fault:
        fault.path = f"[{index}]{fault.path}" if key is None else f".{key!s:.40}{fault.path}"
        raise
    raise _Fault(f"{type(value).__name__} is no JSON value")


def _scan_text(text: str, level: int) -> int:
    """The level, where a text beyond ASCII can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _Fault("text with a lone surrogate is no JSON string") from error
    return level


def _scan_float(number: float) -> int:
    if not math.isfinite(number):
        raise _Fault(f"{number} is no JSON number")
    if number.is_integer():
        return _WHOLE if abs(number) <= MAX_INTEGER else _OTHER
    return _SAME if 1e-4 <= abs(number) < 1e15 else _OTHER


def _whole_as_int(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _whole_as_int(item) for key, item in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_whole_as_int(item) for item in cast("Sequence[object]", value)]
    return value


def _edge_as_float(value: object) -> object:
    """2**53 itself is exact, but one beyond what the library takes as an int; as a float it is written alike."""
    if isinstance(value, int) and abs(value) == MAX_INTEGER:
        return float(value)
    if isinstance(value, Mapping):
        return {key: _edge_as_float(item) for key, item in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_edge_as_float(item) for item in cast("Sequence[object]", value)]
    return value
