"""What a candidate has answered and used by now."""

import math

from synthtools.runs.compiles import Evaluation
from synthtools.types.usage import Usage


class Tally:
    """Adds up the answers of one candidate."""

    def __init__(self) -> None:
        self.cases = 0
        self.validated = 0
        self._usage = Usage()
        self._score = 0.0

    def add(self, evaluation: Evaluation) -> None:
        """Counts an answer."""
        self.cases += 1
        self._usage += evaluation.usage
        if evaluation.part == "validation":
            self.validated += 1
            self._score += evaluation.score

    @property
    def a_case(self) -> Usage:
        """Of one case on average, rounded up."""
        used = self._usage
        calls, prompt, completion = (
            math.ceil(number / self.cases) for number in (used.calls, used.prompt_tokens, used.completion_tokens)
        )
        return Usage(calls=calls, prompt_tokens=prompt, completion_tokens=completion)

    @property
    def tokens(self) -> float:
        """Of one case on average."""
        return (self._usage.prompt_tokens + self._usage.completion_tokens) / self.cases

    @property
    def quality(self) -> float:
        """Mean score on the validation cases."""
        return self._score / self.validated
