import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtools.errors import DataError
from synthtools.types.audit import ModeScore
from synthtools.types.interval import wilson


@pytest.mark.parametrize(
    ("correct", "judged", "low", "high"),
    [
        # Textbook values of the 95 % score interval (rounded to four digits).
        (0, 10, 0.0, 0.2775),
        (1, 10, 0.0179, 0.4042),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (81, 263, 0.2553, 0.3662),
        (6, 6, 0.6097, 1.0),
        (0, 0, 0.0, 1.0),
    ],
)
def test_the_interval_has_the_known_values(correct: int, judged: int, low: float, high: float):
    interval = wilson(correct, judged)
    assert (interval.low, interval.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    assert ModeScore(correct=correct, judged=judged).interval == interval


@given(st.integers(1, 5_000).flatmap(lambda judged: st.tuples(st.integers(0, judged), st.just(judged))))
def test_the_interval_holds_the_share_and_mirrors_with_it(counts: tuple[int, int]):
    correct, judged = counts
    interval, mirrored = wilson(correct, judged), wilson(judged - correct, judged)
    assert 0.0 <= interval.low <= correct / judged <= interval.high <= 1.0
    assert interval.low < interval.high
    assert (mirrored.low, mirrored.high) == (pytest.approx(1 - interval.high), pytest.approx(1 - interval.low))


def test_more_trials_make_it_narrower():
    assert wilson(30, 60).high - wilson(30, 60).low < wilson(3, 6).high - wilson(3, 6).low


@pytest.mark.parametrize(("correct", "judged"), [(2, 1), (-1, 3), (0, -1)])
def test_counts_that_cannot_be_are_refused(correct: int, judged: int):
    with pytest.raises(DataError, match="correct of"):
        wilson(correct, judged)
