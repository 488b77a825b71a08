"""The models of a compile: the one that a program is compiled for, and those that teach and judge it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synthtools.types.record import JsonObject
from synthtools.types.usage import Price, Usage


@dataclass(frozen=True, slots=True)
class Speakers:
    """The models of a compile."""

    student: Any
    """The model that the program is compiled for."""
    teacher: Any
    """The model that answers for demos and proposes instructions; may be the same."""
    names: Mapping[str, str]
    """Their names, under `student`, `teacher` and, where there is one, `judge`."""
    settings: JsonObject
    """What decides their answers: name, sampling, seed."""
    prices: Mapping[str, Price] | None = None
    """By name of the model; one that is absent is not known."""
    judge: Any = None
    """The model that a metric asks what code cannot say; None: those parts of it are left out."""

    def usd(self, **used: Usage) -> float | None:
        """US dollars of what is used, by the name under which the model stands; None: a price is not known."""
        total = 0.0
        for speaker, usage in used.items():
            if usage.calls:
                price = (self.prices or {}).get(self.names[speaker])
                if price is None:
                    return None
                total += price.of(usage)
        return total

    @property
    def is_taught(self) -> bool:
        """Whether another model teaches."""
        return self.names["student"] != self.names["teacher"]
