"""Check of a task's policy: all names in it must exist, or its rules would hold or fail for no reason."""

from collections.abc import Iterable, Iterator

from synthtools.errors import DataError
from synthtools.types import Task, VerifyPolicy

_PLAIN = VerifyPolicy()
_MOST_NAMED = 12


def check_policy(task: Task) -> None:
    """Checks every name in a task's policy.

    Raises:
        DataError: A rule names a collection, a field or a tool that the task does not have, or can never hold; the
            message says which one, where it stands, and what there is.
    """
    if task.policy == _PLAIN:
        return
    problem = next(_problems(task), None)
    if problem is not None:
        raise DataError(f"task {task.id}: policy.{problem}")


def _problems(task: Task) -> Iterator[str]:
    yield from _field_problems(task)
    policy = task.policy
    tools = sorted({tool.name for tool in task.known_tools})
    named: list[tuple[str, Iterable[str]]] = [
        ("required_calls", [call.name for call in policy.required_calls]),
        ("forbidden_tools", policy.forbidden_tools),
        ("at_most", policy.at_most),
        ("before", [name for pair in policy.before for name in pair]),
    ]
    for rule, names in named:
        for name in names:
            if name not in tools:
                yield f"{rule}: there is no tool {name}; there are {_listed(tools)}"
    for first, second in policy.before:
        if first == second:
            yield f"before: {first} cannot come before itself; name two tools"


def _field_problems(task: Task) -> Iterator[str]:
    """A state without schemas says which collections there are, but not which fields its records may have."""
    schemas = {collection.name: collection.fields for collection in task.collections}
    known = sorted(schemas or {**(task.initial_state or {}), **(task.final_state or {})})
    for key in task.policy.fields:
        collection, dot, field = key.partition(".")
        if not dot or not field:
            yield f"fields: {key!r} is no collection.field, such as {_example(task, known)}"
        elif known and collection not in known:
            yield f"fields: {key}: there is no collection {collection}; there are {_listed(known)}"
        elif collection in schemas and field not in schemas[collection]:
            fields = _listed(sorted(schemas[collection]))
            yield f"fields: {key}: records of {collection} have no field {field}; they have {fields}"


def _example(task: Task, known: list[str]) -> str:
    for collection in task.collections:
        for field in collection.fields:
            return f"{collection.name}.{field}"
    return f"{known[0] if known else 'orders'}.status"


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "") if names else "none"
