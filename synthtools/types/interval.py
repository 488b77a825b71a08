"""Shares of a count, with the interval that so few trials leave open."""

from math import sqrt

from pydantic import Field

from synthtools.errors import DataError
from synthtools.types.record import Record

_Z = 1.96
"""Standard normal quantile of a 95 % interval."""


class Interval(Record):
    """An interval of shares, both ends in [0, 1]."""

    low: float = Field(ge=0.0, le=1.0)
    """Lower end."""
    high: float = Field(ge=0.0, le=1.0)
    """Upper end."""


def wilson(correct: int, judged: int) -> Interval:
    """The 95 % Wilson score interval of `correct` out of `judged`; all of [0, 1] where nothing was judged.

    It stays inside [0, 1] and keeps its coverage at few trials and at shares near 0 and 1, where the usual interval
    (share +- z standard errors) has no width at all.

    Args:
        correct: Trials that succeeded.
        judged: All trials.

    Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal of the
    American Statistical Association 22 (158), 1927, pp. 209-212, doi:10.1080/01621459.1927.10502953.

    Raises:
        DataError: More are correct than judged, or one of them is negative.
    """
    if not 0 <= correct <= judged:
        raise DataError(f"{correct} correct of {judged} judged")
    if judged == 0:
        return Interval(low=0.0, high=1.0)
    share, squared = correct / judged, _Z * _Z / judged
    centre = share + squared / 2
    spread = sqrt(share * (1 - share) * squared + squared * squared / 4)
    return Interval(
        low=max(0.0, (centre - spread) / (1 + squared)) if correct else 0.0,
        high=min(1.0, (centre + spread) / (1 + squared)) if correct < judged else 1.0,
    )
