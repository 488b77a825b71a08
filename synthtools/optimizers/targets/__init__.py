"""Every target by name, in the order of the stages."""

from synthtools.optimizers.target import Target
from synthtools.optimizers.targets import (
    evolver,
    generator,
    judges,
    programs,
    simulator,
    solver,
    summarizer,
    validator,
)

_FAMILIES = (generator, simulator, validator, evolver, solver, judges, summarizer, programs)

TARGETS: dict[str, Target] = {target.name: target for family in _FAMILIES for target in family.TARGETS}
"""What `synthtools optimize` takes, by name."""
