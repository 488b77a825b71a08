"""The writers of requests without the checks that need a world: a metric that sees every fault does these itself."""

from collections.abc import Sequence

from synthtools.modules.evolver import FirstTurnWriter, MiniTask, NextTurnWriter
from synthtools.modules.role import Blocking
from synthtools.modules.summarizer import TurnMerger
from synthtools.types.tool import Tool
from synthtools.world.candidates import Candidate


def _none(*request: object) -> list[str]:
    """No problems, whatever was written."""
    return []


class FirstTurn(Blocking):
    """Tool and candidate calls -> the first turn, whatever is wrong with it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = FirstTurnWriter()

    async def aforward(
        self, *, scenario: str, tool: Tool, candidates: Sequence[Candidate], conversation: Sequence[str], feedback: str
    ) -> MiniTask:
        """Writes a turn; `conversation` is empty."""
        return await self.first.acall(
            scenario=scenario,
            tool=tool,
            candidates=candidates,
            problems=_none,
            feedback=feedback,
            first_attempt=0,
        )


class NextTurn(Blocking):
    """Tool, candidate calls and past turns -> the next turn, whatever is wrong with it."""

    def __init__(self) -> None:
        super().__init__()
        self.next = NextTurnWriter()

    async def aforward(
        self, *, scenario: str, tool: Tool, candidates: Sequence[Candidate], conversation: Sequence[str], feedback: str
    ) -> MiniTask:
        """Writes a turn."""
        return await self.next.acall(
            scenario=scenario,
            tool=tool,
            candidates=candidates,
            problems=_none,
            feedback=feedback,
            first_attempt=0,
            conversation=list(conversation),
        )


class MergedTurns(Blocking):
    """Turns and the values to be said -> one request, whatever is wrong with it."""

    def __init__(self) -> None:
        super().__init__()
        self.merge = TurnMerger()

    async def aforward(self, *, turns: Sequence[str], values: Sequence[str]) -> str:
        """Merges turns."""
        return await self.merge.acall(turns=turns, values=values, problems=_none)
