"""Every target by name, in the order of the stages."""

from synthtools.optimizers.target import Target
from synthtools.optimizers.targets.validator import RESPONSE_JUDGE

TARGETS: dict[str, Target] = {target.name: target for target in (RESPONSE_JUDGE,)}
"""What `synthtools optimize` takes, by name."""
