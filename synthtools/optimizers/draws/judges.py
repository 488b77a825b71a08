"""Cases for the judges of turns, of solutions and of disagreements: right ones, and ones that code has broken."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from synthtools.errors import SandboxError
from synthtools.optimizers.case import Case
from synthtools.optimizers.draws.corruptions import corrupted
from synthtools.optimizers.draws.records import Coded, DrawnRun, case, coded_tasks, coded_tools
from synthtools.optimizers.draws.turns import MadeTurn, made_turns
from synthtools.optimizers.inputs import DisagreementInputs, RightTurn, SolutionJudgeInputs, TurnJudgeInputs
from synthtools.runs.run import Run
from synthtools.types.call import Response, ToolCall
from synthtools.types.canonical import same_json
from synthtools.types.environment import Collection
from synthtools.types.record import Json, State
from synthtools.types.task import Task
from synthtools.types.tool import Tool
from synthtools.types.verdict import VerifyPolicy
from synthtools.world.agreement import Agreement
from synthtools.world.behaviour import Outcome
from synthtools.world.draw import draw_other_values
from synthtools.world.grounding import ground, ungrounded
from synthtools.world.verify import verify

_VALUES = 4
"""Other values of an argument that are tried."""

_OTHER_ANSWERS = ("wrong echo", "wrong arithmetic", "wrong fact")
"""Mistakes that a behaviour which passed its schema checks could make."""


def turn_judgements(run: Run) -> Iterator[Case]:
    """Solved turns: as they were solved, with another call in place of the right one, and with a value said nowhere."""
    for made in made_turns(run):
        right = (made.turn.call, made.turn.response)
        citations = ground(made.tool, made.turn.call, made.turn.request, made.earlier, made.solved.env.env.now)
        said = [citation.parameter for citation in citations if citation.source == "request"][:1]
        yield _judged_turn(made, "right", right, right, dict.fromkeys(said, "request"), correct=True)
        for call, _ in _other_calls(made):
            fork = made.world.fork()
            response = fork.call(call)
            same_answer = bool(fork.transcript[-1].patch) or same_json(response.data, made.turn.response.data)
            if response.ok and same_answer and fork.transcript[-1].patch == _patch(made):
                continue
            yield _judged_turn(made, "another call", right, (call, response), {}, correct=False)
            break
        for call, name in _other_calls(made):
            response = made.world.fork().call(call)
            sources = ground(made.tool, call, made.turn.request, made.earlier, made.solved.env.env.now)
            if response.ok and name in ungrounded(sources):
                other = (call, response)
                yield _judged_turn(made, "said nowhere", other, other, {name: "nowhere"}, correct=True)
                break


def _other_calls(made: MadeTurn) -> Iterator[tuple[ToolCall, str]]:
    """The turn's call with another value of one argument, and the argument's name."""
    call, collections = made.turn.call, made.solved.env.env.collections
    for name, value in call.arguments.items():
        seed = zlib.crc32(made.id.encode())
        for other in draw_other_values(made.tool, name, value, made.world.state, collections, seed=seed, n=_VALUES):
            yield ToolCall(name=call.name, arguments={**call.arguments, name: other}), name


def _patch(made: MadeTurn) -> object:
    fork = made.world.fork()
    fork.call(made.turn.call)
    return fork.transcript[-1].patch


def _judged_turn(
    made: MadeTurn,
    label: str,
    expected: tuple[ToolCall, Response],
    actual: tuple[ToolCall, Response],
    sources: dict[str, str],
    *,
    correct: bool,
) -> Case:
    return case(
        TurnJudgeInputs(
            conversation=made.conversation,
            request=made.turn.request,
            expected=expected,
            actual=actual,
            in_question=tuple(sources),
        ),
        id=f"{made.id}/{label}",
        field=made.solved.field,
        expected=RightTurn(correct=correct, sources=sources).to_json(),
        label=label,
        source=made.solved.source,
    )


def solution_judgements(run: Run) -> Iterator[Case]:
    """Gold solutions in which a text is written otherwise, is cut, or is another, with the words of verification."""
    for task in coded_tasks(run):
        assert task.world is not None
        for index, call in enumerate(task.gt_tool_calls):
            tool = next(tool for tool in task.tools if tool.name == call.name)
            for name, value in call.arguments.items():
                fields = _fields_of(tool, name, task.world.collections)
                if fields and isinstance(value, str) and tool.parameters[name].is_free_text:
                    judged = task.model_copy(update={"policy": VerifyPolicy(fields=dict.fromkeys(fields, "judge"))})
                    yield from _written_otherwise(judged, index, tool, name, value)


def _written_otherwise(task: Task, index: int, tool: Tool, name: str, value: str) -> Iterator[Case]:
    others = draw_other_values(tool, name, value, {}, seed=index, n=1)
    words = value.split()
    texts: dict[str, Json] = {"in another form": value.lower() if value != value.lower() else value.upper()}
    if len(words) > 1:
        texts["cut"] = words[0]
    if others:
        texts["another text"] = others[0]
    for label, text in texts.items():
        gold = task.gt_tool_calls[index]
        other = ToolCall(name=gold.name, arguments={**gold.arguments, name: text})
        calls = (*task.gt_tool_calls[:index], other, *task.gt_tool_calls[index + 1 :])
        differences = verify(task, calls).undecided
        if differences:
            yield case(
                SolutionJudgeInputs(
                    request=task.summary, expected=task.gt_tool_calls, actual=calls, differences=differences
                ),
                id=f"{task.id}/{index}/{name}/{label}",
                field=task.field,
                expected=label == "in another form",
                label=label,
                source=f"task-audit/{task.id}",
            )


def _fields_of(tool: Tool, name: str, collections: Sequence[Collection]) -> list[str]:
    """The fields that a parameter of a changing tool sets, as a policy names them."""
    return [f"{one.name}.{name}" for one in collections if one.name in tool.writes and name in one.fields]


class _Fixed(NamedTuple):
    """A behaviour that comes to one outcome, whatever the call."""

    outcome: Outcome

    def run(
        self,
        tool: Tool,
        arguments: Mapping[str, Json],
        state: State,
        *,
        now: str,
        collections: Sequence[Collection] = (),
        guard_only: bool = False,
    ) -> Outcome:
        """See `agreement.Runs`."""
        return self.outcome


def disagreement_judgements(run: Run) -> Iterator[Case]:
    """What certified code does with a call, beside what a behaviour with a fault would do: in either order."""
    for coded in coded_tools(run):
        if not coded.certified:
            continue
        for number, drawn in enumerate(_one_of_each(coded)):
            for label, outcome in _faulty(coded, drawn, number):
                yield from _settled(coded, drawn, outcome, label, f"{coded.name}/{number}/{label}")


def _one_of_each(coded: Coded) -> list[DrawnRun]:
    """A call for each way to end: success, and each documented error."""
    found: dict[str | None, DrawnRun] = {}
    for drawn in coded.drawn():
        found.setdefault(drawn.outcome.message, drawn)
    return [found[message] for message in sorted(found, key=str)]


def _faulty(coded: Coded, drawn: DrawnRun, seed: int) -> Iterator[tuple[str, Outcome]]:
    """Wrong outcomes of a call by what is wrong about them."""
    tool, right = coded.tool, drawn.outcome
    others = [error for error in tool.errors if error.message != right.message and error.title != right.message]
    refused = [Outcome(error.status_code, error.message, None, drawn.before, ()) for error in others]
    if right.message is not None:
        passed = _unguarded(coded, drawn)
        if passed is not None:
            yield "lets pass", passed
        if refused:
            yield "another error", refused[seed % len(refused)]
        return
    if refused:
        yield "refuses", refused[seed % len(refused)]
    if right.patch:
        yield "changes nothing", right._replace(state=drawn.before, patch=())
    call = ToolCall(name=tool.name, arguments=drawn.arguments)
    response = Response(status_code=200, data=right.data)
    for spoiled in corrupted(tool, call, response, seed, records=drawn.before):
        if spoiled.label in _OTHER_ANSWERS:
            yield "answers otherwise", right._replace(data=spoiled.response.data)
            return


def _unguarded(coded: Coded, drawn: DrawnRun) -> Outcome | None:
    """What the tool would do without its errors; None where it crashes."""
    unguarded = coded.unguarded
    try:
        return None if unguarded is None else unguarded.run(drawn.arguments, drawn.before)
    except SandboxError:
        return None


def _settled(coded: Coded, drawn: DrawnRun, outcome: Outcome, label: str, id: str) -> Iterator[Case]:
    """The disagreement; which of the two is right hangs on the id, so that neither place is better."""
    is_first = zlib.crc32(id.encode()) % 2 == 0
    right, wrong = _Fixed(drawn.outcome), _Fixed(outcome)
    first, second = (right, wrong) if is_first else (wrong, right)
    agreement = Agreement(first, second, coded.tool, collections=coded.env.collections, now=coded.env.now)
    found = agreement.compare(drawn.arguments, drawn.before).disagreement
    if found is not None:
        yield case(
            DisagreementInputs(tool=coded.tool, now=coded.env.now, case=found),
            id=id,
            field=coded.field,
            expected="first" if is_first else "second",
            label=label,
            source=coded.source,
        )
