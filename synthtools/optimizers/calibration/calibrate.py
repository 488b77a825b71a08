"""A judge's verdicts beside people's labels: its error rates, and a corpus's rates with those errors taken out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from random import Random
from typing import Any, cast

from synthtools.errors import DataError
from synthtools.optimizers.calibration.agreement import cohen_kappa
from synthtools.optimizers.calibration.rates import Stratum, rate, share_of
from synthtools.optimizers.calibration.threshold import fit_threshold
from synthtools.types.calibration import Calibration, Counts, Estimate, JudgeVersion
from synthtools.types.interval import wilson

Verdict = bool | str

_SEED = 0
"""Of the halves that a threshold is fitted and measured on."""


def calibrate(
    labels: Sequence[Verdict],
    verdicts: Sequence[Verdict | float],
    corpus: Iterable[Verdict | float] | Mapping[str, int] | Mapping[bool, int] | None = None,
    *,
    positive: Verdict = True,
    judge: str = "",
    judged_by: JudgeVersion | None = None,
) -> Calibration:
    """Compares a judge's verdicts with people's labels, and corrects the rate of a corpus by what is found.

    Cases to be labelled may be chosen by verdict, as many of each as one likes, but within a verdict by chance: a rate
    of the corpus weights each verdict by how often the judge gave it there. Intervals are 95 %; those of precision are
    Wilson's where one verdict is positive, all others are made of exact ones (see `rates`).

    Args:
        labels: The right verdicts, by people.
        verdicts: The judge's verdicts of the same cases; or its scores, for which a threshold is fitted on one half of
            the cases, with all else measured on the other half.
        corpus: All verdicts (or scores) of the judge, or how many there are of each; None: the labelled ones alone.
        positive: The verdict whose rate is asked for; labels and verdicts are True and False, or words, as it is.
        judge: The judge's name.
        judged_by: The prompt and model of the verdicts.

    Raises:
        DataError: labels and verdicts do not match, or are not of the kind of `positive`; a verdict of the corpus has
            no label at all; or labels are all positive or all negative where a threshold is to be fitted.
    """
    if len(labels) != len(verdicts):
        raise DataError(f"{len(labels)} labels for {len(verdicts)} verdicts: give one label a verdict")
    _check_kind("label", labels, positive)
    counted = cast("Mapping[Verdict, int]", corpus) if isinstance(corpus, Mapping) else None
    listed = None if corpus is None or counted is not None else list(cast("Iterable[Verdict | float]", corpus))
    threshold = None
    if any(map(_is_score, verdicts)):
        if counted is not None:
            raise DataError("verdicts that are scores need the scores of the corpus, not its counts")
        threshold, labels, verdicts, listed = _by_threshold(labels, verdicts, listed, positive)
    _check_kind("verdict", verdicts, positive)
    said = [_name(verdict) for verdict in verdicts]
    if counted is not None:
        everything = {_name(verdict): number for verdict, number in counted.items() if number}
    elif listed is not None:
        _check_kind("verdict", listed, positive)
        everything = dict(Counter(map(_name, listed)))
    else:
        everything = dict(Counter(said))
    counts = _table(said, [_name(label) for label in labels])
    _check(counts, everything)
    return Calibration(
        format=1,
        judge=judge,
        judged_by=judged_by,
        labelled=len(said),
        counts=counts,
        corpus=everything,
        threshold=threshold,
        **_measures(counts, everything, _name(positive)),
    )


def _table(said: Sequence[str], right: Sequence[str]) -> Counts:
    counts: Counts = {}
    for verdict, label in zip(said, right, strict=True):
        row = counts.setdefault(verdict, {})
        row[label] = row.get(label, 0) + 1
    return counts


def _measures(counts: Counts, corpus: dict[str, int], positive: str) -> dict[str, Any]:
    """The rates of a calibration, by field."""
    values = sorted({*counts, *(label for row in counts.values() for label in row), positive})
    negative = [value for value in values if value != positive]

    def strata(verdicts: Iterable[str], right: Sequence[str]) -> list[Stratum]:
        """The strata of some verdicts, with the property that people say one of `right`."""
        rows = {verdict: counts[verdict] for verdict in verdicts if verdict in counts}
        return [
            Stratum(corpus[verdict], sum(row.values()), sum(row.get(value, 0) for value in right))
            for verdict, row in rows.items()
        ]

    precise, missed = strata([positive], [positive]), strata(negative, [positive])
    return {
        "positive": positive,
        "agreement": rate([stratum for verdict in counts for stratum in strata([verdict], [verdict])]),
        "kappa": cohen_kappa(counts, corpus, values),
        "precision": _precision(precise),
        "negative_precision": _precision(strata(negative, negative)),
        "recall": share_of(precise, missed),
        "specificity": share_of(strata(negative, negative), strata([positive], negative)),
        "judged_rate": corpus.get(positive, 0) / sum(corpus.values()),
        "true_rate": rate([*precise, *missed]),
    }


def _precision(strata: Sequence[Stratum]) -> Estimate | None:
    if len(strata) != 1:
        return rate(strata) if strata else None
    interval = wilson(strata[0].having, strata[0].labelled)
    return Estimate(value=strata[0].share, low=interval.low, high=interval.high)


def _check_kind(what: str, values: Sequence[object], positive: Verdict) -> None:
    """Whether all are True or False, or all are words: what is compared with another kind would never agree."""
    kind = type(positive)
    if strays := [value for value in values if type(value) is not kind]:
        wanted = "True or False" if kind is bool else "a word"
        raise DataError(f"the {what} {strays[0]!r} is not {wanted}, as it must be where positive={positive!r}")


def _check(counts: Counts, corpus: Mapping[str, int]) -> None:
    if not counts:
        raise DataError("there are no labels: label some verdicts first")
    if unlabelled := sorted(corpus.keys() - counts.keys()):
        listed = ", ".join(f"{verdict} ({corpus[verdict]} in the corpus)" for verdict in unlabelled)
        raise DataError(f"no label yet of {listed}: label at least one case of each verdict")
    for verdict, row in counts.items():
        if sum(row.values()) > corpus.get(verdict, 0):
            raise DataError(
                f"{sum(row.values())} labels of {verdict}, which the corpus has {corpus.get(verdict, 0)} times: "
                "the labelled verdicts are part of the corpus"
            )


def _by_threshold(
    labels: Sequence[Verdict],
    scores: Sequence[Verdict | float],
    corpus: Sequence[Verdict | float] | None,
    positive: Verdict,
) -> tuple[float, list[Verdict], list[Verdict], list[Verdict | float]]:
    """A threshold from one half of the cases, with the labels and verdicts of the other half and the corpus's."""
    if not all(map(_is_score, [*scores, *(corpus or ())])):
        raise DataError("give scores for every case and for the whole corpus, or verdicts for all of them")
    numbers = cast("Sequence[float]", scores)
    everything = numbers if corpus is None else cast("Sequence[float]", corpus)
    if not all(map(isfinite, [*numbers, *everything])):
        raise DataError("a score is infinite or no number: leave such cases out")
    order = list(range(len(labels)))
    Random(_SEED).shuffle(order)
    fitted, measured = order[::2], order[1::2]
    wanted = [labels[index] == positive for index in fitted]
    if len(set(wanted)) < 2:
        raise DataError("a threshold needs labels of both kinds: label more cases")
    threshold = fit_threshold([numbers[index] for index in fitted], wanted)

    def told(value: bool) -> Verdict:
        return positive if value else (not positive if isinstance(positive, bool) else f"not {positive}")

    return (
        threshold,
        [told(labels[index] == positive) for index in measured],
        [told(numbers[index] >= threshold) for index in measured],
        [told(score >= threshold) for score in everything],
    )


def _is_score(verdict: Verdict | float) -> bool:
    return isinstance(verdict, int | float) and not isinstance(verdict, bool)


def _name(verdict: Verdict | float) -> str:
    if isinstance(verdict, bool):
        return "yes" if verdict else "no"
    return str(verdict)
