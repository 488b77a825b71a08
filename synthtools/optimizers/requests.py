"""What code can say of a person's request: how it reads, what it says too much, and whether it says enough."""

from collections.abc import Mapping, Sequence

from synthtools.modules.evolver import asks_for, spoken_value
from synthtools.optimizers.metrics import Found, share, told
from synthtools.types.call import Response, ToolCall
from synthtools.types.record import Json, JsonObject, State
from synthtools.types.tool import Tool
from synthtools.world.candidates import strangers
from synthtools.world.grounding import ground, scalars, ungrounded
from synthtools.world.naturalness import problems as naturalness_problems
from synthtools.world.spoken import SpokenText


def reads_naturally(request: str, tools: Sequence[Tool], calls: Sequence[ToolCall]) -> Found:
    """Whether it reads like a person's: no names from code, no syntax."""
    found = naturalness_problems(request, tools, calls)
    return Found(told(found).value, told([f"the request is not a person's: {problem}" for problem in found]).reason)


def is_to_the_point(
    request: str, calls: Sequence[ToolCall], state: State, spares: Mapping[str, Sequence[JsonObject]]
) -> Found:
    """Whether it leaves out records that it is not about."""
    found = strangers(request, calls, state, spares)
    return told([f"leave out {stranger}: it has nothing to do with what is asked for" for stranger in found])


def asks(request: str, wanted: Sequence[str]) -> Found | None:
    """Whether it asks for each of the facts that are wanted; None where none is."""
    missing = [words for words in wanted if not asks_for(request, words)]
    return told([f"ask for the {words}" for words in missing], len(wanted)) if wanted else None


def says_all(
    request: str,
    calls: Sequence[ToolCall],
    responses: Sequence[Response],
    tools: Sequence[Tool],
    now: str,
    before: int = 0,
) -> Found:
    """Whether every argument follows from it, from an earlier answer, or by a rule.

    Args:
        request: The request.
        calls: The calls it asks for.
        responses: The answers before the first of them, `before` in number, then their own.
        tools: The tools.
        now: The clock.
        before: How many answers came before the first call.
    """
    named = {tool.name: tool for tool in tools}
    missing = [
        f"{name.replace('_', ' ')} {spoken_value(call.arguments[name])}"
        for index, call in enumerate(calls)
        for name in ungrounded(ground(named[call.name], call, request, responses[: before + index], now))
    ]
    of = sum(len(call.arguments) for call in calls)
    reason = f"The request does not say, and nothing gives: {', '.join(missing)}. Say it exactly." if missing else ""
    return Found(share(of - len(missing), of), reason)


def gives_nothing_away(request: str, answers: Sequence[Json], now: str) -> Found:
    """Whether it keeps to itself what the tools are to find."""
    text = SpokenText(request, now)
    given = [str(value) for answer in answers for value in scalars(answer) if text.mention(value) is not None]
    return told([f"the request gives away {value}, which is to be found out" for value in given])
