"""Stage 4: solved turns -> one task with a natural request, a shuffled set of tools, and a certificate."""

from collections.abc import Sequence
from random import Random

from synthtools.errors import AnswerRefused, Dropped, ParseError
from synthtools.modules.evolver import asks_for, spoken_value
from synthtools.modules.role import Blocking
from synthtools.modules.solver import OneShotSolver
from synthtools.modules.summarizer import TurnMerger
from synthtools.types.audit import AuditedEnv
from synthtools.types.call import ToolCall, Transition
from synthtools.types.names import slug
from synthtools.types.profile import STANDARD, Profile
from synthtools.types.record import JsonObject
from synthtools.types.task import SolvedTurns, Task, TaskWorld
from synthtools.types.tool import Tool
from synthtools.world.candidates import strangers
from synthtools.world.certifiers import CERTIFIERS
from synthtools.world.gate import fill
from synthtools.world.grounding import ground, ungrounded
from synthtools.world.naturalness import problems as naturalness_problems
from synthtools.world.patch import pointer_steps
from synthtools.world.state import slice_hash
from synthtools.world.threads import in_thread
from synthtools.world.transitions import Transitions, transition_key
from synthtools.world.world import World

MOST_TOOLS = 15
"""Most tools of a task, distractors included."""


class TaskAudit(Blocking):
    """Audited environment and solved turns -> a certified task.

    Checks before: every call succeeds again from the initial state and leads to the same state. Then the turns are
    merged into one request. Checks after: the certificate, which proves among other things that every value is in the
    request and that nothing is given away.
    """

    transitions: Transitions | None = None
    """Recorded calls of LLM-served tools, where a run keeps them."""

    def __init__(self, profile: Profile = STANDARD) -> None:
        super().__init__()
        self.profile = profile
        self.merge = TurnMerger(attempts=profile.summary_tries)
        self.plan = OneShotSolver()

    async def aforward(self, *, env: AuditedEnv, turns: SolvedTurns) -> Task:
        """Makes the task of a solved sequence.

        Raises:
            Dropped: a check failed; the message names it.
        """
        replayed = await in_thread(self._replay, env, turns)
        summary = await self._request(env, turns)
        task = self._task(env, turns, summary)
        expected = tuple(turn.wanted for turn in turns.turns if turn.wanted is not None)
        if not expected and turns.final_state == turns.initial_state:
            raise Dropped("changes nothing and asks for nothing")
        coded = all(replayed.answered_by_code(call.name) for call in task.gt_tool_calls)
        if not coded:
            task = task.model_copy(update={"gold": self._gold(env, turns)})
        second = await self._second_solution(env, task)
        certificate = await CERTIFIERS.task(
            task,
            expected_answer=expected,
            second_solution=second,
            paraphrased=paraphrased(env, turns),
        )
        if certificate.grade == "refused":
            failed = next(check for check in certificate.checks if not check.passed)
            raise Dropped(f"certificate: {failed.name}", failed.detail)
        return task.model_copy(update={"certificate": certificate})

    def _replay(self, env: AuditedEnv, turns: SolvedTurns) -> World:
        """The turns made again from their initial state. Raises: Dropped where one does not come out as before."""
        world = World(env.env, turns.initial_state, transitions=self.transitions)
        for turn in turns.turns:
            response = world.call(turn.call)
            if not response.ok:
                raise Dropped("a call fails when made again", f"{turn.call}: {response.error_message}")
            if response.data != turn.response.data:
                raise Dropped("a call answers otherwise when made again", str(turn.call))
        if world.state != turns.final_state:
            raise Dropped("the states do not meet")
        return world

    async def _request(self, env: AuditedEnv, turns: SolvedTurns) -> str:
        """The turns merged into one request; a single turn keeps its own words."""
        if len(turns.turns) == 1:
            return turns.turns[0].request

        def problems(request: str) -> list[str]:
            return self._problems(request, env, turns)

        try:
            return await self.merge.acall(
                turns=[turn.request for turn in turns.turns], values=user_values(turns), problems=problems
            )
        except (AnswerRefused, ParseError) as error:
            raise Dropped("no natural summary", str(error)) from error

    def _problems(self, request: str, env: AuditedEnv, turns: SolvedTurns) -> list[str]:
        """What is wrong with a merged request, in words for its writer."""
        calls = [turn.call for turn in turns.turns]
        found = naturalness_problems(request, env.env.tools, calls)
        for stranger in strangers(request, calls, turns.initial_state, env.env.spare_records):
            found.append(f"Leave out {stranger}: it has nothing to do with this.")
        for turn in turns.turns:
            words = _last_step(turn.wanted.pointer) if turn.wanted else ""
            if words and not asks_for(request, words):
                found.append(f"Ask for the {words}.")
        allowed = set(paraphrased(env, turns))
        missing: list[str] = []
        for index, turn in enumerate(turns.turns):
            tool = env.env.tool(turn.call.name)
            assert tool is not None
            earlier = [past.response for past in turns.turns[:index]]
            for name in ungrounded(ground(tool, turn.call, request, earlier, env.env.now)):
                if (index, name) not in allowed:
                    missing.append(f"{name.replace('_', ' ')} {spoken_value(turn.call.arguments[name])}")
        if missing:
            found.append(f"These values are missing, say them exactly: {', '.join(missing)}.")
        return found

    def _task(self, env: AuditedEnv, turns: SolvedTurns, summary: str) -> Task:
        spec = env.env
        return Task(
            id=turns.id,
            field=slug(spec.scenario.field),
            summary=summary,
            tools=self._tools(env, turns),
            gt_tool_calls=tuple(turn.call for turn in turns.turns),
            initial_state=turns.initial_state,
            final_state=turns.final_state,
            world=TaskWorld(
                env_id=spec.id,
                tools=spec.tools,
                code={name: code for name, code in spec.code.items() if spec.tool(name)},
                collections=spec.collections,
                now=spec.now,
            ),
            provenance=_provenance(env, turns),
        )

    def _tools(self, env: AuditedEnv, turns: SolvedTurns) -> tuple[Tool, ...]:
        """The needed tools and some distractors, shuffled, so that neither choice nor order gives the solution away."""
        draw = Random(f"tools/{turns.id}")
        needed = {turn.call.name for turn in turns.turns}
        reliable = [tool for tool in env.env.tools if tool.name in env.reliable]
        others = [tool for tool in reliable if tool.name not in needed]
        draw.shuffle(others)
        room = max(0, min(self.profile.distractors, MOST_TOOLS - len(needed)))
        chosen = [tool for tool in reliable if tool.name in needed] + others[:room]
        draw.shuffle(chosen)
        return tuple(chosen)

    async def _second_solution(self, env: AuditedEnv, task: Task) -> tuple[ToolCall, ...] | None:
        """An independent plan from the finished request alone; None where none is asked for or none came."""
        if not self.profile.second_solution:
            return None
        try:
            return await self.plan.acall(tools=task.tools, request=task.summary, most=len(task.gt_tool_calls) + 2)
        except (AnswerRefused, ParseError):
            return None

    def _gold(self, env: AuditedEnv, turns: SolvedTurns) -> tuple[Transition, ...]:
        """The recorded transitions of the solution, for a world in which a model answers some tool."""
        if self.transitions is None:
            raise Dropped("no recorded transitions for a tool that a model answers")
        world = World(env.env, turns.initial_state, transitions=self.transitions)
        found: list[Transition] = []
        for turn in turns.turns:
            tool = env.env.tool(turn.call.name)
            assert tool is not None
            before = slice_hash(world.state, {*tool.reads, *tool.writes} or world.state)
            transition = self.transitions.get(transition_key(tool, fill(tool, turn.call), before, env.env.now))
            if transition is not None:
                found.append(transition)
            world.call(turn.call)
        return tuple(found)


def _last_step(path: str) -> str:
    return pointer_steps(path)[-1].replace("_", " ")


def paraphrased(env: AuditedEnv, turns: SolvedTurns) -> list[tuple[int, str]]:
    """Arguments, as (turn, parameter), that only a judge found in the turn's request: said in other words."""
    found: list[tuple[int, str]] = []
    for index, turn in enumerate(turns.turns):
        tool = env.env.tool(turn.call.name)
        assert tool is not None
        earlier = [past.response for past in turns.turns[:index]]
        unseen = ungrounded(ground(tool, turn.call, turn.request, earlier, env.env.now))
        judged = {citation.parameter for citation in turn.verdict.citations if citation.source != "nowhere"}
        found.extend((index, name) for name in unseen if name in judged)
    return found


def user_values(turns: SolvedTurns) -> Sequence[str]:
    """The values that the user must give: those that were said in a request, in order, each once."""
    said = [
        spoken_value(turn.call.arguments[citation.parameter])
        for turn in turns.turns
        for citation in turn.verdict.citations
        if citation.source == "request" and turn.call.arguments.get(citation.parameter) is not None
    ]
    return list(dict.fromkeys(said))


def _provenance(env: AuditedEnv, turns: SolvedTurns) -> JsonObject:
    """Where the task comes from: its turns' requests, and the arguments said in other words."""
    return {
        "turns": [turn.request for turn in turns.turns],
        "paraphrased": [[index, name] for index, name in paraphrased(env, turns)],
    }
