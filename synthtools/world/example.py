"""Worked examples: calls whose right outcome is known."""

from synthtools.types import ToolCall
from synthtools.types.record import Json, JsonObject, Record, State
from synthtools.world.behaviour import Outcome
from synthtools.world.equivalence import Ending
from synthtools.world.gate import fill
from synthtools.world.property_failure import Failed, Part, excerpt, short
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


def check_example(subject: Subject, example: Example, *, guard_only: bool = False) -> None:
    """Whether an example comes out as it should, or the guard alone. Raises: Failed (`example`, `no_crash`)."""
    before = copy_state(example.before)
    arguments = fill(subject.tool, ToolCall(name=subject.tool.name, arguments=example.args))
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
    response = None if refused else example.response
    found = subject.equivalence.unlike(
        slice_of(before, names), Ending(response, expected), Ending(data, slice_of(outcome.state, names))
    )
    if not found:
        return
    part: Part = "guard" if refused else "apply"
    if found[0].place.startswith("response."):
        compared = subject.equivalence.compared
        message = (
            f"apply returned {short(compared(outcome.data), 110)}; expected {short(compared(example.response), 110)}"
        )
    else:
        path = found[0].where
        left, wanted = excerpt(outcome.state, path), excerpt(expected, path)
        message = f"{part} left state{path} = {short(left, 90)}; expected {short(wanted, 90)}"
    raise Failed(part, "example", message, example.args)
