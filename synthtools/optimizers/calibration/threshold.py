"""From which score on a verdict should be positive."""

from collections.abc import Sequence
from itertools import pairwise


def fit_threshold(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """The threshold with the largest sum of recall and specificity; in the middle between two scores.

    Where several are as good, the lowest. It maximises Youden's J, which does not depend on how many are positive:
    W. J. Youden, "Index for rating diagnostic tests", Cancer 3 (1), 1950, pp. 32-35,
    doi:10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3.

    Args:
        scores: One a case, higher where it is more likely positive.
        labels: Whether each case is positive; some are, some are not.
    """
    distinct = sorted(set(scores))
    middles = [(low + high) / 2 for low, high in pairwise(distinct)]
    positives = sum(labels)
    negatives = len(labels) - positives

    def youden(threshold: float) -> float:
        found = [label for score, label in zip(scores, labels, strict=True) if score >= threshold]
        return sum(found) / positives - (len(found) - sum(found)) / negatives

    return max([distinct[0], *middles], key=youden)
