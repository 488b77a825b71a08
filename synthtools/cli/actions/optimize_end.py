"""How a compile ended that has nothing to compare yet: what it cost, what is left to ask, and how to go on."""

from math import ceil
from typing import NamedTuple

from synthtools.optimizers.compile.plan import Plan
from synthtools.optimizers.compile.stopping import CompileStopped, Reason
from synthtools.runs.budget import cost
from synthtools.runs.compiles import CompileRows
from synthtools.types.record import JsonObject
from synthtools.types.usage import Usage

_BOUNDS = {"calls": "--max-calls", "tokens": "--budget-tokens", "usd": "--budget-usd"}


class CompileEnd(NamedTuple):
    """A compile that was stopped before the comparison."""

    id: str
    reason: Reason
    text: str
    """What stopped it, as a sentence without an end."""
    usage: Usage
    usd: float | None
    """None: the price of some model is not known."""
    quality: float | None
    """Best mean score on the validation cases; None: no candidate has answered all of them."""
    left: dict[str, int]
    """Cases by part that the program as it is has not answered yet."""
    calls_left: int | None
    """What a comparison still takes at the calls a case that it took so far, the test being asked twice; None: no case
    was answered."""

    @property
    def is_cap(self) -> bool:
        """Whether a bound of the command ended it, as it was asked to."""
        return self.reason in _BOUNDS

    @property
    def go_on(self) -> str:
        """What to do."""
        bound = _BOUNDS.get(self.reason)
        return "the same command goes on" + (f" with a larger {bound}" if bound else ", and pays nothing twice")

    @property
    def line(self) -> str:
        """All of it, for people."""
        best = "" if self.quality is None else f"; best so far on the validation cases: {self.quality:.3f}"
        left = ", ".join(f"{number} {part}" for part, number in self.left.items())
        more = "" if self.calls_left is None else f", about {self.calls_left:,} calls"
        return f"{self.text} before there was anything to compare{best}; cases left: {left}{more}; {self.go_on}"

    def to_json(self) -> JsonObject:
        """As `optimize --json` writes it."""
        return {
            "id": self.id,
            "status": "stopped",
            "stopped_by": self.reason,
            "reason": self.text,
            "usage": self.usage.to_json(),
            "usd": self.usd,
            "best_on_validation": self.quality,
            "cases_left": dict(self.left),
            "calls_left": self.calls_left,
            "go_on": self.go_on,
        }


def end_of(plan: Plan, rows: CompileRows, stop: CompileStopped, quality: float) -> CompileEnd:
    """Reads from the run how far a compile has come.

    Args:
        plan: What is compiled.
        rows: What the run keeps of it.
        stop: What ended it.
        quality: Best mean score on the validation cases; 0: none yet.
    """
    answered, spent = rows.answered(), rows.spent()
    prices = plan.speakers.prices or {}
    usage, done = sum(spent.values(), Usage()), sum(answered.values())
    validation = plan.sizes.validation - answered.get("validation", 0)
    test = plan.sizes.test - answered.get("test", 0)
    return CompileEnd(
        id=plan.id,
        reason=stop.reason,
        text=str(stop),
        usage=usage,
        usd=cost(spent, prices) if spent.keys() <= prices.keys() else None,
        quality=quality or None,
        left={"validation": validation, "test": test},
        calls_left=ceil(usage.calls / done * (validation + 2 * test)) if done else None,
    )
