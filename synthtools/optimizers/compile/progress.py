"""How a compile goes on, for whoever wants to show it."""

from synthtools.runs.compiles import Evaluation
from synthtools.types.usage import Usage


class Progress:
    """Told how a compile goes on; does nothing by itself."""

    def begun(self, id: str, phase: str) -> None:
        """A phase begins."""

    def evaluated(self, evaluation: Evaluation, candidates: int, paid: Usage) -> None:
        """An answer was scored.

        Args:
            evaluation: The answer, new or from the journal.
            candidates: How many there are by now.
            paid: What the compile has cost by now, over all its processes.
        """

    def best(self, quality: float) -> None:
        """A candidate answered every validation case better than those before."""
