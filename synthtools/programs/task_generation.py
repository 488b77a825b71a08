"""Stage 3b: a tool sequence -> solved turns, each found by execution, phrased, solved and judged."""

from collections.abc import Sequence
from typing import NamedTuple

from synthtools.errors import AnswerRefused, Dropped, ParseError
from synthtools.modules.evolver import MiniTask, TaskEvolver, asks_for, spoken_value
from synthtools.modules.generator import scenario_text
from synthtools.modules.judges import TurnJudge
from synthtools.modules.role import Blocking
from synthtools.modules.simulator import LLMSimulator
from synthtools.modules.solver import TurnSolver
from synthtools.types.audit import AuditedEnv
from synthtools.types.call import Change, Response, ToolCall
from synthtools.types.profile import STANDARD, Profile
from synthtools.types.record import State
from synthtools.types.shortened import shortened
from synthtools.types.task import SolvedTurns, ToolSequence, Turn
from synthtools.types.tool import Tool
from synthtools.types.verdict import AnswerValue, Citation, TurnVerdict
from synthtools.world.candidates import Candidate, find_candidates, strangers
from synthtools.world.gate import fill
from synthtools.world.grounding import ground, ungrounded
from synthtools.world.ids import next_id
from synthtools.world.naturalness import problems as naturalness_problems
from synthtools.world.patch import pointer_steps
from synthtools.world.state import apply_changes
from synthtools.world.transitions import Transitions
from synthtools.world.world import World


class _Attempt(NamedTuple):
    """A solver's call, its answer, and whether it has the effect of the expected call."""

    call: ToolCall
    response: Response
    same_effect: bool


class _Ended(NamedTuple):
    """Why a sequence ended before its last tool."""

    reason: str
    detail: str = ""


class TaskGeneration(Blocking):
    """Audited environment and sequence -> solved turns from one initial state.

    Calls are found by execution, so that they are right before a word is written; the evolver chooses one and phrases
    the request; an independent solver must come to a call of the same effect from the words alone. Code compares; the
    judge is asked only about arguments whose words code cannot find in the request.
    """

    transitions: Transitions | None = None
    """Recorded calls of LLM-served tools, where a run keeps them."""

    def __init__(self, profile: Profile = STANDARD) -> None:
        super().__init__()
        self.profile = profile
        self.evolve = TaskEvolver()
        self.solve = TurnSolver()
        self.judge = TurnJudge()
        self.simulator = LLMSimulator()

    async def aforward(self, *, env: AuditedEnv, sequence: ToolSequence) -> SolvedTurns:
        """Builds the turns of a sequence; a failed step ends it, and its solved prefix is kept.

        Raises:
            Dropped: not even the first turn was solved; the message says why.
        """
        world = World(env.env, simulator=self.simulator, transitions=self.transitions)
        initial = world.state
        turns: list[Turn] = []
        ended = _Ended("")
        for position, name in enumerate(sequence.tools):
            tool = next(tool for tool in env.env.tools if tool.name == name)
            seed = f"{sequence.id}/{position}"
            candidates = await self._candidates(env, world, tool, seed)
            if not candidates and (amended := await self._amended(env, tool, initial, turns)) is not None:
                initial, world = amended
                candidates = await self._candidates(env, world, tool, seed)
            if not candidates:
                ended = _Ended("no call of the tool works", f"turn {position + 1}, {name}")
                break
            turn = await self._turn(env, world, tool, candidates, turns)
            if isinstance(turn, _Ended):
                ended = turn._replace(detail=f"turn {position + 1}, {name}: {turn.detail}"[:300])
                break
            await world.acall(turn.call)
            turns.append(turn)
        if not turns:
            raise Dropped(ended.reason, ended.detail)
        return SolvedTurns(
            id=sequence.id,
            env_id=env.env.id,
            initial_state=initial,
            final_state=world.state,
            turns=tuple(turns),
            ended_by=ended.reason,
            ended_detail=ended.detail,
        )

    async def _amended(
        self, env: AuditedEnv, tool: Tool, initial: State, turns: Sequence[Turn]
    ) -> tuple[State, World] | None:
        """The initial state with one spare record more, and the sequence begun again from it.

        None where there is no spare record that leaves every earlier answer as it was.
        """
        collections = {collection.name: collection for collection in env.env.collections}
        for name in dict.fromkeys((*tool.writes, *tool.reads)):
            for spare in env.env.spare_records.get(name, ()):
                added = Change(op="create", collection=name, id=next_id(initial, collections[name]), fields=spare)
                state = apply_changes(initial, [added], env.env.collections)
                world = World(env.env, state, simulator=self.simulator, transitions=self.transitions)
                again = [await world.acall(turn.call) for turn in turns]
                if all(new.data == turn.response.data for new, turn in zip(again, turns, strict=True)):
                    return state, world
        return None

    async def _candidates(self, env: AuditedEnv, world: World, tool: Tool, seed: str) -> list[Candidate]:
        """Calls that work now and undo or repeat nothing that an earlier turn did, the most related first."""
        found = await find_candidates(
            world,
            tool,
            env.env.collections,
            env.env.spare_records,
            count=4 * self.profile.candidates,
            seed=seed,
            avoid=[exchange.call for exchange in world.transcript],
        )
        touched = {place for exchange in world.transcript for place in _places(exchange.patch)}
        free = [candidate for candidate in found if not touched & _places(candidate.patch)]
        known = {str(value) for exchange in world.transcript for value in exchange.call.arguments.values()}

        def rank(candidate: Candidate) -> tuple[bool, int]:
            tells_nothing = not candidate.changed and candidate.wanted is None
            return tells_nothing, -len(known & {str(value) for value in candidate.call.arguments.values()})

        free.sort(key=rank)
        return free[: self.profile.candidates]

    async def _turn(
        self, env: AuditedEnv, world: World, tool: Tool, candidates: Sequence[Candidate], turns: Sequence[Turn]
    ) -> Turn | _Ended:
        """A solved turn, or why there is none."""
        earlier = [turn.response for turn in turns]
        conversation = [line for turn in turns for line in spoken_turn(turn)]
        feedback = ""
        missing: Sequence[str] = ()

        def problems(request: str, chosen: Candidate) -> list[str]:
            return self._problems(env, tool, request, chosen, earlier)

        for attempt in range(self.profile.evolver_tries):
            try:
                mini: MiniTask = await self.evolve.acall(
                    scenario=scenario_text(env.env.scenario),
                    tool=tool,
                    candidates=candidates,
                    conversation=conversation,
                    problems=problems,
                    feedback=feedback,
                    first_attempt=10 * attempt,
                )
            except (AnswerRefused, ParseError) as error:
                return _Ended("no natural request", str(error))
            expected = mini.chosen
            citations = ground(tool, expected.call, mini.request, earlier, env.env.now)
            missing = ungrounded(citations)
            solved = await self._solved(env, world, mini, conversation, grounded=not missing)
            if solved is None:
                feedback = (
                    _say_exactly(expected.call, missing)
                    if missing
                    else "Another person misread it. Say it more plainly."
                )
                continue
            verdict = TurnVerdict(citations=tuple(citations), grounded=True, correct=True)
            if missing:
                verdict = await self._judged(conversation, mini, solved, citations)
                if not verdict.grounded:
                    feedback = verdict.feedback or _say_exactly(expected.call, missing)
                    continue
            return Turn(
                request=mini.request,
                call=expected.call,
                response=expected.response,
                verdict=verdict,
                wanted=_wanted(expected, len(turns)),
            )
        return _Ended("request not grounded" if missing else "solver disagrees", feedback)

    def _problems(
        self, env: AuditedEnv, tool: Tool, request: str, chosen: Candidate, earlier: Sequence[Response]
    ) -> list[str]:
        """What is wrong with the request of a turn, in words for its writer.

        Ids, numbers, days and choices have to be said; other words a judge may find said in another way.
        """
        call = chosen.call
        found = naturalness_problems(request, env.env.tools, [call])
        if chosen.wanted is not None and not asks_for(request, chosen.wanted.words):
            found.append(f"Ask for the {chosen.wanted.words}.")
        for stranger in strangers(request, [call], env.env.initial_state, env.env.spare_records):
            found.append(f"Leave out {stranger}: it has nothing to do with this.")
        exact = [
            name
            for name in ungrounded(ground(tool, call, request, earlier, env.env.now))
            if not tool.parameters[name].is_free_text
        ]
        return [*found, _say_exactly(call, exact)] if exact else found

    async def _solved(
        self,
        env: AuditedEnv,
        world: World,
        mini: MiniTask,
        conversation: Sequence[str],
        *,
        grounded: bool,
    ) -> _Attempt | None:
        """The solver's attempt that has the effect of the expected call; None where no try had."""
        feedback = ""
        for attempt in range(1 + (self.profile.solver_tries if grounded else 0)):
            try:
                call: ToolCall = await self.solve.acall(
                    tools=[tool for tool in env.env.tools if tool.name in env.reliable],
                    conversation=conversation,
                    request=mini.request,
                    feedback=feedback,
                    first_attempt=10 * attempt,
                )
            except (AnswerRefused, ParseError):
                return None
            tried = await self._run(env, world, call, mini.chosen)
            if tried.same_effect:
                return tried
            feedback = f"{call} is not what was asked for. Read the request again, word by word."
        return None

    async def _run(self, env: AuditedEnv, world: World, call: ToolCall, expected: Candidate) -> _Attempt:
        tool = env.env.tool(call.name)
        if tool is not None and call.name == expected.call.name and fill(tool, call) == fill(tool, expected.call):
            return _Attempt(call, expected.response, same_effect=True)
        fork = world.fork()
        response = await fork.acall(call)
        same_answer = response.ok and (expected.changed or response.data == expected.response.data)
        same = same_answer and fork.transcript[-1].patch == expected.patch
        return _Attempt(call, response, same_effect=same)

    async def _judged(
        self,
        conversation: Sequence[str],
        mini: MiniTask,
        solved: _Attempt,
        citations: Sequence[Citation],
    ) -> TurnVerdict:
        """The judge's verdict on the arguments that code did not find, beside what code found of the others."""
        try:
            verdict: TurnVerdict = await self.judge.acall(
                conversation=conversation,
                request=mini.request,
                expected=(mini.chosen.call, mini.chosen.response),
                actual=(solved.call, solved.response),
                in_question=ungrounded(citations),
            )
        except (AnswerRefused, ParseError) as error:
            return TurnVerdict(grounded=False, correct=True, feedback=str(error)[:200])
        found = [citation for citation in citations if citation.source != "nowhere"]
        return verdict.model_copy(update={"citations": (*found, *verdict.citations)})


def spoken_turn(turn: Turn) -> list[str]:
    """A solved turn as prompts show it."""
    return [f"Person: {turn.request}", f"Call: {turn.call}", f"Answer: {shortened(str(turn.response.data), 300)}"]


def _wanted(candidate: Candidate, position: int) -> AnswerValue | None:
    if candidate.wanted is None:
        return None
    return AnswerValue(value=candidate.wanted.value, call=position, pointer=candidate.wanted.pointer)


def _say_exactly(call: ToolCall, missing: Sequence[str]) -> str:
    values = ", ".join(f"{name.replace('_', ' ')} {spoken_value(call.arguments[name])}" for name in missing)
    return f"Say in the request, exactly: {values}."


def _places(patch: Sequence[object]) -> set[str]:
    """Records and fields that a patch touches; a record that is made or deleted touches all its fields."""
    places: set[str] = set()
    for operation in patch:
        if isinstance(operation, dict):
            places.add("/".join(pointer_steps(str(operation["path"]))[:3]))
    return places
