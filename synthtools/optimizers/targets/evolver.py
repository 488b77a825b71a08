"""Targets of the evolver: what it writes is taken as it comes, so that the metric sees every fault."""

from synthtools.errors import AnswerRefused, ParseError
from synthtools.modules.evolver import MiniTask
from synthtools.modules.solver import TurnSolver
from synthtools.modules.unchecked import FirstTurn, NextTurn
from synthtools.optimizers import requests
from synthtools.optimizers.draws.turns import first_turns, next_turns
from synthtools.optimizers.inputs import TurnContext, TurnInputs
from synthtools.optimizers.metrics import Found, Part, ask_judge, composite
from synthtools.optimizers.target import Target
from synthtools.types.call import ToolCall
from synthtools.types.record import JsonObject
from synthtools.world.gate import check, fill


def _natural(asked: TurnInputs, expected: JsonObject, answer: MiniTask) -> Found:
    return requests.reads_naturally(answer.request, _context(expected).tools, [answer.chosen.call])


def _to_the_point(asked: TurnInputs, expected: JsonObject, answer: MiniTask) -> Found:
    context = _context(expected)
    return requests.is_to_the_point(answer.request, [answer.chosen.call], context.state, context.spares)


def _asks(asked: TurnInputs, expected: JsonObject, answer: MiniTask) -> Found | None:
    wanted = answer.chosen.wanted
    return requests.asks(answer.request, [wanted.words] if wanted else [])


def _says_all(asked: TurnInputs, expected: JsonObject, answer: MiniTask) -> Found:
    context = _context(expected)
    return requests.says_all(
        answer.request,
        [answer.chosen.call],
        context.earlier,
        [asked.tool],
        context.now,
        before=len(context.earlier),
    )


def _understood(asked: TurnInputs, expected: JsonObject, answer: MiniTask) -> Found:
    """Whether another reader comes to the same call from the words alone: the test that a turn must pass in a run."""
    right = answer.chosen.call
    try:
        read: ToolCall = ask_judge(
            TurnSolver(), tools=_context(expected).tools, conversation=asked.conversation, request=answer.request
        )
    except (AnswerRefused, ParseError) as error:
        return Found(0.0, f"Another reader could not make a call of the request: {error}.")
    if read.name == right.name and check(asked.tool, read).passed and fill(asked.tool, read) == fill(asked.tool, right):
        return Found(1.0)
    return Found(0.0, f"Another reader understood {read}, where {right} is meant: say it more plainly.")


def _context(expected: JsonObject) -> TurnContext:
    return TurnContext.from_json(expected)


TURN_METRIC = composite(
    [
        Part("natural", 0.35, _natural),
        Part("to the point", 0.1, _to_the_point),
        Part("asks", 0.15, _asks),
        Part("says all", 0.4, _says_all, gate=True),
        Part("understood", 0.5, _understood, cost="model"),
    ]
)
"""Of a turn's request: code says whether it is natural and complete, another reader whether it is understood."""

FIRST_TURN_WRITER = Target(
    name="first-turn-writer",
    build=lambda profile: FirstTurn(),
    inputs=TurnInputs,
    metric=TURN_METRIC,
    cases=first_turns,
    expects=TurnContext,
)

NEXT_TURN_WRITER = Target(
    name="next-turn-writer",
    build=lambda profile: NextTurn(),
    inputs=TurnInputs,
    metric=TURN_METRIC,
    cases=next_turns,
    expects=TurnContext,
)

TARGETS = (FIRST_TURN_WRITER, NEXT_TURN_WRITER)
