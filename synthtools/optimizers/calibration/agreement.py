"""How far a judge and people agree beyond chance."""

from collections.abc import Mapping, Sequence
from math import sqrt

from synthtools.optimizers.calibration.binomial import clopper_pearson
from synthtools.types.calibration import Counts, Estimate

Rows = Mapping[str, Mapping[str, float]]
"""By what the judge said: the shares of what people said; each row adds up to 1."""


def cohen_kappa(counts: Counts, corpus: Mapping[str, int], values: Sequence[str]) -> Estimate | None:
    """Cohen's kappa in the corpus, from labels sampled by verdict.

    Agreement and chance agreement are those of the corpus: each row of the table is weighted by the share of the
    corpus that has its verdict. The interval moves the agreement within each row to its exact limits, one row at a
    time, and puts the changes of kappa together (MOVER, see `rates`): the usual standard error is too small where a row
    has next to no error.

    Args:
        counts: Labelled verdicts, by what the judge said, then by what people said; at least one in each row.
        corpus: All verdicts by what the judge said.
        values: The verdict values.

    Returns:
        The estimate; None where judge and people give one and the same value throughout, and so agree by definition.

    Source: J. Cohen, "A Coefficient of Agreement for Nominal Scales", Educational and Psychological Measurement 20 (1),
    1960, pp. 37-46, doi:10.1177/001316446002000104.
    """
    total = sum(corpus[verdict] for verdict in counts)
    weights = {verdict: corpus[verdict] / total for verdict in counts}
    rows = {verdict: _shares(row, values) for verdict, row in counts.items()}
    kappa = _kappa(rows, weights, values)
    if kappa is None:
        return None
    below = above = 0.0
    for verdict, row in counts.items():
        exact = clopper_pearson(row.get(verdict, 0), sum(row.values()))
        moved = [
            _kappa({**rows, verdict: _moved(verdict, row, values, limit)}, weights, values)
            for limit in (exact.low, exact.high)
        ]
        changes = [0.0 if value is None else value - kappa for value in moved]
        below += min(*changes, 0.0) ** 2
        above += max(*changes, 0.0) ** 2
    return Estimate(value=kappa, low=max(-1.0, kappa - sqrt(below)), high=min(1.0, kappa + sqrt(above)))


def _kappa(rows: Rows, weights: Mapping[str, float], values: Sequence[str]) -> float | None:
    observed = sum(weights[verdict] * row[verdict] for verdict, row in rows.items())
    people = {value: sum(weights[verdict] * row[value] for verdict, row in rows.items()) for value in values}
    chance = sum(weight * people[verdict] for verdict, weight in weights.items())
    return (observed - chance) / (1.0 - chance) if chance < 1.0 else None


def _shares(row: Mapping[str, int], values: Sequence[str]) -> dict[str, float]:
    total = sum(row.values())
    return {value: row.get(value, 0) / total for value in values}


def _moved(verdict: str, row: Mapping[str, int], values: Sequence[str], agreement: float) -> dict[str, float]:
    """A row with another agreement; what people say else keeps its proportions, as far as the labels show any."""
    others = {value: row.get(value, 0) + 0.5 for value in values if value != verdict}
    total = sum(others.values())
    return {verdict: agreement, **{value: (1.0 - agreement) * count / total for value, count in others.items()}}
