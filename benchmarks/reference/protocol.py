"""The calls that the reference protocol makes for an environment, its audit and a task, with ideal answers."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson

from reference import prompts
from synthtools.types import Response, SolvedTurns, Tool, ToolCall, ToolSequence, Turn
from synthtools.types.audit import TestCall
from synthtools.types.environment import EnvSpec
from synthtools.types.record import JsonObject, State

OUR_KEYS = ("error_status_codes", "reads", "writes")
"""Keys of a tool on the wire that the reference does not have."""


class ModelCall(NamedTuple):
    """One question to a model."""

    role: str
    prompt: str
    answer: str


class Answered(NamedTuple):
    """A test call, what a right tool answers, and the state after it."""

    test: TestCall
    response: Response
    after: State


def generation(env: EnvSpec, subfields: int, scenarios: int) -> list[ModelCall]:
    """The calls from a field to an environment; every list comes whole in one answer."""
    scenario = env.scenario
    described = {"title": scenario.title, "description": scenario.description}
    tools = _tools(env.tools)
    return [
        _asked("subfields", prompts.SUBFIELDS, _json([scenario.subfield] * subfields), field=scenario.field),
        _asked("scenarios", prompts.SCENARIOS, _json([described] * scenarios),
               field=scenario.field, subfield=scenario.subfield),
        _asked("tools", prompts.TOOLS, tools, field=scenario.field, scenario=_json(described)),
        _asked("initial state", prompts.STATE, _json(env.initial_state), scenario=_json(described), tools=tools),
    ]  # fmt: skip


def audit(tool: Tool, state: State, answered: Sequence[Answered]) -> list[ModelCall]:
    """The calls for the audit of one tool: its tests are written at once, and each runs on the initial state."""
    shown, before = _tool(tool), _json(state)
    tests = [
        {"mode": one.test.mode, "call": str(one.test.call), "expectation": one.test.expectation} for one in answered
    ]
    calls = [_asked("test calls", prompts.TEST_CALLS, _json(tests), tool=shown, state=before)]
    for one in answered:
        call, response = str(one.test.call), _json(one.response.shown())
        calls += _simulated(tool, state, one.test.call, one.response, one.after)
        verdict = {"reason": _reason(call), "verdict": "correct"}
        calls.append(
            _asked("response judge", prompts.RESPONSE_JUDGE, _json(verdict), tool=shown, state=before, call=call,
                   expectation=one.test.expectation, response=response)
        )  # fmt: skip
    return calls


def sequences(tools: Sequence[Tool], planned: Sequence[ToolSequence]) -> list[ModelCall]:
    """The call for the sequences of an environment, all in one answer."""
    answer = _json([list(sequence.tools) for sequence in planned])
    return [_asked("sequences", prompts.SEQUENCES, answer, tools=_tools(tools), count=str(len(planned)))]


def task(tools: Sequence[Tool], turns: SolvedTurns, states: Sequence[State], summary: str) -> list[ModelCall]:
    """The calls for one task; `states`: before the first turn and after each."""
    shown = _tools(tools)
    calls: list[ModelCall] = []
    conversation = ""
    for number, turn in enumerate(turns.turns):
        tool = next(tool for tool in tools if tool.name == turn.call.name)
        call, before = str(turn.call), _json(states[number])
        mini: JsonObject = {"task": turn.request, "expected_tool_call": call, "state_additions": {}}
        calls += [
            _asked("evolver", prompts.EVOLVER, _json(mini), tools=shown, state=before, past_turns=conversation,
                   tool_to_use=tool.name),
            _asked("solver", prompts.SOLVER, call, tools=shown, conversation=conversation, request=turn.request),
            *_simulated(tool, states[number], turn.call, turn.response, states[number + 1]),
            _asked("turn judge", prompts.TURN_JUDGE, _turn_verdict(turn), tool=_tool(tool), state=before,
                   conversation=conversation, request=turn.request, expected_call=call, actual_call=call,
                   response=_json(turn.response.shown())),
        ]  # fmt: skip
        conversation += f"User: {turn.request}\nCall: {call}\nResponse: {_json(turn.response.shown())}\n"
    return [*calls, _asked("summary", prompts.SUMMARY, summary, turns=conversation)]


def _simulated(tool: Tool, state: State, call: ToolCall, response: Response, after: State) -> Iterable[ModelCall]:
    """Check, response and new state; a call that the check refuses goes no further, and an error changes nothing."""
    shown = _tool(tool)
    refused = response.answered_by == "gate"
    check: JsonObject = {"passed": not refused, "status_code": response.status_code if refused else 200}
    if refused:
        check["error_message"] = response.error_message or ""
    yield _asked("parameter check", prompts.PARAMETER_CHECK, _json(check), tool=shown, call=str(call))
    if refused:
        return
    answer = _json(response.shown())
    yield _asked("response", prompts.RESPONSE, answer, tool=shown, state=_json(state), call=str(call))
    if response.ok:
        yield _asked("new state", prompts.NEW_STATE, _json(after), tool=shown, state=_json(state), call=str(call),
                     response=answer)  # fmt: skip


def _turn_verdict(turn: Turn) -> str:
    citations = [
        {"parameter": name, "source": "request", "quote": str(value)} for name, value in turn.call.arguments.items()
    ]
    return _json({"citations": citations, "reason": _reason(str(turn.call)), "grounded": True, "correct": True})


def _reason(call: str) -> str:
    return f"{call.partition('(')[0]} was called as expected, and its answer agrees with the definition and the state."


def _asked(role: str, instructions: str, answer: str, **inputs: str) -> ModelCall:
    labelled = (f"{name}: {text}" for name, text in inputs.items() if text)
    return ModelCall(role, "\n".join([instructions, *labelled]), answer)


def _tool(tool: Tool) -> str:
    return _json({key: value for key, value in tool.to_wire().items() if key not in OUR_KEYS})


def _tools(tools: Iterable[Tool]) -> str:
    return f"[{','.join(map(_tool, tools))}]"


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
