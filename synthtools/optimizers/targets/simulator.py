"""Targets of the simulator."""

from synthtools.errors import StateError
from synthtools.modules.simulator import ResponseSimulator, RuleChecker
from synthtools.optimizers.draws.simulator import rule_checks, simulations
from synthtools.optimizers.inputs import RightEnding, RuleCheckInputs, SimulationInputs
from synthtools.optimizers.metrics import Found, Part, composite, share, told
from synthtools.optimizers.target import Target
from synthtools.types.call import Change, Check
from synthtools.types.record import JsonObject, State
from synthtools.types.shortened import shown_json
from synthtools.world.equivalence import Ending, Equivalence, Unlike
from synthtools.world.patch import apply_patch
from synthtools.world.simulator import Simulation
from synthtools.world.state import compile_changes
from synthtools.world.validators import first_problem


def _decision(asked: RuleCheckInputs, expected: JsonObject, answer: Check) -> Found:
    right = Check.from_json(expected)
    if right.passed == answer.passed:
        return Found(1.0)
    if right.passed:
        return Found(0.0, f"No documented error applies to {asked.call}, which was refused: {answer.error_message}")
    return Found(0.0, f"{asked.call} was let pass, and is refused by the records: {right.error_message}")


def _error(asked: RuleCheckInputs, expected: JsonObject, answer: Check) -> Found | None:
    right = Check.from_json(expected)
    if right.passed or answer.passed:
        return None
    titles = [text.partition(": ")[0] for text in (str(right.error_message), str(answer.error_message))]
    if titles[0] == titles[1]:
        return Found(1.0)
    return Found(
        0.0, f"The error that applies first to {asked.call} is {titles[0]}, not {titles[1]}: take them in their order."
    )


RULE_CHECKER = Target(
    name="rule-checker",
    build=lambda profile: RuleChecker(),
    inputs=RuleCheckInputs,
    metric=composite([Part("decision", 0.7, _decision, gate=True), Part("error", 0.3, _error)]),
    cases=rule_checks,
    expects=Check,
)


def _allowed(asked: SimulationInputs, expected: JsonObject, answer: Simulation) -> Found:
    """Whether the world would take the answer at all."""
    problem = first_problem(asked.tool.output_schema(), answer.data)
    if problem:
        return Found(0.0, f"The data do not fit the tool's returns: {problem}.")
    for change in answer.changes:
        if change.collection not in asked.tool.writes:
            return Found(0.0, f"{asked.tool.name} may not change {change.collection}.")
    try:
        after = _after(asked, answer)
    except StateError as error:
        return Found(0.0, f"The changes cannot be made: {error}.")
    for change in answer.changes:
        problem = _record_problem(asked, change, after)
        if problem:
            return Found(0.0, f"{change.collection}/{change.id} would not be a record of its kind: {problem}.")
    return Found(1.0)


def _record_problem(asked: SimulationInputs, change: Change, after: State) -> str | None:
    collection = next((one for one in asked.collections if one.name == change.collection), None)
    records = after.get(change.collection)
    record = records.get(change.id) if isinstance(records, dict) else None
    return first_problem(collection.record_schema(), record) if collection is not None and record is not None else None


def _data(asked: SimulationInputs, expected: JsonObject, answer: Simulation) -> Found:
    wrong = [unlike for unlike in _unlike(asked, expected, answer) if unlike.place.startswith("response.")]
    problems = [
        f"{unlike.where} should be {shown_json(unlike.expected, 90)}, not {shown_json(unlike.actual, 90)}"
        for unlike in wrong
    ]
    return Found(share(max(0, len(asked.tool.output) - len(wrong)), len(asked.tool.output)), told(problems).reason)


def _state(asked: SimulationInputs, expected: JsonObject, answer: Simulation) -> Found:
    wrong = [unlike for unlike in _unlike(asked, expected, answer) if not unlike.place.startswith("response.")]
    problems = [
        f"afterwards {unlike.where} should be {shown_json(unlike.expected, 90)}, not {shown_json(unlike.actual, 90)}"
        for unlike in wrong
    ]
    nothing, right = Ending(None, _before(asked)), Ending(None, RightEnding.from_json(expected).after)
    changed = len(Equivalence(asked.tool, asked.collections).unlike(_before(asked), right, nothing))
    return told(problems, max(1, changed))


def _unlike(asked: SimulationInputs, expected: JsonObject, answer: Simulation) -> list[Unlike]:
    right = RightEnding.from_json(expected)
    return Equivalence(asked.tool, asked.collections).unlike(
        _before(asked), Ending(right.data, right.after), Ending(answer.data, _after(asked, answer))
    )


def _before(asked: SimulationInputs) -> State:
    return asked.records if isinstance(asked.records, dict) else {}


def _after(asked: SimulationInputs, answer: Simulation) -> State:
    before = _before(asked)
    return apply_patch(before, compile_changes(before, answer.changes, asked.collections))


RESPONSE_SIMULATOR = Target(
    name="response-simulator",
    build=lambda profile: ResponseSimulator(),
    inputs=SimulationInputs,
    metric=composite([Part("allowed", 0.1, _allowed, gate=True), Part("data", 0.4, _data), Part("state", 0.5, _state)]),
    cases=simulations,
    expects=RightEnding,
)

TARGETS = (RULE_CHECKER, RESPONSE_SIMULATOR)
