"""The evolver: chooses the next action of a task and phrases a person's request for it."""

from collections.abc import Callable, Sequence
from typing import cast

import dspy

from synthtools.errors import AnswerRefused
from synthtools.modules import drafts
from synthtools.modules.demos import FIRST_TURNS, NEXT_TURNS
from synthtools.modules.role import Blocking, Role
from synthtools.signatures import evolver as ask
from synthtools.types.record import Json, Record
from synthtools.types.tool import Tool
from synthtools.world.candidates import Candidate


class MiniTask(Record):
    """One step of a task: what a person says, and the executed call that does it."""

    request: str
    chosen: Candidate


def spoken(candidate: Candidate, tool: Tool) -> str:
    """A call in words, so that its code names do not end up in a request: `booking: BOO-2, to learn: day`."""
    parts = [
        f"{_words(name, tool)}: {spoken_value(value)}"
        for name, value in candidate.call.arguments.items()
        if value is not None
    ]
    if candidate.wanted is not None:
        parts.append(f"to learn: {candidate.wanted.words}")
    return ", ".join(parts) if parts else "no values needed"


def _words(name: str, tool: Tool) -> str:
    parameter = tool.parameters.get(name)
    if parameter is not None and parameter.references and name.endswith("_id"):
        name = name.removesuffix("_id")
    return name.replace("_", " ")


def spoken_value(value: Json) -> str:
    """A value as a person says it: yes and no, words without underscores."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value.replace("_", " ")
    if isinstance(value, list):
        return ", ".join(spoken_value(item) for item in value)
    return str(value)


def asks_for(request: str, words: str) -> bool:
    """Whether a request names the fact it wants: by its last word at least."""
    return words.split()[-1].lower() in request.lower()


class _TurnWriter(Role):
    """What the first and the next turn share: an action is chosen by its number, and the request checked by code."""

    max_tokens = 220

    async def aforward(
        self,
        *,
        scenario: str,
        tool: Tool,
        candidates: Sequence[Candidate],
        problems: Callable[[str, Candidate], list[str]],
        feedback: str = "",
        first_attempt: int = 0,
        **conversation: Json,
    ) -> MiniTask:
        """Asks for a turn; the arguments are those of `TaskEvolver`, and the first turn has no conversation.

        Raises: AnswerRefused where no request passed `problems`.
        """

        def build(answer: dspy.Prediction) -> MiniTask:
            chosen = candidates[cast(int, answer.action)]
            request = " ".join(cast(str, answer.request).split())
            found = problems(request, chosen)
            if found:
                raise AnswerRefused(" ".join(found))
            return MiniTask(request=request, chosen=chosen)

        return await self.ask(
            build,
            scenario=scenario,
            purpose=tool.description,
            actions=[f"{number}: {spoken(candidate, tool)}" for number, candidate in enumerate(candidates)],
            feedback=feedback,
            first_attempt=first_attempt,
            answer_schema=drafts.one_of(range(len(candidates))),
            **conversation,
        )


class FirstTurnWriter(_TurnWriter):
    """The first turn (t0)."""

    signature = ask.FirstTurn
    demos = FIRST_TURNS


class NextTurnWriter(_TurnWriter):
    """Every later turn (t1)."""

    signature = ask.NextTurn
    demos = NEXT_TURNS


class TaskEvolver(Blocking):
    """Tool, candidate calls and past turns -> the next step of a task."""

    def __init__(self, *, attempts: int = 3) -> None:
        super().__init__()
        self.first = FirstTurnWriter(attempts=attempts)
        self.next = NextTurnWriter(attempts=attempts)

    async def aforward(
        self,
        *,
        scenario: str,
        tool: Tool,
        candidates: Sequence[Candidate],
        conversation: Sequence[str],
        problems: Callable[[str, Candidate], list[str]],
        feedback: str = "",
        first_attempt: int = 0,
    ) -> MiniTask:
        """Chooses one of the candidate calls and phrases the request for it.

        Args:
            scenario: The environment's scenario, as prompts show it.
            tool: The tool of this turn.
            candidates: Calls that were run and succeeded.
            conversation: What was asked before, and what came of it; empty for the first turn.
            problems: What is wrong with a request for a call, in words for the model; empty where nothing is.
            feedback: Why the last request was not good enough.
            first_attempt: Number of the first attempt not yet used for this question.

        Raises:
            AnswerRefused: no request passed `problems` within the attempts.
        """
        writer = self.next if conversation else self.first
        past: dict[str, Json] = {"conversation": list(conversation)} if conversation else {}
        return await writer.acall(
            scenario=scenario,
            tool=tool,
            candidates=candidates,
            problems=problems,
            feedback=feedback,
            first_attempt=first_attempt,
            **past,
        )
