"""Cases for the validator: certified tools to be tested, and their answers, right ones and spoiled ones."""

from collections.abc import Iterator

from synthtools.optimizers.case import Case
from synthtools.optimizers.draws.corruptions import corrupted
from synthtools.optimizers.draws.records import Coded, DrawnRun, case, coded_tools
from synthtools.optimizers.inputs import Code, ResponseJudgeInputs, TestCallInputs
from synthtools.runs.run import Run
from synthtools.types.audit import TestCall
from synthtools.types.call import Response, ToolCall
from synthtools.types.record import Json
from synthtools.types.verdict import SimulationJudgement
from synthtools.world.state import slice_of

_CALLS = 2
"""Test calls that are asked for."""

_SUCCESSES = 2
"""Successful calls of a tool whose answers are judged; of refused ones, one for each documented error."""


def calls_to_write(run: Run) -> Iterator[Case]:
    """Tools with a certified guard, which says of each test call whether it succeeds."""
    for coded in coded_tools(run):
        records = slice_of(coded.env.initial_state, (*coded.tool.reads, *coded.tool.writes))
        code = Code(source=coded.behaviour.source, collections=coded.env.collections, now=coded.env.now)
        for mode in ("happy", "rule") if coded.tool.errors else ("happy",):
            yield case(
                TestCallInputs(tool=coded.tool, records=records or None, mode=mode, count=_CALLS),
                id=f"{coded.name}/{mode}",
                field=coded.field,
                expected=code.to_json(),
                label=mode,
                source=coded.source,
            )


def responses(run: Run) -> Iterator[Case]:
    """Answers of certified tools as they are, and spoiled in every way that applies.

    The author of a test call may be wrong, and is what the judge decides about: so each right answer also comes with an
    author who expects the contrary.
    """
    for coded in coded_tools(run):
        if not coded.certified:
            continue
        for number, (drawn, success) in enumerate(_told_apart(coded)):
            yield from _judged(coded, drawn, success, f"{coded.name}/{number}", number)


def _told_apart(coded: Coded) -> Iterator[tuple[DrawnRun, Json]]:
    """Some successes, and one refusal for each documented error, each with the data of another call's success."""
    drawn = list(coded.drawn())
    successes = [one for one in drawn if one.outcome.message is None]
    refusals = {one.outcome.message: one for one in reversed(drawn) if one.outcome.message is not None}
    chosen = [*successes[:_SUCCESSES], *(refusals[message] for message in sorted(refusals, key=str))]
    for one in chosen:
        others = [other.outcome.data for other in successes if other is not one]
        yield one, others[-1] if others else None


def _judged(coded: Coded, drawn: DrawnRun, success: Json, id: str, seed: int) -> Iterator[Case]:
    tool, outcome = coded.tool, drawn.outcome
    call = ToolCall(name=tool.name, arguments=drawn.arguments)
    right = Response(status_code=outcome.status_code, error_message=outcome.message, data=outcome.data)
    title = str(outcome.message or "").partition(": ")[0]
    other = tool.errors[seed % len(tool.errors)].title if tool.errors else "not possible"
    succeeds = "it should succeed: the records have all it needs"
    expected = succeeds if right.ok else f"it should be refused: {title}"
    doubted = f"it should be refused: {other}" if right.ok else succeeds

    def judged(name: str, response: Response, verdict: SimulationJudgement, label: str, expectation: str) -> Case:
        test = TestCall(
            mode="happy" if expectation == succeeds else "rule",
            call=call,
            should_succeed=expectation == succeeds,
            expectation=expectation,
        )
        return case(
            ResponseJudgeInputs(tool=tool, records=drawn.before or None, test=test, response=response),
            id=f"{id}/{name}",
            field=coded.field,
            expected=verdict,
            label=label,
            source=coded.source,
        )

    yield judged("right", right, "correct", "correct", expected)
    yield judged("right against the author", right, "correct", "correct, against the author", doubted)
    for spoiled in corrupted(tool, call, right, seed, records=drawn.before, success=success):
        yield judged(spoiled.label, spoiled.response, spoiled.verdict, spoiled.label, expected)
