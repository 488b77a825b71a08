"""Broken variants of a gold solution: calls dropped, altered, swapped or added, which verification must tell apart."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from synthtools.types import Collection, ToolCall
from synthtools.types.record import Json, State
from synthtools.world.draw import draw_other_values, draw_valid_call
from synthtools.world.world import World

Kind = Literal["dropped", "altered", "altered_read", "swapped", "extra_write"]


class Variant(NamedTuple):
    """A changed solution."""

    kind: Kind
    calls: tuple[ToolCall, ...]
    gold: tuple[int | None, ...]
    """For every call, the index of the gold call that it stands for; None: it has none."""
    what: str
    """The change in words."""
    call: int | None = None
    """The gold call that was changed."""
    parameter: str | None = None
    """The argument that was changed."""


class GoldStep(NamedTuple):
    """A gold call with the state before it."""

    call: ToolCall
    before: State
    changes: bool
    """Whether its tool is one that changes the state, even if this call did not."""


def dropped(gold: Sequence[GoldStep]) -> Iterator[Variant]:
    """Every changing call left out, one at a time."""
    for index, step in enumerate(gold):
        if step.changes:
            rest = [other for other in range(len(gold)) if other != index]
            yield Variant("dropped", tuple(gold[i].call for i in rest), tuple(rest), f"without {step.call}", index)


def altered(
    gold: Sequence[GoldStep], world: World, collections: Sequence[Collection], *, values: int = 3
) -> Iterator[Variant]:
    """Every argument of every call with other valid values; prose is left as it is."""
    tools = {tool.name: tool for tool in world.tools}
    indices = tuple(range(len(gold)))
    for index, step in enumerate(gold):
        tool = tools[step.call.name]
        kind: Kind = "altered" if step.changes else "altered_read"
        for name, parameter in tool.parameters.items():
            if name not in step.call.arguments or parameter.prose:
                continue
            value = step.call.arguments[name]
            for other in draw_other_values(tool, name, value, step.before, collections, seed=index, n=values):
                call = ToolCall(name=tool.name, arguments={**step.call.arguments, name: other})
                calls = tuple(call if i == index else gold[i].call for i in indices)
                yield Variant(kind, calls, indices, f"{call} instead of {step.call}", index, name)


def swapped(gold: Sequence[GoldStep]) -> Iterator[Variant]:
    """Every two neighbours in the other order."""
    for index in range(len(gold) - 1):
        order = [*range(index), index + 1, index, *range(index + 2, len(gold))]
        what = f"{gold[index + 1].call} before {gold[index].call}"
        yield Variant("swapped", tuple(gold[i].call for i in order), tuple(order), what, index)


def extra_writes(
    gold: Sequence[GoldStep], world: World, collections: Sequence[Collection], *, tries: int = 6
) -> Iterator[Variant]:
    """The gold solution with one more successful changing call at its end, for every changing tool that has one."""
    for tool in world.tools:
        if not tool.changes_state or not world.answered_by_code(tool.name):
            continue
        for seed in range(tries):
            call = draw_valid_call(tool, world.state, collections, seed)
            if call is None:
                break
            fork = world.fork()
            if fork.call(call).ok and fork.transcript[-1].patch:
                calls = (*(step.call for step in gold), call)
                yield Variant("extra_write", calls, (*range(len(gold)), None), f"{call} besides")
                break


def argument_values(gold: Sequence[ToolCall]) -> list[Json]:
    """Every value that a gold call passes."""
    return [value for call in gold for value in call.arguments.values()]
