"""What can be compiled: a role or a program, with its typed inputs, its metric, and where its cases come from."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import dspy
import orjson
from pydantic import TypeAdapter, ValidationError

from synthtools.errors import DataError
from synthtools.optimizers.case import Case
from synthtools.optimizers.metrics import Composite
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
    expects: Any = Any
    """Type whose JSON `Case.expected` is; Any: whatever the metric takes."""

    @property
    def judgements(self) -> int:
        """How many questions its metric asks a model about one answer, at most."""
        return self.metric.judgements if isinstance(self.metric, Composite) else 0

    def arguments(self, case: Case) -> dict[str, Any]:
        """The keyword arguments of a case. Raises: DataError with the case's source and the wrong field."""
        record = self.inputs.from_json(case.inputs, case.source or case.id)
        return {name: getattr(record, name) for name in self.inputs.model_fields}

    def check(self, case: Case) -> None:
        """Whether a case is one of this target. Raises: DataError with its source and the first thing wrong."""
        self.arguments(case)
        try:
            _adapter(self.expects).validate_json(orjson.dumps(case.expected), strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            path = ".".join(["expected", *map(str, first["loc"])])
            raise DataError(f"{case.source or case.id}: {path}: {first['msg']}") from error


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
