"""The world: one session of tools over a state. Certified code answers, or an LLM simulator, never both for one thing.

A call goes through gate, lookup, behaviour, simulator, commit and record, and stops at the first that answers. The
state is never changed in place: a commit makes a new one that shares what the call did not touch, so that `fork()` and
a failed call cost nothing.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, cast, get_args

import orjson

from synthtools.errors import AnswerRefused, ParseError, SandboxError, SimulatorError, StateError, UsageError
from synthtools.types import (
    Check,
    Collection,
    EnvSpec,
    Response,
    State,
    Task,
    TaskWorld,
    Tool,
    ToolCall,
    ToolCode,
    Transition,
)
from synthtools.types.canonical import check_json
from synthtools.types.environment import DEFAULT_NOW
from synthtools.types.record import Json, JsonObject
from synthtools.world.behaviour import Behaviour, Outcome
from synthtools.world.gate import Gate, tool_gate
from synthtools.world.patch import Patch, apply_patch, pointer_steps
from synthtools.world.simulator import Simulation, Simulator
from synthtools.world.state import StateSchema, compile_changes, copy_state, in_order, slice_hash, slice_of
from synthtools.world.threads import in_thread
from synthtools.world.transitions import Transitions, one_at_a_time, transition_key

Engine = Literal["auto", "code", "llm"]
"""`auto`: certified code, else the simulator; `code`: certified code only; `llm`: the simulator only."""


class Exchange(NamedTuple):
    """One call of a session, what came back, and what it changed."""

    call: ToolCall
    response: Response
    patch: Patch


class _Scene(NamedTuple):
    """What stays the same over a session and its forks."""

    tools: dict[str, Tool]
    gate: Gate
    behaviours: dict[str, Behaviour]
    guarded_only: frozenset[str]
    """Tools whose guard alone is certified."""
    collections: tuple[Collection, ...]
    schema: StateSchema
    now: str
    engine: Engine
    simulator: Simulator | None
    transitions: Transitions | None


class _Step(NamedTuple):
    """A call that the simulator must answer."""

    tool: Tool
    call: ToolCall
    """With defaults filled."""
    key: str | None
    reads_hash: str


class _Answer(NamedTuple):
    response: Response
    patch: Patch = ()


class World:
    """A session: tools, a state that calls change, and a transcript.

    Args:
        env_or_tools: An environment, a task's world, or tools.
        state: The state to start from; None: the environment's initial one, else empty. It is copied.
        code: Behaviours by tool name, for a list of tools; a source or `Behaviour` given here counts as certified.
        collections: Schemas of the state, for a list of tools.
        now: The world's clock, ISO 8601; None: the environment's.
        simulator: Answers the tools without certified code.
        transitions: Recorded calls that are repeated instead of answered anew, and where new ones go.
        engine: Who may answer.

    Raises:
        StateError: The state is no JSON or breaks the collections' schemas or references.
        UsageError: The tools are none or share a name, code is for no tool, or the engine does not exist.
    """

    def __init__(
        self,
        env_or_tools: EnvSpec | TaskWorld | Iterable[Tool],
        state: Mapping[str, Json] | None = None,
        *,
        code: Mapping[str, ToolCode | Behaviour | str] | None = None,
        collections: Sequence[Collection] | None = None,
        now: str | None = None,
        simulator: Simulator | None = None,
        transitions: Transitions | None = None,
        engine: Engine = "auto",
    ) -> None:
        if isinstance(env_or_tools, EnvSpec | TaskWorld):
            tools = env_or_tools.tools
            code = env_or_tools.code if code is None else code
            collections = env_or_tools.collections if collections is None else collections
            now = env_or_tools.now if now is None else now
            if state is None and isinstance(env_or_tools, EnvSpec):
                state = env_or_tools.initial_state
        else:
            tools = _listed(env_or_tools)
        if engine not in get_args(Engine):
            raise UsageError(f"engine {engine!r}: there are {', '.join(get_args(Engine))}")
        behaviours, guarded_only = _behaviours(code or {}, {tool.name for tool in tools})
        self._scene = _Scene(
            tools={tool.name: tool for tool in tools},
            gate=Gate(tools),
            behaviours=behaviours,
            guarded_only=guarded_only,
            collections=tuple(collections or ()),
            schema=StateSchema(collections or ()),
            now=now or DEFAULT_NOW,
            engine=engine,
            simulator=simulator,
            transitions=transitions,
        )
        self._state = copy_state(state or {})
        problems = self._scene.schema.problems(self._state)
        if problems:
            raise StateError(problems[0])
        self._transcript: list[Exchange] = []
        self._lock = asyncio.Lock()

    @property
    def state(self) -> State:
        """A copy of the state."""
        return cast("State", orjson.loads(orjson.dumps(self._state)))  # it was checked when it came, and is in order

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools that can be called."""
        return tuple(self._scene.tools.values())

    @property
    def now(self) -> str:
        """The world's clock."""
        return self._scene.now

    @property
    def transcript(self) -> tuple[Exchange, ...]:
        """Every call of this session, forks' own calls left out."""
        return tuple(self._transcript)

    def fork(self) -> "World":
        """A session of its own on the same state, with the transcript so far; neither sees the other's calls."""
        twin = object.__new__(World)
        twin._scene = self._scene
        twin._state = self._state
        twin._transcript = self._transcript.copy()
        twin._lock = asyncio.Lock()
        return twin

    def reward(self, task: Task, answer: str | None = None) -> float | None:
        """The reward, in [0, 1], of this session as a rollout of a task; `verify_world` says why.

        None: it is not scored, because something other than the agent kept the task from being solved.

        Raises:
            ReplayError: The task's gold solution cannot be replayed.
            DataError: The task's policy names what the task does not have.
        """
        from synthtools.world.verify import verify_world

        return verify_world(task, self, answer).reward

    def answered_by_code(self, tool: str) -> bool:
        """Whether certified code decides every answer of a tool here."""
        return self._scene.engine != "llm" and tool in self._scene.behaviours and tool not in self._scene.guarded_only

    def call(self, call: ToolCall | str) -> Response:
        """Answers a call and changes the state accordingly.

        Raises:
            ToolCallSyntaxError: A text is no tool call.
        """
        call = ToolCall.parse(call) if isinstance(call, str) else call
        step = self._refused(call) or self._begin(call)
        if isinstance(step, _Step):
            step = self._simulate(step)
        return self._finish(call, step)

    async def acall(self, call: ToolCall | str) -> Response:
        """`call`, without blocking the event loop; calls of one session wait for each other.

        Raises:
            ToolCallSyntaxError: A text is no tool call.
        """
        call = ToolCall.parse(call) if isinstance(call, str) else call
        async with self._lock:
            step = self._refused(call) or await in_thread(self._begin, call)
            if isinstance(step, _Step):
                step = await self._asimulate(step)
            return self._finish(call, step)

    def _refused(self, call: ToolCall) -> _Answer | None:
        """What the gate answers; None where it lets the call pass. It takes less than a thread to ask it in."""
        decision = self._scene.gate.check(call)
        return None if decision.passed else _Answer(_refusal(decision))

    def _begin(self, call: ToolCall) -> _Answer | _Step:
        """Lookup and code for a call that passed; what is left for the simulator comes back as a step."""
        scene = self._scene
        tool = scene.tools[call.name]
        arguments = scene.gate.fill(call)
        step = _Step(tool, ToolCall(name=call.name, arguments=arguments), *self._key(tool, arguments))
        if step.key is not None and scene.transitions is not None:
            known = scene.transitions.get(step.key)
            if known is not None:
                return _recorded(known)
        behaviour = scene.behaviours.get(call.name) if scene.engine != "llm" else None
        if behaviour is not None:
            answer = self._run(step, behaviour)
            if answer is not None:
                return answer
        if scene.engine == "code":
            return _failure(f"{call.name} has no certified code")
        if scene.simulator is None:
            return _failure(f"{call.name} has no certified code, and the world has no simulator")
        return step

    def _key(self, tool: Tool, arguments: JsonObject) -> tuple[str | None, str]:
        if self._scene.transitions is None:
            return None, ""
        reads_hash = slice_hash(self._state, self._visible(tool))
        return transition_key(tool, arguments, reads_hash, self._scene.now), reads_hash

    def _visible(self, tool: Tool) -> Iterable[str]:
        """The collections a tool may look at; the whole state for a tool that declares none."""
        return {*tool.reads, *tool.writes} or self._state

    def _run(self, step: _Step, behaviour: Behaviour) -> _Answer | None:
        """What certified code answers; None where only its guard is certified and lets the call pass."""
        scene = self._scene
        guard_only = step.tool.name in scene.guarded_only
        try:
            outcome = behaviour.run(
                step.tool,
                step.call.arguments,
                self._state,
                now=scene.now,
                collections=scene.collections,
                guard_only=guard_only,
            )
            if outcome.message is not None:
                return self._keep(step, _Answer(_coded_error(step.tool, outcome)))
            if guard_only:
                return None
            problem = tool_gate(step.tool).response_problem(outcome.data)
            if problem:
                raise SandboxError(f"the response does not fit the output schema: {problem}")
            self._check(step.tool, outcome.patch)
        except (SandboxError, StateError) as error:
            return _failure(f"{step.tool.name}: {error}")
        return self._keep(
            step, _Answer(Response(status_code=200, data=outcome.data, answered_by="code"), outcome.patch)
        )

    def _check(self, tool: Tool, patch: Patch) -> None:
        """Checks that a patch may become part of the state. Raises: StateError."""
        for operation in patch:
            collection = pointer_steps(str(operation["path"]))[0]
            if collection not in tool.writes and (tool.writes or self._scene.collections):
                raise StateError(f"{tool.name} may not change {collection}")
        if patch:
            self._scene.schema.check_change(self._state, apply_patch(self._state, patch), patch)

    def _simulate(self, step: _Step) -> _Answer:
        """The simulator's answer; if it is refused, the simulator is told why and asked once more."""
        answer = self._settle(step, self._ask(step, ""))
        if isinstance(answer, str):
            answer = self._settle(step, self._ask(step, answer))
        return answer if isinstance(answer, _Answer) else _failure(answer)

    async def _asimulate(self, step: _Step) -> _Answer:
        """`_simulate`; a second caller of a key waits for the first one's answer, and asks itself if there is none."""
        transitions = self._scene.transitions
        if step.key is None or transitions is None:
            return await self._asimulate_alone(step)
        async with one_at_a_time(transitions, step.key):
            known = transitions.get(step.key)
            return await self._asimulate_alone(step) if known is None else _recorded(known)

    async def _asimulate_alone(self, step: _Step) -> _Answer:
        answer = self._settle(step, await self._aask(step, ""))
        if isinstance(answer, str):
            answer = self._settle(step, await self._aask(step, answer))
        return answer if isinstance(answer, _Answer) else _failure(answer)

    def _ask(self, step: _Step, feedback: str) -> Simulation | _Answer:
        scene = self._scene
        assert scene.simulator is not None
        try:
            return scene.simulator.respond(
                step.tool,
                step.call,
                self._shown(step.tool),
                collections=scene.collections,
                now=scene.now,
                feedback=feedback,
            )
        except (AnswerRefused, ParseError, SimulatorError) as error:
            return _failure(f"the simulator failed: {error}")

    async def _aask(self, step: _Step, feedback: str) -> Simulation | _Answer:
        scene = self._scene
        assert scene.simulator is not None
        try:
            return await scene.simulator.arespond(
                step.tool,
                step.call,
                self._shown(step.tool),
                collections=scene.collections,
                now=scene.now,
                feedback=feedback,
            )
        except (AnswerRefused, ParseError, SimulatorError) as error:
            return _failure(f"the simulator failed: {error}")

    def _shown(self, tool: Tool) -> State:
        return copy_state(slice_of(self._state, self._visible(tool)))

    def _settle(self, step: _Step, simulation: Simulation | _Answer) -> _Answer | str:
        """The answer that a simulation stands for, or why it is refused."""
        if isinstance(simulation, _Answer):
            return simulation
        status, tool = simulation.status_code, step.tool
        if not 200 <= status < 300:
            allowed = {error.status_code for error in tool.errors} | {400}
            if status not in allowed:
                return f"status {status} is not documented; documented are {sorted(allowed)}"
            if simulation.changes:
                return "an error answer must not change anything"
            message = simulation.error_message or "The call was refused."
            return self._keep(step, _Answer(Response(status_code=status, error_message=message, answered_by="model")))
        problem = tool_gate(tool).response_problem(simulation.data)
        if problem:
            return f"the response does not fit the output schema: {problem}"
        try:
            patch = compile_changes(self._state, simulation.changes, self._scene.collections)
            self._check(tool, patch)
        except StateError as error:
            return f"the changes are refused: {error}"
        return self._keep(step, _Answer(Response(status_code=status, data=simulation.data, answered_by="model"), patch))

    def _keep(self, step: _Step, answer: _Answer) -> _Answer:
        """Records an answer; where another was recorded first, that one stands."""
        if step.key is None or self._scene.transitions is None:
            return answer
        kept = self._scene.transitions.put(
            step.key,
            Transition(
                tool=step.tool.name,
                tool_version=step.tool.version,
                arguments=step.call.arguments,
                reads_hash=step.reads_hash,
                now=self._scene.now,
                response=answer.response,
                patch=answer.patch,
            ),
        )
        return _recorded(kept)

    def _finish(self, call: ToolCall, answer: _Answer) -> Response:
        if answer.patch:
            # The transcript's patch belongs to the caller, who may change it.
            check_json(list(answer.patch))
            patch: Patch = tuple(orjson.loads(orjson.dumps(answer.patch)))
            self._state = _ordered(apply_patch(self._state, patch), patch)
        self._transcript.append(Exchange(call, answer.response, answer.patch))
        return answer.response


def _listed(given: Iterable[object]) -> tuple[Tool, ...]:
    named: dict[str, Tool] = {}
    for tool in given:
        if not isinstance(tool, Tool):
            raise UsageError(f"a world is made of an environment, a task's world or tools; {tool!r:.60} is none")
        if named.setdefault(tool.name, tool) is not tool:
            raise UsageError(f"two tools of the name {tool.name}")
    return tuple(named.values())


def _behaviours(
    code: Mapping[str, ToolCode | Behaviour | str], tools: set[str]
) -> tuple[dict[str, Behaviour], frozenset[str]]:
    behaviours: dict[str, Behaviour] = {}
    guarded_only: set[str] = set()
    for name, given in code.items():
        if name not in tools:
            raise UsageError(f"code for {name}, which is no tool of this world")
        if isinstance(given, ToolCode):
            if not given.certified and not given.guard_certified:
                continue
            if not given.certified:
                guarded_only.add(name)
            behaviours[name] = Behaviour(given.source)
        else:
            behaviours[name] = given if isinstance(given, Behaviour) else Behaviour(given)
            if not behaviours[name].problems and not behaviours[name].has_apply:
                guarded_only.add(name)
    return behaviours, frozenset(guarded_only)


def _ordered(state: State, patch: Patch) -> State:
    """The state with its records in the order of their ids, where the patch added some."""
    for operation in patch:
        steps = pointer_steps(str(operation["path"]))
        if operation["op"] == "add" and len(steps) <= 2:
            records = state.get(steps[0])
            if isinstance(records, dict):
                state = {**state, steps[0]: in_order(records)}
    return state


def _recorded(transition: Transition) -> _Answer:
    """The answer of a transition, in a copy: a caller that changes what it got changes no record."""
    response = transition.response
    data: Json = orjson.loads(orjson.dumps(response.data))
    return _Answer(response.model_copy(update={"data": data}), transition.patch)


def _refusal(decision: Check) -> Response:
    return Response(status_code=decision.status_code, error_message=decision.error_message, answered_by="gate")


def _coded_error(tool: Tool, outcome: Outcome) -> Response:
    documented = sorted({error.status_code for error in tool.errors})
    if outcome.status_code not in documented:
        raise SandboxError(f"guard answered status {outcome.status_code}; documented are {documented}")
    return Response(status_code=outcome.status_code, error_message=outcome.message, answered_by="code")


def _failure(why: str) -> _Answer:
    return _Answer(Response(status_code=500, error_message=why, answered_by="simulator_failure"))
