"""Whether a gain is more than luck: paired comparisons of two programs on the same test cases."""

import random
from collections.abc import Sequence
from itertools import product
from statistics import NormalDist, fmean
from typing import NamedTuple

from synthtools.errors import DataError

RESAMPLES = 5_000
LEVEL = 0.95
FEWEST_SIGNIFICANT = 6
"""Units of which all can be better without its being chance: two of the 2 ** 6 assignments of signs are as good."""
_ROUNDING = 1e-12
_EXACT = 12
"""Most differing units for which all assignments of signs are gone through."""


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
    """Chance of a mean difference at least this far from 0 if it were a toss, unit by unit, which program got which
    scores."""

    @property
    def significant(self) -> bool:
        """Whether the gain's interval lies above 0 and chance alone would hardly give it.

        The second condition matters where units are few: five improvements of five happen by chance, too.
        """
        return self.gain.low > 0.0 and self.p_value <= 1.0 - LEVEL


def compare(
    before: Sequence[float], after: Sequence[float], seed: int, groups: Sequence[int] | None = None
) -> Comparison:
    """Compares the scores of two programs, case by case.

    Args:
        before: Scores of the first program.
        after: Scores of the second one, in the same order of cases.
        seed: Of the resampling; equal inputs give equal intervals.
        groups: By case, the unit that it is part of: only units are taken as independent. None: every case is one.

    Raises: DataError where there are no cases, or not as many of each.
    """
    groups = range(len(before)) if groups is None else groups
    if not before or not len(before) == len(after) == len(groups):
        raise DataError(
            f"{len(before)} scores before and {len(after)} after, of {len(groups)} cases: a paired comparison needs as "
            "many of each"
        )
    differences = [new - old for old, new in zip(before, after, strict=True)]
    return Comparison(
        before=bootstrap_interval(before, seed, groups, least=0.0),
        after=bootstrap_interval(after, seed, groups, least=0.0),
        gain=bootstrap_interval(differences, seed, groups),
        p_value=sign_flip_p_value(differences, seed, groups),
    )


def bootstrap_interval(
    values: Sequence[float], seed: int, groups: Sequence[int] | None = None, least: float = -1.0
) -> Interval:
    """The mean of some values with its bias-corrected and accelerated (BCa) bootstrap interval.

    Units are drawn whole, and the mean is that of the cases in what was drawn. Where all units are equal, resampling
    sees no spread however few they are; see `_of_equal`.

    Args:
        values: Of each case.
        seed: Of the resampling.
        groups: By case, the unit that it is part of; None: every case is one.
        least: The least that a value can be; the most is 1.

    Source: B. Efron, "Better Bootstrap Confidence Intervals", Journal of the American Statistical Association 82
    (397), 1987, pp. 171-185, doi:10.1080/01621459.1987.10478410. Resampling pairs of scores to compare two systems on
    one test set: P. Koehn, "Statistical Significance Tests for Machine Translation Evaluation", EMNLP 2004. Drawing
    groups whole: A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8. Wider
    for few units: T. C. Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69 (4),
    2015, pp. 371-386, doi:10.1080/00031305.2015.1089789.
    """
    mean = sum(values) / len(values)
    sums, sizes = _by_unit(values, groups)
    of_units = [one / size for one, size in zip(sums, sizes, strict=True)]
    if max(of_units) - min(of_units) < _ROUNDING:
        return _of_equal(mean, len(of_units), least)
    rng = random.Random(f"bootstrap/{seed}")
    units = range(len(sums))

    def drawn() -> float:
        picked = rng.choices(units, k=len(units))
        return sum(map(sums.__getitem__, picked)) / sum(map(sizes.__getitem__, picked))

    means = sorted(drawn() for _ in range(RESAMPLES))
    normal = NormalDist()
    below = sum(one < mean for one in means) + 0.5 * sum(one == mean for one in means)
    bias = normal.inv_cdf(min(max(below / RESAMPLES, 1 / RESAMPLES), 1 - 1 / RESAMPLES))
    total, number = sum(sums), len(values)
    left_out = [(total - one) / (number - size) for one, size in zip(sums, sizes, strict=True)]
    middle = fmean(left_out)
    squares = sum((middle - one) ** 2 for one in left_out)
    acceleration = sum((middle - one) ** 3 for one in left_out) / (6.0 * squares**1.5) if squares else 0.0

    def quantile(share: float) -> float:
        z = bias + _expanded(normal.inv_cdf(share), len(units))
        adjusted = normal.cdf(bias + z / (1.0 - acceleration * z))
        return means[min(RESAMPLES - 1, max(0, int(adjusted * RESAMPLES)))]

    return Interval(mean, quantile((1.0 - LEVEL) / 2.0), quantile((1.0 + LEVEL) / 2.0))


def _expanded(z: float, number: int) -> float:
    """A standard normal quantile, made wider for a mean of few units: Student's, and for what resampling leaves out.

    Source of Student's quantile from the normal one: Abramowitz and Stegun, "Handbook of Mathematical Functions", 1964,
    26.7.5 (three terms: 2.26 for 9 degrees of freedom).
    """
    free = number - 1
    student = z + (z**3 + z) / (4 * free) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * free**2)
    return student * (number / free) ** 0.5


def _of_equal(mean: float, number: int, least: float) -> Interval:
    """The interval of so many units with one mean.

    They come with a chance of 5 % or more only where at least the 0.05 ** (1 / n)th part of all units is like that; the
    others may be anything. Two programs of which no case tells a difference are taken as equal.
    """
    if least < 0.0 and mean == 0.0:
        return Interval(0.0, 0.0, 0.0)
    part = (1.0 - LEVEL) ** (1 / number)
    return Interval(mean, least + part * (mean - least), 1.0 - part * (1.0 - mean))


def sign_flip_p_value(differences: Sequence[float], seed: int, groups: Sequence[int] | None = None) -> float:
    """Two-sided p value of the paired randomization test: how often random signs give as large a sum.

    All differences of a unit change their sign together. Exact for few differing units, else from seeded draws.

    Source: R. A. Fisher, "The Design of Experiments", 1935, section 21. By group, where there are few: I. A. Canay,
    J. P. Romano and A. M. Shaikh, "Randomization Tests Under an Approximate Symmetry Assumption", Econometrica 85 (3),
    2017, pp. 1013-1030, doi:10.3982/ECTA13081.
    """
    sums, _ = _by_unit(differences, groups)
    moved = [abs(one) for one in sums if abs(one) > _ROUNDING]
    seen = abs(sum(sums)) - _ROUNDING
    if not moved:
        return 1.0
    if len(moved) <= _EXACT:
        found = [abs(sum(sign * one for sign, one in zip(signs, moved, strict=True)))
                 for signs in product((1, -1), repeat=len(moved))]  # fmt: skip
        return sum(one >= seen for one in found) / len(found)
    rng = random.Random(f"signs/{seed}")
    drawn = sum(abs(sum(one if rng.random() < 0.5 else -one for one in moved)) >= seen for _ in range(RESAMPLES))
    return (drawn + 1) / (RESAMPLES + 1)


def _by_unit(values: Sequence[float], groups: Sequence[int] | None) -> tuple[list[float], list[int]]:
    """The sum of the values of each unit, and how many there are."""
    if groups is None:
        return list(values), [1] * len(values)
    sums: dict[int, float] = {}
    sizes: dict[int, int] = {}
    for group, value in zip(groups, values, strict=True):
        sums[group] = sums.get(group, 0.0) + value
        sizes[group] = sizes.get(group, 0) + 1
    return list(sums.values()), list(sizes.values())
