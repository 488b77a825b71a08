"""Cases for the simulator: drawn calls of certified tools, labelled by their code."""

from collections import Counter
from collections.abc import Iterator

from synthtools.optimizers.case import Case
from synthtools.optimizers.draws.records import case, coded_tools
from synthtools.optimizers.inputs import RightEnding, RuleCheckInputs, SimulationInputs
from synthtools.runs.run import Run
from synthtools.types.call import Check, ToolCall
from synthtools.world.behaviour import Outcome

_MOST = 2
"""Cases of one tool with one outcome."""


def rule_checks(run: Run) -> Iterator[Case]:
    """Calls that a certified guard lets pass, and calls for each documented error that it refuses with."""
    for coded in coded_tools(run):
        counted: Counter[str] = Counter()
        for number, drawn in enumerate(coded.drawn() if coded.tool.errors else ()):
            message = drawn.outcome.message
            counted[message or ""] += 1
            if counted[message or ""] > _MOST:
                continue
            status = drawn.outcome.status_code
            right = Check(passed=message is None, status_code=status, error_message=message)
            yield case(
                RuleCheckInputs(
                    tool=coded.tool,
                    call=ToolCall(name=coded.tool.name, arguments=drawn.arguments),
                    records=drawn.before or None,
                ),
                id=f"{coded.name}/{number}",
                field=coded.field,
                expected=right.to_json(),
                label="passes" if message is None else f"refused {status}",
                source=coded.source,
            )


def simulations(run: Run) -> Iterator[Case]:
    """Calls that succeed, with the answer and the records that certified code leaves."""
    for coded in coded_tools(run):
        counted: Counter[str] = Counter()
        for number, drawn in enumerate(coded.drawn() if coded.certified else ()):
            label = _effect(drawn.outcome)
            counted[label] += 1
            if drawn.outcome.message is not None or counted[label] > _MOST:
                continue
            seen = {*coded.tool.reads, *coded.tool.writes}
            yield case(
                SimulationInputs(
                    tool=coded.tool,
                    call=ToolCall(name=coded.tool.name, arguments=drawn.arguments),
                    records=drawn.before or None,
                    collections=tuple(one for one in coded.env.collections if one.name in seen),
                    now=coded.env.now,
                ),
                id=f"{coded.name}/{number}",
                field=coded.field,
                expected=RightEnding(data=drawn.outcome.data, after=drawn.outcome.state).to_json(),
                label=label,
                source=coded.source,
            )


def _effect(outcome: Outcome) -> str:
    """What a call does to records, in a word."""
    if outcome.message is not None:
        return "refused"
    whole_records = {"add": "creates", "remove": "deletes"}
    for operation in outcome.patch:
        if str(operation["path"]).count("/") == 2 and operation["op"] in whole_records:
            return whole_records[str(operation["op"])]
    return "updates" if outcome.patch else "reads"
