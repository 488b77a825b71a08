"""Targets of the summarizer: what it writes is taken as it comes, so that the metric sees every fault."""

from synthtools.modules.unchecked import MergedTurns
from synthtools.optimizers import requests
from synthtools.optimizers.draws.turns import turns_to_merge
from synthtools.optimizers.inputs import MergeContext, MergeInputs
from synthtools.optimizers.metrics import Found, Part, composite
from synthtools.optimizers.target import Target
from synthtools.types.record import JsonObject
from synthtools.world.patch import pointer_steps


def _natural(asked: MergeInputs, expected: JsonObject, answer: str) -> Found:
    context = _context(expected)
    return requests.reads_naturally(answer, context.tools, [turn.call for turn in context.turns.turns])


def _to_the_point(asked: MergeInputs, expected: JsonObject, answer: str) -> Found:
    context = _context(expected)
    calls = [turn.call for turn in context.turns.turns]
    return requests.is_to_the_point(answer, calls, context.turns.initial_state, context.spares)


def _asks(asked: MergeInputs, expected: JsonObject, answer: str) -> Found | None:
    wanted = [turn.wanted for turn in _context(expected).turns.turns if turn.wanted is not None]
    return requests.asks(answer, [pointer_steps(value.pointer)[-1].replace("_", " ") for value in wanted])


def _says_all(asked: MergeInputs, expected: JsonObject, answer: str) -> Found:
    context = _context(expected)
    turns = context.turns.turns
    responses = [turn.response for turn in turns]
    return requests.says_all(answer, [turn.call for turn in turns], responses, context.tools, context.now)


def _gives_nothing_away(asked: MergeInputs, expected: JsonObject, answer: str) -> Found:
    context = _context(expected)
    wanted = [turn.wanted.value for turn in context.turns.turns if turn.wanted is not None]
    return requests.gives_nothing_away(answer, wanted, context.now)


def _context(expected: JsonObject) -> MergeContext:
    return MergeContext.from_json(expected)


TURN_MERGER = Target(
    name="turn-merger",
    build=lambda profile: MergedTurns(),
    inputs=MergeInputs,
    metric=composite(
        [
            Part("natural", 0.35, _natural),
            Part("to the point", 0.1, _to_the_point),
            Part("asks", 0.1, _asks),
            Part("gives nothing away", 0.1, _gives_nothing_away),
            Part("says all", 0.35, _says_all),
        ]
    ),
    cases=turns_to_merge,
    expects=MergeContext,
)

TARGETS = (TURN_MERGER,)
