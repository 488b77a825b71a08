"""Whether a gain is more than luck: paired comparisons of two programs on the same test cases."""

import random
from collections.abc import Sequence
from itertools import product
from statistics import NormalDist, fmean
from typing import NamedTuple

from synthtools.errors import DataError

RESAMPLES = 5_000
LEVEL = 0.95
_EXACT = 12
"""Most differing cases for which all assignments of signs are gone through."""


class Interval(NamedTuple):
    """A mean and where it may lie."""

    mean: float
    low: float
    high: float


class Comparison(NamedTuple):
    """Two programs on the same cases."""

    before: Interval
    after: Interval
    gain: Interval
    """Of the differences case by case."""
    p_value: float
    """Chance of a mean difference at least this far from 0 if it were a toss which program got which score."""

    @property
    def significant(self) -> bool:
        """Whether the gain's interval lies above 0 and chance alone would hardly give it.

        The second condition matters where cases are few: five improvements of five make an interval without width.
        """
        return self.gain.low > 0.0 and self.p_value <= 1.0 - LEVEL


def compare(before: Sequence[float], after: Sequence[float], seed: int) -> Comparison:
    """Compares the scores of two programs, case by case.

    Args:
        before: Scores of the first program.
        after: Scores of the second one, in the same order of cases.
        seed: Of the resampling; equal inputs give equal intervals.

    Raises: DataError where there are no cases, or not as many of each.
    """
    if not before or len(before) != len(after):
        raise DataError(
            f"{len(before)} scores before and {len(after)} after: a paired comparison needs as many of each"
        )
    differences = [new - old for old, new in zip(before, after, strict=True)]
    return Comparison(
        before=score_interval(before, seed),
        after=score_interval(after, seed),
        gain=bootstrap_interval(differences, seed),
        p_value=sign_flip_p_value(differences, seed),
    )


def score_interval(scores: Sequence[float], seed: int) -> Interval:
    """The mean of scores from 0 to 1, with its interval.

    Where all are equal, resampling sees no spread however few they are. So many equal ones come with a chance of 5 % or
    more only where at least the 0.05 ** (1 / n)th part of all cases scores so; the others may score anything.
    """
    if min(scores) < max(scores):
        return bootstrap_interval(scores, seed)
    score, part = scores[0], (1.0 - LEVEL) ** (1 / len(scores))
    return Interval(score, part * score, part * score + 1.0 - part)


def bootstrap_interval(values: Sequence[float], seed: int) -> Interval:
    """The mean of some values with its bias-corrected and accelerated (BCa) bootstrap interval.

    Source: B. Efron, "Better Bootstrap Confidence Intervals", Journal of the American Statistical Association 82
    (397), 1987, pp. 171-185, doi:10.1080/01621459.1987.10478410. Resampling pairs of scores to compare two systems on
    one test set: P. Koehn, "Statistical Significance Tests for Machine Translation Evaluation", EMNLP 2004.
    """
    mean = sum(values) / len(values)
    if min(values) == max(values):
        return Interval(mean, mean, mean)
    rng = random.Random(f"bootstrap/{seed}")
    count = len(values)
    means = sorted(sum(rng.choices(values, k=count)) / count for _ in range(RESAMPLES))
    normal = NormalDist()
    below = sum(one < mean for one in means) + 0.5 * sum(one == mean for one in means)
    bias = normal.inv_cdf(min(max(below / RESAMPLES, 1 / RESAMPLES), 1 - 1 / RESAMPLES))
    total = sum(values)
    left_out = [(total - value) / (count - 1) for value in values]
    middle = fmean(left_out)
    squares = sum((middle - one) ** 2 for one in left_out)
    acceleration = sum((middle - one) ** 3 for one in left_out) / (6.0 * squares**1.5) if squares else 0.0

    def quantile(share: float) -> float:
        z = bias + normal.inv_cdf(share)
        adjusted = normal.cdf(bias + z / (1.0 - acceleration * z))
        return means[min(RESAMPLES - 1, max(0, int(adjusted * RESAMPLES)))]

    return Interval(mean, quantile((1.0 - LEVEL) / 2.0), quantile((1.0 + LEVEL) / 2.0))


def sign_flip_p_value(differences: Sequence[float], seed: int) -> float:
    """Two-sided p value of the paired randomization test: how often random signs give as large a sum.

    Exact for few differing cases, else from seeded draws.

    Source: R. A. Fisher, "The Design of Experiments", 1935, section 21.
    """
    moved = [abs(one) for one in differences if one]
    seen = abs(sum(differences)) - 1e-12
    if not moved:
        return 1.0
    if len(moved) <= _EXACT:
        sums = [abs(sum(sign * one for sign, one in zip(signs, moved, strict=True)))
                for signs in product((1, -1), repeat=len(moved))]  # fmt: skip
        return sum(one >= seen for one in sums) / len(sums)
    rng = random.Random(f"signs/{seed}")
    drawn = sum(abs(sum(one if rng.random() < 0.5 else -one for one in moved)) >= seen for _ in range(RESAMPLES))
    return (drawn + 1) / (RESAMPLES + 1)
