"""Worked examples: calls whose right outcome is known."""

from collections.abc import Iterator
from functools import cached_property

from synthtools.types import Tool, ToolCall
from synthtools.types.record import Json, JsonObject, Record, State
from synthtools.types.shortened import shown_json
from synthtools.world.behaviour import Call, Outcome
from synthtools.world.equivalence import Ending
from synthtools.world.gate import fill
from synthtools.world.pairing import rename_within
from synthtools.world.property_failure import Failed, Part, excerpt
from synthtools.world.state import copy_state, slice_of
from synthtools.world.subject import Subject


class Example(Record):
    """A worked call of a tool: what it must answer from a state, and what the state is afterwards.

    Ids that the call creates may differ from those that the code gives, one for one.
    """

    args: JsonObject
    before: State
    """The whole state, or the collections that the tool declares."""
    status: int = 200
    response: Json = None
    """The data of a success; None: not compared."""
    after: State | None = None
    """The collections afterwards; those not named and None are not compared. An error leaves all as it was."""

    def arguments(self, tool: Tool) -> JsonObject:
        """The arguments with the tool's defaults filled in."""
        return fill(tool, ToolCall(name=tool.name, arguments=self.args))

    @cached_property
    def state(self) -> State:
        """The state before, checked and in the order of a world's; not to be changed."""
        return copy_state(self.before)

    def call(self, tool: Tool) -> Call:
        """The call to make."""
        return Call(self.arguments(tool), self.state)


def check_example(subject: Subject, example: Example, *, guard_only: bool = False) -> None:
    """Checks that an example comes out as it says, or its guard alone. Raises: Failed (`example`, `no_crash`)."""
    arguments, before = example.call(subject.tool)
    outcome = subject.run_well(arguments, before, guard_only=guard_only)
    if outcome.status_code != example.status:
        came = f"{outcome.status_code} {outcome.message}" if outcome.message is not None else "None (success)"
        message = f"guard answered {came[:100]}; expected status {example.status}"
        raise Failed("guard", "example", message, example.args)
    if outcome.message is not None or (subject.behaviour.has_apply and not guard_only):
        _check_ending(subject, example, before, outcome)


def _check_ending(subject: Subject, example: Example, before: State, outcome: Outcome) -> None:
    refused = outcome.message is not None
    after = before if refused else example.after
    names = [name for name in outcome.state if after is not None and name in after]
    expected = slice_of(after or {}, names)
    data = None if example.response is None else outcome.data
    if after is None and data is not None:
        data = rename_within(data, _renaming(example, outcome))
    response = None if refused else example.response
    found = subject.equivalence.unlike(
        slice_of(before, names), Ending(response, expected), Ending(data, slice_of(outcome.state, names))
    )
    if not found:
        return
    part: Part = "guard" if refused else "apply"
    if found[0].place.startswith("response."):
        came, wanted = subject.equivalence.compared(outcome.data), subject.equivalence.compared(example.response)
        message = f"apply returned {shown_json(came, 110)}; expected {shown_json(wanted, 110)}"
    else:
        path = found[0].where
        left, wanted = excerpt(outcome.state, path), excerpt(expected, path)
        message = f"{part} left state{path} = {shown_json(left, 90)}; expected {shown_json(wanted, 90)}"
    raise Failed(part, "example", message, example.args)


def _renaming(example: Example, outcome: Outcome) -> dict[str, str]:
    """The created ids that an answer names, each with the new one that stands at its place in the example's answer.

    An id that the caller chose is no created one.
    """
    created: set[str] = set()
    known: set[str] = set()
    for name, records in outcome.state.items():
        before = example.before.get(name, {})
        if isinstance(records, dict) and isinstance(before, dict):
            known.update(before)
            created.update(records.keys() - before.keys())
    created -= {value for value in example.args.values() if isinstance(value, str)}
    renaming: dict[str, str] = {}
    for said, wanted in _strings(outcome.data, example.response):
        if said in created and said not in renaming and wanted not in known and wanted not in renaming.values():
            renaming[said] = wanted
    return renaming


def _strings(left: Json, right: Json) -> Iterator[tuple[str, str]]:
    """The strings that stand at the same places of two values."""
    match left, right:
        case str(), str():
            yield left, right
        case dict(), dict():
            for key in [key for key in left if key in right]:
                yield from _strings(left[key], right[key])
        case list(), list():
            for one, other in zip(left, right, strict=False):
                yield from _strings(one, other)
        case _:
            pass
