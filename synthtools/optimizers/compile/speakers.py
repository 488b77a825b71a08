"""The models of a compile: the one that a program is compiled for, and the one that teaches it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synthtools.types.record import JsonObject
from synthtools.types.usage import Price


@dataclass(frozen=True, slots=True)
class Speakers:
    """The models of a compile."""

    student: Any
    """The model that the program is compiled for."""
    teacher: Any
    """The model that answers for demos and proposes instructions; may be the same."""
    names: Mapping[str, str]
    """Their names, under `student` and `teacher`."""
    settings: JsonObject
    """What decides their answers: name, sampling, seed."""
    prices: Mapping[str, Price] | None = None
    """By name of the model; one that is absent is not known."""

    @property
    def price(self) -> Price | None:
        """Of the student; None: not known."""
        return (self.prices or {}).get(self.names["student"])

    @property
    def teacher_price(self) -> Price | None:
        """Of the teacher; None: not known."""
        return (self.prices or {}).get(self.names["teacher"])

    @property
    def is_taught(self) -> bool:
        """Whether another model teaches."""
        return self.names["student"] != self.names["teacher"]
