"""RFC 6902 patches between JSON values: made and applied without copying what they do not touch.

A value given to these functions is never changed; what `apply_patch` gives shares every untouched part with it.
"""

from collections.abc import Iterator, Mapping, Sequence

import orjson

from synthtools.errors import StateError
from synthtools.types.canonical import same_json
from synthtools.types.record import Json, JsonObject, State

Patch = tuple[JsonObject, ...]
"""Operations `add`, `replace` and `remove` of RFC 6902."""


def diff(before: State, after: State) -> Patch:
    """The operations that make `after` of `before`; equality is type-strict, lists are replaced as a whole."""
    return tuple(_diff(before, after, ""))


def apply_patch(state: State, patch: Sequence[Mapping[str, Json]]) -> State:
    """The state after the operations, in order.

    Raises:
        StateError: An operation is not `add`, `replace` or `remove`, or its path does not exist.
    """
    result: Json = state
    for operation in patch:
        path = operation.get("path")
        if not isinstance(path, str) or (path and not path.startswith("/")):
            raise StateError(f"patch: {path!r} is no JSON pointer")
        result = _apply(result, pointer_steps(path), operation, path)
    if not isinstance(result, dict):
        raise StateError("patch: a state is a JSON object")
    return result


def pointer(*steps: str) -> str:
    """The JSON pointer that leads through `steps`."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def pointer_steps(path: str) -> list[str]:
    """The keys that a JSON pointer leads through."""
    return [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]


def resolve(value: Json, path: str) -> Json:
    """The value that a JSON pointer leads to.

    Raises:
        KeyError: Nothing stands there.
    """
    for step in pointer_steps(path):
        if isinstance(value, dict):
            value = value[step]
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            raise KeyError(path)
    return value


def same(left: Json, right: Json) -> bool:
    """`same_json`, with a short way for values that are written alike."""
    if left is right:
        return True
    if left != right:
        return False
    if left is None or isinstance(left, str | int | float):
        return type(left) is type(right)
    return orjson.dumps(left) == orjson.dumps(right) or same_json(left, right)


def _diff(before: Mapping[str, Json], after: Mapping[str, Json], path: str) -> Iterator[JsonObject]:
    for key in before:
        if key not in after:
            yield {"op": "remove", "path": path + pointer(key)}
    for key, value in after.items():
        if key not in before:
            yield {"op": "add", "path": path + pointer(key), "value": value}
            continue
        old = before[key]
        if same(old, value):
            continue
        if isinstance(old, dict) and isinstance(value, dict):
            yield from _diff(old, value, path + pointer(key))
        else:
            yield {"op": "replace", "path": path + pointer(key), "value": value}


def _apply(value: Json, steps: list[str], operation: Mapping[str, Json], path: str) -> Json:
    op = operation.get("op")
    if op not in ("add", "replace", "remove"):
        raise StateError(f"patch: operation {op!r} is not supported")
    if op != "remove" and "value" not in operation:
        raise StateError(f"patch: {op} {path} has no value")
    if not steps:
        if op == "remove":
            raise StateError("patch: the whole state cannot be removed")
        return operation["value"]
    if isinstance(value, dict):
        return _apply_to_object(value, steps, operation, path)
    if isinstance(value, list):
        return _apply_to_array(value, steps, operation, path)
    raise StateError(f"patch: {path} does not exist")


def _apply_to_object(value: JsonObject, steps: list[str], operation: Mapping[str, Json], path: str) -> JsonObject:
    key, rest = steps[0], steps[1:]
    if key not in value and (rest or operation["op"] != "add"):
        raise StateError(f"patch: {path} does not exist")
    if not rest and operation["op"] == "remove":
        return {name: item for name, item in value.items() if name != key}
    changed = value.copy()
    changed[key] = _apply(value[key], rest, operation, path) if rest else operation["value"]
    return changed


def _apply_to_array(value: list[Json], steps: list[str], operation: Mapping[str, Json], path: str) -> list[Json]:
    key, rest = steps[0], steps[1:]
    adds = not rest and operation["op"] == "add"
    index = len(value) if key == "-" and adds else int(key) if key.isdecimal() else -1
    if not 0 <= index < len(value) + adds:
        raise StateError(f"patch: {path} does not exist")
    changed = value.copy()
    if rest:
        changed[index] = _apply(value[index], rest, operation, path)
    elif operation["op"] == "add":
        changed.insert(index, operation["value"])
    elif operation["op"] == "remove":
        changed.pop(index)
    else:
        changed[index] = operation["value"]
    return changed
