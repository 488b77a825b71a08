"""The progress of a compile for people: one line that is kept up on a terminal, else one every few seconds."""

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console

from synthtools.optimizers.compile.caps import Limits
from synthtools.optimizers.compile.progress import Progress
from synthtools.runs.compiles import Evaluation
from synthtools.types.usage import Usage

_SECONDS = 5.0
"""Between two lines of a log."""


class CompileLine(Progress):
    """Says the phase, the cases asked, the candidates and the best so far."""

    def __init__(self, console: Console, limits: Limits) -> None:
        self.quality = 0.0
        """Mean score of the best fully validated candidate."""
        self._limits = limits
        self._phase, self._paid, self._candidates = "", Usage(), 0
        self._last = time.monotonic()
        # The streams are redirected while optimizers work: what they print is not for people.
        self._console = Console(
            file=sys.stderr,
            force_terminal=console.is_terminal,
            highlight=False,
        )
        self._status = self._console.status("") if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def begun(self, id: str, phase: str) -> None:
        """Says the phase."""
        self._phase = phase
        self._show(now=True)

    def evaluated(self, evaluation: Evaluation, candidates: int, paid: Usage) -> None:
        """Shows what was paid by now."""
        self._paid, self._candidates = paid, candidates
        self._show()

    def best(self, quality: float) -> None:
        """Says a new best."""
        self.quality = quality
        self._show(now=True)

    def _show(self, *, now: bool = False) -> None:
        cap = f" of {self._limits.calls:,}" if self._limits.calls is not None else ""
        tokens = self._paid.prompt_tokens + self._paid.completion_tokens
        line = f"{self._phase}: {self._paid.calls:,}{cap} calls, {tokens:,} tokens, {self._candidates} candidates" + (
            f", best so far {self.quality:.3f}" if self.quality else ""
        )
        if self._status is not None:
            self._status.update(line)
        elif now or time.monotonic() - self._last >= _SECONDS:
            self._last = time.monotonic()
            self._console.print(line, markup=False)
