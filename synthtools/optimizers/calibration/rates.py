"""Rates of a corpus from labels of some of it, sampled by what a judge said.

The judge saw the whole corpus, people a sample of each verdict. In a stratum (one verdict) with the weight W, the
share of the corpus that has that verdict, k of m labelled cases have a property, such as being right. A rate of the
corpus is then the sum of W k/m. For a binary judge this is the double-sampling estimate of Tenenbein (1970); it is also
prediction-powered inference (Angelopoulos et al., 2023) with the strata of the judge's own verdicts, and the estimate
of Rogan and Gladen (1978) with the judge's error rates measured in the same corpus: the three agree to the last digit.

Intervals put the exact intervals of the strata together by the method of variance estimates recovery (MOVER), which
needs no normal approximation where a stratum has no error in thirty labels. That the corpus is itself one of many that
could have been made is counted in.

Sources:
- A. Tenenbein, "A Double Sampling Scheme for Estimating from Binomial Data with Misclassifications", Journal of the
  American Statistical Association 65 (331), 1970, pp. 1350-1361, doi:10.1080/01621459.1970.10481170.
- W. J. Rogan and B. Gladen, "Estimating Prevalence from the Results of a Screening Test", American Journal of
  Epidemiology 107 (1), 1978, pp. 71-76, doi:10.1093/oxfordjournals.aje.a112510.
- A. N. Angelopoulos, S. Bates, C. Fannjiang, M. I. Jordan and T. Zrnic, "Prediction-powered inference", Science 382
  (6671), 2023, pp. 669-674, doi:10.1126/science.adi6000.
- G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: A general approach", Statistics in
  Medicine 27 (10), 2008, pp. 1693-1702, doi:10.1002/sim.3095; for ratios: A. Donner and G. Y. Zou, "Closed-form
  confidence intervals for functions of the normal mean and standard deviation", Statistical Methods in Medical Research
  21 (4), 2012, pp. 347-359, doi:10.1177/0962280210383082.
"""

from collections.abc import Sequence
from math import inf, sqrt
from typing import NamedTuple

from synthtools.optimizers.calibration.binomial import clopper_pearson
from synthtools.types.calibration import Estimate

_Z = 1.96
"""Standard normal quantile of 95 % intervals."""


class Stratum(NamedTuple):
    """The verdicts of one value: how many there are, how many were labelled, and how many of those have a property."""

    corpus: int
    labelled: int
    having: int

    @property
    def share(self) -> float:
        """Of the labelled ones: the share that has the property."""
        return self.having / self.labelled

    @property
    def without(self) -> "Stratum":
        """The same for not having the property."""
        return self._replace(having=self.labelled - self.having)


def rate(strata: Sequence[Stratum]) -> Estimate:
    """The share of all verdicts in some strata that have the property. Every stratum has labels and verdicts."""
    total = sum(stratum.corpus for stratum in strata)
    found = _part(strata, total)
    varying = max(0.0, _squares(strata, total) - found.value**2) / total
    low, high = _widened(found, varying)
    return Estimate(value=min(1.0, found.value), low=max(0.0, low), high=min(1.0, high))


def share_of(part: Sequence[Stratum], rest: Sequence[Stratum]) -> Estimate | None:
    """Of everything that has the property, in `part` or `rest`: the share that is in `part`.

    None where nothing was found to have it. With `part` the positive verdicts and the property of being positive, it
    is the judge's recall.
    """
    total = sum(stratum.corpus for stratum in (*part, *rest))
    inside, outside = _part(part, total), _part(rest, total)
    if inside.value == 0.0:
        return None if outside.value == 0.0 else _complement(share_of(rest, part))
    odds = _ratio(outside, inside)
    relative = _squares(part, total) / inside.value**2
    if outside.value:
        relative += _squares(rest, total) / outside.value**2
    low, high = _widened(odds, odds.value**2 * relative / total)
    return Estimate(value=1.0 / (1.0 + odds.value), low=1.0 / (1.0 + high), high=1.0 / (1.0 + max(0.0, low)))


def _complement(estimate: Estimate | None) -> Estimate | None:
    if estimate is None:
        return None
    return Estimate(value=1.0 - estimate.value, low=1.0 - estimate.high, high=1.0 - estimate.low)


def _part(strata: Sequence[Stratum], total: int) -> Estimate:
    """The share of `total` verdicts that is in some strata and has the property, for this one corpus."""
    value = below = above = 0.0
    for stratum in strata:
        weight = stratum.corpus / total
        exact = clopper_pearson(stratum.having, stratum.labelled)
        value += weight * stratum.share
        below += (weight * (stratum.share - exact.low)) ** 2
        above += (weight * (exact.high - stratum.share)) ** 2
    return Estimate(value=value, low=max(0.0, value - sqrt(below)), high=value + sqrt(above))


def _squares(strata: Sequence[Stratum], total: int) -> float:
    """What the spread of the weights over corpora comes from."""
    return sum(stratum.corpus / total * stratum.share**2 for stratum in strata)


def _widened(estimate: Estimate, variance: float) -> tuple[float, float]:
    """The interval of an estimate with a further variance that is independent of it."""
    further = _Z * _Z * variance
    below, above = estimate.value - estimate.low, estimate.high - estimate.value
    return estimate.value - sqrt(below**2 + further), estimate.value + sqrt(above**2 + further)


def _ratio(above: Estimate, below: Estimate) -> Estimate:
    """The ratio of two independent estimates, the first not negative and the second positive (MOVER-R)."""
    product = above.value * below.value
    first = product**2 - above.low * below.high * (2 * above.value - above.low) * (2 * below.value - below.high)
    second = product**2 - above.high * below.low * (2 * above.value - above.high) * (2 * below.value - below.low)
    floor, ceiling = below.high * (2 * below.value - below.high), below.low * (2 * below.value - below.low)
    low = (product - sqrt(max(0.0, first))) / floor if floor else 0.0
    high = (product + sqrt(max(0.0, second))) / ceiling if ceiling > 0.0 else inf
    return Estimate(value=above.value / below.value, low=max(0.0, low), high=high)
