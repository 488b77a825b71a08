"""The summarizer: merges the turns of a task into one natural request."""

from collections.abc import Callable, Sequence

import dspy

from synthtools.errors import AnswerRefused
from synthtools.modules.demos import MERGED_TURNS
from synthtools.modules.role import Role
from synthtools.signatures import summarizer as ask


class TurnMerger(Role):
    """Solved turns -> one request, with the values the user must supply and without those only tools produce."""

    signature = ask.MergeTurns
    demos = MERGED_TURNS
    max_tokens = 400

    async def aforward(
        self, *, turns: Sequence[str], values: Sequence[str], problems: Callable[[str], list[str]]
    ) -> str:
        """Merges the requests of the turns.

        Args:
            turns: The requests in order.
            values: Values that must stand in the merged request.
            problems: What is wrong with a merged request, in words for the model; empty where nothing is.

        Raises:
            AnswerRefused: no version passed `problems` within the attempts.
        """

        def build(answer: dspy.Prediction) -> str:
            request = " ".join(answer.request.split())
            found = problems(request)
            if found:
                raise AnswerRefused(" ".join(found))
            return request

        return await self.ask(build, turns=list(turns), values=list(values))
