"""What defines a metric: scores are compared with those of the same metric only, and a compile is named by it."""

import dataclasses
import hashlib
import inspect
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any, cast

import orjson

from synthtools import __version__
from synthtools.modules.compiled import MetricUsed
from synthtools.optimizers.metrics import Composite

_PLAIN = (type(None), bool, int, float, str, bytes)
_FOLLOWED = (*_PLAIN, tuple, list, dict, set, frozenset, FunctionType, MethodType, partial)
"""What is gone into where an object has it; other objects that it holds are not."""


def metric_used(metric: Any) -> MetricUsed:
    """A metric by its name, the weights of its parts, and a hash of all that defines it.

    The hash is over the names, weights, gates and costs of its parts, the source files of their functions, what those
    functions enclose, and the version of SynthTools. Of functions that are in no file, such as a notebook's, it is
    over their source, and that of the functions next to them that they name.
    """
    parts = {part.name: part.weight for part in metric.parts} if isinstance(metric, Composite) else {}
    name = "weighted mean" if parts else getattr(metric, "__qualname__", type(metric).__qualname__)
    content = orjson.dumps([__version__, *_defining(metric, set())])
    return MetricUsed(name=name, weights=parts, hash=hashlib.sha256(content).hexdigest())


def _defining(value: Any, seen: set[int]) -> Iterator[str]:
    """Texts that are equal where values do the same; functions and objects are gone into once."""
    if isinstance(value, _PLAIN):
        yield repr(value)
    elif isinstance(value, tuple | list):
        for one in cast("list[Any]", value):
            yield from _defining(one, seen)
    elif isinstance(value, dict):
        for key, one in sorted(cast("dict[Any, Any]", value).items(), key=lambda item: repr(item[0])):
            yield from _defining((key, one), seen)
    elif isinstance(value, set | frozenset):
        yield from sorted(map(repr, cast("set[Any]", value)))
    elif id(value) not in seen:
        seen.add(id(value))
        yield from _of_object(value, seen)


def _of_object(value: Any, seen: set[int]) -> Iterator[str]:
    if isinstance(value, partial):
        given = cast("partial[Any]", value)
        yield from _defining((given.func, given.args, given.keywords), seen)
    elif isinstance(value, MethodType):
        yield from _defining((value.__func__, value.__self__), seen)
    elif isinstance(value, FunctionType):
        yield from _of_function(value, seen)
    elif isinstance(value, type):
        yield f"{value.__module__}.{value.__qualname__}: {_source(value)}"
    elif dataclasses.is_dataclass(value):
        yield type(value).__qualname__
        yield from _defining([getattr(value, field.name) for field in dataclasses.fields(value)], seen)
    else:
        yield from _of_object(type(value), seen)
        own = cast("dict[str, Any]", getattr(value, "__dict__", {}))
        yield from _defining({name: one for name, one in own.items() if isinstance(one, _FOLLOWED)}, seen)


def _of_function(function: FunctionType, seen: set[int]) -> Iterator[str]:
    yield f"{function.__module__}.{function.__qualname__}: {_source(function)}"
    cells = [_content(cell) for cell in function.__closure__ or ()]
    yield from _defining((function.__defaults__, function.__kwdefaults__, cells), seen)
    if _file(function) is None:
        near = {name: function.__globals__.get(name) for name in function.__code__.co_names}
        followed = (FunctionType, *_PLAIN)
        yield from _defining({name: one for name, one in near.items() if isinstance(one, followed)}, seen)


def _content(cell: CellType) -> Any:
    """What a function encloses; None where nothing was put there yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _source(definition: Any) -> str:
    """SHA-256 (hex) of the file that a function or class is in; its own source, where it is in none."""
    file = _file(definition)
    if file is not None:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    try:
        return inspect.getsource(definition)
    except (OSError, TypeError):
        code = getattr(definition, "__code__", None)
        return "" if code is None else " ".join(_of_code(code))


def _of_code(code: CodeType) -> Iterator[str]:
    yield f"{code.co_code.hex()} {code.co_names} {code.co_varnames}"
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _of_code(constant)
        else:
            yield repr(sorted(map(repr, cast("set[Any]", constant))) if isinstance(constant, frozenset) else constant)


def _file(definition: Any) -> Path | None:
    path = getattr(sys.modules.get(definition.__module__), "__file__", None)
    return Path(path) if path is not None and Path(path).is_file() else None
