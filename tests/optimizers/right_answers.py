"""Right answers to drawn cases, each put together from the case or the run, and spoiled ones."""

from collections.abc import Callable
from typing import Any, NamedTuple

from synthtools.modules.evolver import MiniTask, spoken
from synthtools.modules.solver import AgentStep
from synthtools.optimizers.case import Case
from synthtools.optimizers.inputs import Code, MergeContext, RightCall, RightEnding, RightReading, RightTurn
from synthtools.optimizers.targets import TARGETS
from synthtools.types import (
    Change,
    Check,
    Citation,
    Collection,
    Parameter,
    RecordKind,
    Scenario,
    SimulationVerdict,
    SolutionVerdict,
    Task,
    TestCall,
    ToolCall,
    TrajectoryVerdict,
    TurnVerdict,
)
from synthtools.world.behaviour import Behaviour
from synthtools.world.design import Rule, ToolDesign
from synthtools.world.draw import draw_arguments
from synthtools.world.replay import run_gold
from synthtools.world.simulator import Simulation
from tests.optimizers.library_run import library_run


class Spoiled(NamedTuple):
    answer: Any
    tells: str
    """Words of the reason."""


def asked(target: str, case: Case) -> Any:
    return TARGETS[target].inputs.from_json(case.inputs)


def right(target: str, case: Case) -> Any:
    return _RIGHT[target](asked(target, case), case)


def spoiled(target: str, case: Case) -> Spoiled:
    return _SPOILED[target](asked(target, case), right(target, case), case)


def stage_of(case: Case) -> tuple[str, str]:
    stage, _, id = case.source.partition("/")
    return stage, id


def record_of(case: Case) -> Any:
    with library_run() as run:
        return run.record(*stage_of(case))


def _changes(before: Any, after: Any) -> list[Change]:
    found = []
    for name, records in after.items():
        old = before.get(name, {})
        for id, record in records.items():
            if id not in old:
                found.append(Change(op="create", collection=name, id=id, fields=record))
            elif old[id] != record:
                fields = {key: value for key, value in record.items() if old[id].get(key) != value}
                found.append(Change(op="update", collection=name, id=id, fields=fields))
        found += [Change(op="delete", collection=name, id=id) for id in old if id not in records]
    return found


def _simulation(asked: Any, case: Case) -> Simulation:
    ending = RightEnding.from_json(case.expected)
    return Simulation(data=ending.data, changes=tuple(_changes(asked.records, ending.after)))


def _test_calls(asked: Any, case: Case) -> tuple[TestCall, ...]:
    code = Code.from_json(case.expected)
    found: dict[str, list[TestCall]] = {}
    draws = [draw_arguments(asked.tool, asked.records, code.collections, seed, n=20) for seed in range(4)]
    for arguments in (one for some in draws for one in some):
        made = Behaviour(code.source).run(
            asked.tool, arguments, asked.records, now=code.now, collections=code.collections, guard_only=True
        )
        if (made.message is None) == (asked.mode == "happy"):
            test = TestCall(
                mode=asked.mode,
                call=ToolCall(name=asked.tool.name, arguments=arguments),
                should_succeed=asked.mode == "happy",
            )
            if all(test.call != other.call for other in found.get(made.message or "", [])):
                found.setdefault(made.message or "", []).append(test)
    firsts = [tests.pop(0) for tests in found.values()]
    made = [*firsts, *(test for tests in found.values() for test in tests)]
    while len(made) < asked.count:  # Of unknown ids one is drawn; others are as unknown.
        arguments = {name: f"XYZ-{len(made)}" for name in made[0].call.arguments}
        call = made[0].call.model_copy(update={"arguments": arguments})
        made.append(made[0].model_copy(update={"call": call}))
    return tuple(made[: asked.count])


def _turn(asked: Any, case: Case) -> MiniTask:
    chosen = asked.candidates[0]
    said = spoken(chosen, asked.tool).replace(", to learn: ", ", and please tell me the ")
    return MiniTask(request=f"Please do this for me: {asked.tool.description.lower()} {said}", chosen=chosen)


def _next_step(asked: Any, case: Case) -> AgentStep:
    task = Task.from_json(case.expected)
    done = sum(len(step.calls) for step in asked.steps)
    if done < len(task.gt_tool_calls):
        return AgentStep(thought="the next thing", calls=(task.gt_tool_calls[done],))
    found = ", ".join(str(value.value) for value in task.certificate.expected_answer)
    assert run_gold(task).state == task.final_state
    return AgentStep(thought="nothing", answer=f"All of it is done. {found}")


def _turn_verdict(asked: Any, case: Case) -> TurnVerdict:
    found = RightTurn.from_json(case.expected)
    citations = tuple(Citation(parameter=name, source=source) for name, source in found.sources.items())
    return TurnVerdict(citations=citations, grounded="nowhere" not in found.sources.values(), correct=found.correct)


def _reading(asked: Any, case: Case) -> TrajectoryVerdict:
    found = RightReading.from_json(case.expected)
    return TrajectoryVerdict(missing_calls=found.missing, extra_calls=found.extra, goal_reached=found.goal_reached)


def _records(asked: Any, case: Case) -> Any:
    env = record_of(case)
    name = asked.collection.name
    return env.initial_state[name], env.spare_records[name]


def _design(asked: Any, case: Case) -> ToolDesign:
    if not asked.changing:
        return ToolDesign(name="ShowLoan", description="Show a loan.", action="get", collection="loans")
    return ToolDesign(
        name="MarkLoanReturned",
        description="Mark a loan as returned.",
        action="mark",
        collection="loans",
        sets=("status", "returned"),
        rule=Rule(title="Loan already returned", collection="loans", field="status", value="returned"),
    )


def _sequences(asked: Any, case: Case) -> Any:
    with library_run() as run:
        return tuple(sequence.tools for sequence in run.record("task-sequences", case.id))


def _of_stage(asked: Any, case: Case) -> Any:
    return record_of(case)


SCENARIOS = (
    Scenario(
        field="Bicycle rental",
        subfield="Rentals",
        title="Daily hire desk",
        description="Staff hand out bikes to riders and note each return.",
        kinds=(RecordKind(singular="bike", plural="bikes"), RecordKind(singular="return", plural="returns")),
    ),
    Scenario(
        field="Bicycle rental",
        subfield="Rentals",
        title="Repair workshop",
        description="Mechanics take in repairs, order parts and close their jobs.",
        kinds=(RecordKind(singular="repair", plural="repairs"), RecordKind(singular="part", plural="parts")),
    ),
)


_RIGHT: dict[str, Callable[[Any, Case], Any]] = {
    "subfield-generator": lambda asked, case: ("Helmet cleaning", "Guided tours", "Spare part orders"),
    "scenario-generator": lambda asked, case: SCENARIOS,
    "collection-generator": lambda asked, case: next(
        one for one in record_of(case).collections if one.name == asked.kind.plural
    ),
    "record-generator": _records,
    "tool-generator": _design,
    "behaviour-generator": lambda asked, case: case.expected,
    "sequence-generator": _sequences,
    "rule-checker": lambda asked, case: Check.from_json(case.expected),
    "response-simulator": _simulation,
    "test-call-writer": _test_calls,
    "response-judge": lambda asked, case: SimulationVerdict(verdict=case.expected),
    "first-turn-writer": _turn,
    "next-turn-writer": _turn,
    "turn-solver": lambda asked, case: RightCall.from_json(case.expected).call,
    "one-shot-solver": lambda asked, case: Task.from_json(case.expected).gt_tool_calls,
    "agent-solver": _next_step,
    "turn-judge": _turn_verdict,
    "solution-judge": lambda asked, case: SolutionVerdict(differences=asked.differences, equivalent=case.expected),
    "disagreement-judge": lambda asked, case: case.expected,
    "trajectory-judge": _reading,
    "turn-merger": lambda asked, case: " ".join(asked.turns),
    "env-generation": _of_stage,
    "env-audit": _of_stage,
    "task-generation": _of_stage,
    "task-audit": _of_stage,
    "trajectory-generation": _of_stage,
}


def _no_rule(asked: Any, good: Check, case: Case) -> Spoiled:
    if good.passed:
        error = asked.tool.errors[0]
        answer = Check(passed=False, status_code=error.status_code, error_message=error.message)
        return Spoiled(answer, "No documented error applies")
    return Spoiled(Check(passed=True), good.error_message.partition(":")[0])


def _wrong_simulation(asked: Any, good: Simulation, case: Case) -> Spoiled:
    if good.changes:
        return Spoiled(good.model_copy(update={"changes": ()}), "afterwards")
    extra = Change(op="delete", collection=next(iter(asked.records)), id=next(iter(next(iter(asked.records.values())))))
    return Spoiled(good.model_copy(update={"changes": (extra,)}), "may not change")


def _other_mode(asked: Any, good: Any, case: Case) -> Spoiled:
    other = asked.model_copy(update={"mode": "rule" if asked.mode == "happy" else "happy"})
    if not asked.tool.errors:
        return Spoiled((good[0],) * asked.count, "calls differ")
    tells = "the guard refuses it" if asked.mode == "happy" else "breaks none of the documented errors"
    return Spoiled(_test_calls(other, case), tells)


def _code_speech(asked: Any, good: MiniTask, case: Case) -> Spoiled:
    return Spoiled(good.model_copy(update={"request": f"Call {asked.tool.name} with it."}), asked.tool.name)


def _flipped_turn(asked: Any, good: TurnVerdict, case: Case) -> Spoiled:
    citations = tuple(
        one.model_copy(update={"source": "request" if one.source == "nowhere" else "nowhere"}) for one in good.citations
    )
    answer = good.model_copy(update={"correct": not good.correct, "citations": citations})
    return Spoiled(answer, "is right")


def _flipped_reading(asked: Any, good: TrajectoryVerdict, case: Case) -> Spoiled:
    update = {"goal_reached": not good.goal_reached, "missing_calls": ("Nonsense()",), "extra_calls": ("Other()",)}
    return Spoiled(good.model_copy(update=update), "should not name Nonsense")


def _wrong_step(asked: Any, good: AgentStep, case: Case) -> Spoiled:
    if good.answer is not None:
        return Spoiled(AgentStep(thought="", calls=(asked.steps[0].calls[0],)), "it should answer")
    return Spoiled(AgentStep(thought="", answer="All of it is done, I think."), "still to be done")


def _unguarded(asked: Any, good: str, case: Case) -> Spoiled:
    _, _, apply = good.partition("\n\n\n")
    return Spoiled(f"import os\n\n\ndef guard(args, state, now):\n    return None\n\n\n{apply}", "import")


_SPOILED: dict[str, Callable[[Any, Any, Case], Spoiled]] = {
    "subfield-generator": lambda asked, good, case: Spoiled(
        ("Bicycle rental", "Bicycle rentals", "Rental of bicycle"), "the field itself"
    ),
    "scenario-generator": lambda asked, good, case: Spoiled((good[0], good[0]), "too much like"),
    "collection-generator": lambda asked, good, case: Spoiled(
        Collection(
            name="bikes",
            record="bike",
            id_prefix="BIK",
            fields={"data": Parameter(type="string"), "bike_info": Parameter(type="string")},
        ),
        "says nothing about what it holds",
    ),
    "record-generator": lambda asked, good, case: Spoiled(
        ({id: {**next(iter(good[0].values()))} for id in good[0]}, ()), "make the records differ"
    ),
    "tool-generator": lambda asked, good, case: Spoiled(
        good.model_copy(update={"name": "FindThing", "description": "Does it.", "action": "delete"})
        if asked.changing
        else good.model_copy(update={"name": "DeleteThing", "description": "Does it."}),
        "sounds as if",
    ),
    "behaviour-generator": _unguarded,
    "sequence-generator": lambda asked, good, case: Spoiled(
        ((asked.tools[0].name,) * 2,) * len(asked.starts), "twice in a row"
    ),
    "rule-checker": _no_rule,
    "response-simulator": _wrong_simulation,
    "test-call-writer": _other_mode,
    "response-judge": lambda asked, good, case: Spoiled(
        SimulationVerdict(verdict="correct" if good.verdict != "correct" else "inappropriate_response"), "is right"
    ),
    "first-turn-writer": _code_speech,
    "next-turn-writer": _code_speech,
    "turn-solver": lambda asked, good, case: Spoiled(
        good.model_copy(update={"arguments": dict.fromkeys(good.arguments, "BOO-77")}), "gives 4"
    ),
    "one-shot-solver": lambda asked, good, case: Spoiled(good[:1], "not solved"),
    "agent-solver": _wrong_step,
    "turn-judge": _flipped_turn,
    "solution-judge": lambda asked, good, case: Spoiled(
        good.model_copy(update={"equivalent": not good.equivalent}), "is right"
    ),
    "disagreement-judge": lambda asked, good, case: Spoiled(
        {"first": "second", "second": "first"}[good], "They differ so"
    ),
    "trajectory-judge": _flipped_reading,
    "turn-merger": lambda asked, good, case: Spoiled(
        f"Run {MergeContext.from_json(case.expected).turns.turns[0].call} for me.", "not a person's"
    ),
}
