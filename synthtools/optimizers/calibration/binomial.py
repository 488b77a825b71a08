"""Exact intervals for a share of few trials."""

from functools import lru_cache
from math import exp, lgamma, log

from synthtools.types.interval import Interval

_BISECTIONS = 50
_SMALLEST = 1e-300
_CLOSE = 1e-12


@lru_cache(maxsize=4096)
def clopper_pearson(correct: int, judged: int, confidence: float = 0.95) -> Interval:
    """The exact interval of `correct` out of `judged`: it covers at least as often as it says, at any share.

    Source: C. J. Clopper and E. S. Pearson, "The Use of Confidence or Fiducial Limits Illustrated in the Case of the
    Binomial", Biometrika 26 (4), 1934, pp. 404-413, doi:10.1093/biomet/26.4.404.
    """
    tail = (1.0 - confidence) / 2
    return Interval(
        low=_beta_quantile(tail, correct, judged - correct + 1) if correct else 0.0,
        high=_beta_quantile(1.0 - tail, correct + 1, judged - correct) if correct < judged else 1.0,
    )


def _beta_quantile(probability: float, a: float, b: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _beta_distribution(a, b, middle) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta_distribution(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), for 0 < x < 1."""
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log(1.0 - x))
    if x < (a + 1.0) / (a + b + 2.0):  # where the fraction converges fast
        return front / (a * _fraction(a, b, x))
    return 1.0 - front / (b * _fraction(b, a, 1.0 - x))


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of DLMF 8.17.22 (https://dlmf.nist.gov/8.17.E22), by Lentz's method."""
    value, above, below = 1.0, 1.0, 0.0
    step, change = 0, 0.0
    while abs(change - 1.0) > _CLOSE:
        step += 1
        half = step // 2
        if step % 2:
            term = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            term = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        below = 1.0 / _nonzero(1.0 + term * below)
        above = _nonzero(1.0 + term / above)
        change = above * below
        value *= change
    return value


def _nonzero(value: float) -> float:
    return value if abs(value) > _SMALLEST else _SMALLEST
