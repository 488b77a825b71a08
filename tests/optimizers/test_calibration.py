"""What labels say of a judge: intervals that hold, known values, weights of a sample by verdict, and thresholds."""

from collections import Counter
from random import Random
from typing import Any

import pytest

import synthtools as st
from synthtools.errors import DataError
from synthtools.optimizers.calibration.binomial import clopper_pearson
from synthtools.types.calibration import Calibration, Estimate


def synthetic(rate: float, recall: float, specificity: float, labelled: int, corpus: int, seed: int) -> Calibration:
    """A judge of known error rates on a corpus of known rate, with as many labels of one verdict as of the other."""
    draw = Random(f"{rate}/{recall}/{specificity}/{seed}")
    truth = [draw.random() < rate for _ in range(corpus)]
    verdicts = [draw.random() < (recall if true else 1 - specificity) for true in truth]
    positive = [case for case, verdict in enumerate(verdicts) if verdict]
    negative = [case for case, verdict in enumerate(verdicts) if not verdict]
    rare, common = sorted((positive, negative), key=len)
    few = min(len(rare), labelled // 2)
    chosen = draw.sample(rare, few) + draw.sample(common, min(len(common), labelled - few))
    return st.calibrate(
        [truth[case] for case in chosen],
        [verdicts[case] for case in chosen],
        {"yes": len(positive), "no": len(negative)},
    )


def holds(estimate: Estimate | None, truth: float) -> bool:
    return estimate is not None and estimate.low <= truth <= estimate.high


@pytest.mark.parametrize(
    ("rate", "recall", "specificity", "labelled", "corpus"),
    [
        (0.1, 0.7, 0.9, 120, 2_000),
        (0.3, 0.9, 0.7, 60, 500),
        (0.5, 0.98, 0.98, 60, 5_000),
        (0.7, 0.8, 0.85, 300, 20_000),
        (0.9, 0.7, 0.98, 120, 1_000),
        (0.9, 0.9, 0.7, 200, 2_000),
    ],
)
def test_the_true_rate_and_the_error_rates_are_in_their_intervals(
    rate: float, recall: float, specificity: float, labelled: int, corpus: int
) -> None:
    held: Counter[str] = Counter()
    for seed in range(100):
        found = synthetic(rate, recall, specificity, labelled, corpus, seed)
        held["rate"] += holds(found.true_rate, rate)
        held["recall"] += holds(found.recall, recall)
        held["specificity"] += holds(found.specificity, specificity)
    assert min(held["rate"], held["recall"], held["specificity"]) >= 93, held


def test_an_uncorrected_rate_is_wrong_where_the_corrected_one_is_right() -> None:
    found = synthetic(0.1, 0.7, 0.7, 120, 20_000, 1)
    assert found.judged_rate > found.true_rate.high
    assert holds(found.true_rate, 0.1)
    narrow = synthetic(0.1, 0.7, 0.7, 300, 20_000, 1).true_rate
    assert narrow.high - narrow.low < found.true_rate.high - found.true_rate.low


LABELLED = ([True] * 27 + [False] * 3 + [True] * 6 + [False] * 24, [True] * 30 + [False] * 30)
"""Of 30 positive verdicts 27 are right, of 30 negative ones 24."""
CORPUS = {"yes": 900, "no": 100}


def test_the_three_ways_to_correct_a_rate_are_one() -> None:
    found = st.calibrate(*LABELLED, CORPUS)
    assert found.recall is not None and found.specificity is not None
    rogan_gladen = (found.judged_rate + found.specificity.value - 1) / (
        found.recall.value + found.specificity.value - 1
    )
    judged = 0.9
    prediction_powered = judged + 0.9 * (27 / 30 - 1) + 0.1 * (6 / 30 - 0)
    assert found.true_rate.value == pytest.approx(0.9 * 0.9 + 0.1 * 0.2)
    assert found.true_rate.value == pytest.approx(rogan_gladen)
    assert found.true_rate.value == pytest.approx(prediction_powered)


def test_labels_are_weighted_by_how_often_the_judge_gave_their_verdict() -> None:
    found = st.calibrate(*LABELLED, CORPUS)
    assert found.agreement.value == pytest.approx(0.9 * 0.9 + 0.1 * 0.8)
    assert found.recall is not None
    assert found.recall.value == pytest.approx(0.81 / 0.83)
    alone = st.calibrate(*LABELLED)
    assert alone.agreement.value == pytest.approx(51 / 60)
    assert alone.corpus == {"yes": 30, "no": 30}
    assert (found.precision, found.labelled) == (alone.precision, 60), "precision does not depend on the corpus"


def test_cohens_kappa_of_a_known_table() -> None:
    """Twenty and fifteen agreements of fifty, with the margins 25/25 and 30/20, make 0.4."""
    labels = [True] * 20 + [False] * 5 + [True] * 10 + [False] * 15
    found = st.calibrate(labels, [True] * 25 + [False] * 25)
    assert found.kappa is not None
    assert found.kappa.value == pytest.approx(0.4)
    assert found.kappa.low < 0.4 < found.kappa.high
    assert found.line == f"calibrated: kappa 0.40 ({found.kappa.low:.2f}-{found.kappa.high:.2f}), n=50"


def test_a_judge_with_several_verdicts_is_compared_value_by_value() -> None:
    verdicts = ["right"] * 6 + ["late"] * 6 + ["lost"] * 6
    labels = ["right"] * 5 + ["late"] + ["late"] * 4 + ["lost"] * 2 + ["lost"] * 6
    found = st.calibrate(labels, verdicts, {"right": 800, "late": 100, "lost": 100}, positive="right")
    assert found.counts["late"] == {"late": 4, "lost": 2}
    assert found.agreement.value == pytest.approx(0.8 * 5 / 6 + 0.1 * 4 / 6 + 0.1)
    assert found.negative_precision is not None
    assert found.negative_precision.value == pytest.approx(1.0), "late instead of lost is not right all the same"
    assert found.true_rate.value == pytest.approx(0.8 * 5 / 6)
    assert found.kappa is not None and found.kappa.low < found.kappa.value < found.kappa.high


def test_no_error_in_few_labels_does_not_make_a_judge_perfect() -> None:
    found = st.calibrate([True] * 15 + [False] * 15, [True] * 15 + [False] * 15, {"yes": 500, "no": 500})
    for estimate in (found.agreement, found.kappa, found.precision, found.recall, found.specificity, found.true_rate):
        assert estimate is not None and estimate.high - estimate.low > 0.1
    same = st.calibrate([True] * 9, [True] * 9)
    assert (same.kappa, same.negative_precision, same.specificity) == (None, None, None)


@pytest.mark.parametrize(
    ("correct", "judged", "low", "high"),
    [
        (0, 10, 0.0, 0.3085),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
        (1, 1, 0.025, 1.0),
        (290, 300, 0.9395, 0.9839),
    ],
)
def test_exact_intervals_of_known_shares(correct: int, judged: int, low: float, high: float) -> None:
    found = clopper_pearson(correct, judged)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_a_threshold_is_fitted_to_scores_on_one_half_and_measured_on_the_other() -> None:
    draw = Random(3)
    scores = [draw.random() for _ in range(200)]
    labels = [score + draw.gauss(0, 0.1) > 0.6 for score in scores]
    found = st.calibrate(labels, scores, [draw.random() for _ in range(1_000)])
    assert found.threshold == pytest.approx(0.6, abs=0.08)
    assert found.labelled == 100
    assert sum(found.corpus.values()) == 1_000
    assert found.true_rate.low < 0.4 < found.true_rate.high
    with pytest.raises(DataError, match="labels of both kinds"):
        st.calibrate([True] * 4, [0.1, 0.2, 0.3, 0.4])
    with pytest.raises(DataError, match="scores for every case"):
        st.calibrate([True, False], [0.1, True])


def test_what_does_not_fit_together_is_refused_in_a_line() -> None:
    with pytest.raises(DataError, match="2 labels for 1 verdicts"):
        st.calibrate([True, False], [True])
    with pytest.raises(DataError, match="there are no labels"):
        st.calibrate([], [])
    with pytest.raises(DataError, match=r"no label yet of no \(7 in the corpus\)"):
        st.calibrate([True], [True], {"yes": 3, "no": 7})
    with pytest.raises(DataError, match="2 labels of yes, which the corpus has 1 times"):
        st.calibrate([True, False], [True, True], {"yes": 1})


@pytest.mark.parametrize(
    ("labels", "verdicts", "corpus", "said"),
    [
        ([1, 0], [True, False], None, "the label 1 is not True or False"),
        ([True, None], [True, False], None, "the label None is not True or False"),
        (["right", "wrong"], ["right", "wrong"], None, "the label 'right' is not True or False, as it must be where"),
        ([True, False], ["yes", "no"], None, "the verdict 'yes' is not True or False"),
        ([True, False], [True, False], [True, False, "no"], "the verdict 'no' is not True or False"),
        ([True, False] * 4, [0.9, float("nan")] * 4, None, "a score is infinite or no number"),
    ],
)
def test_what_would_never_agree_is_not_compared(labels: Any, verdicts: Any, corpus: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        st.calibrate(labels, verdicts, corpus)


def test_a_corpus_may_be_read_once_and_its_counts_be_of_true_and_false() -> None:
    labels, scores = [True, False] * 10, [0.9, 0.1] * 10
    assert st.calibrate(labels, scores, iter(scores)) == st.calibrate(labels, scores)
    counted = st.calibrate([True, False], [True, False], {True: 30, False: 10})
    assert counted == st.calibrate([True, False], [True, False], {"yes": 30, "no": 10})


def test_a_calibration_is_a_record_that_shows_itself() -> None:
    found = st.calibrate(*LABELLED, CORPUS)
    assert st.Calibration.from_json(found.to_json()) == found
    assert "true_rate" in found._repr_html_()
