"""What can be compiled: a role or a program, with its typed inputs, its metric, and where its cases come from."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import dspy

from synthtools.optimizers.case import Case
from synthtools.optimizers.score import Score
from synthtools.runs.run import Run
from synthtools.types.profile import Profile
from synthtools.types.record import Json, Record

Metric = Callable[[Any, Json, Any], Score]
"""(inputs record, expected, answer) -> score. An answer that could not be had (cut, malformed, refused) is scored 0 by
who asks, with the error as the reason; a metric sees only what the module returned."""


def no_cases(run: Run) -> Iterable[Case]:
    """For targets whose cases come from labelled files alone."""
    return ()


@dataclass(frozen=True, slots=True)
class Target:
    """A role or program that an optimizer can work on."""

    name: str
    """As the command line has it: `response-judge`, `env-audit`."""
    build: Callable[[Profile], dspy.Module]
    """A fresh module with the prompts of this version."""
    inputs: type[Record]
    """Its keyword arguments as one record; `Case.inputs` is JSON of it."""
    metric: Metric
    cases: Callable[[Run], Iterable[Case]] = no_cases
    """Draws cases from what a run holds, code saying what is right."""

    def arguments(self, case: Case) -> dict[str, Any]:
        """The keyword arguments of a case. Raises: DataError with the case's source and the wrong field."""
        record = self.inputs.from_json(case.inputs, case.source or case.id)
        return {name: getattr(record, name) for name in self.inputs.model_fields}
