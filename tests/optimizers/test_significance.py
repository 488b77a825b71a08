"""Intervals and p values of paired scores: known cases, coverage, and what few cases may not claim."""

import random

import pytest

from synthtools.errors import DataError
from synthtools.optimizers.case import Case
from synthtools.optimizers.compile.significance import bootstrap_interval, compare, sign_flip_p_value
from synthtools.optimizers.compile.units import units_of


def test_equal_programs_gain_nothing() -> None:
    found = compare([0.0, 1.0, 0.5] * 5, [0.0, 1.0, 0.5] * 5, seed=0)
    assert found.gain == (0.0, 0.0, 0.0)
    assert found.p_value == 1.0 and not found.significant


def test_a_clear_gain_is_significant_and_its_interval_holds_the_mean() -> None:
    before, after = [0.0, 1.0] * 10, [1.0, 1.0] * 10
    found = compare(before, after, seed=1)
    assert found.gain.mean == 0.5
    assert 0.0 < found.gain.low < 0.5 < found.gain.high < 1.0
    assert found.p_value == pytest.approx(2 / 2**10)
    assert found.significant


@pytest.mark.parametrize(("cases", "significant"), [(4, False), (5, False), (6, True)])
def test_improvements_of_a_handful_of_cases_are_not_beyond_chance(cases: int, significant: bool) -> None:
    found = compare([0.0] * cases, [1.0] * cases, seed=0)
    assert found.gain.low < 0.3 and found.gain.mean == found.gain.high == 1.0
    assert found.p_value == pytest.approx(2 / 2**cases)
    assert found.significant is significant


def test_a_few_equal_scores_do_not_make_a_program_perfect() -> None:
    found = compare([0.0] * 16, [1.0] * 16, seed=0)
    assert found.after == (1.0, pytest.approx(0.05 ** (1 / 16)), 1.0)
    assert found.before == (0.0, 0.0, pytest.approx(1 - 0.05 ** (1 / 16)))
    half = compare([0.5] * 16, [0.5] * 16, seed=0).before
    assert half.low < 0.5 < half.high and half.high - half.low < 0.2


def test_a_loss_is_not_recommended() -> None:
    found = compare([1.0] * 20, [0.0, 1.0] * 10, seed=0)
    assert found.gain.high < 0 and not found.significant


def test_equal_inputs_and_seeds_give_equal_intervals() -> None:
    drawn = random.Random(0)
    values = [drawn.random() for _ in range(30)]
    assert bootstrap_interval(values, 3) == bootstrap_interval(values, 3)
    assert bootstrap_interval(values, 3) != bootstrap_interval(values, 4)


def test_the_p_value_of_many_cases_agrees_with_the_exact_one() -> None:
    assert sign_flip_p_value([1.0] * 9 + [-1.0] * 3, 0) == pytest.approx(2 * (1 + 12 + 66 + 220) / 2**12)
    drawn = sign_flip_p_value([1.0] * 10 + [-1.0] * 3, 0)
    assert drawn == pytest.approx(2 * (1 + 13 + 78 + 286) / 2**13, abs=0.015)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    drawn = random.Random(7)
    covered = 0
    for trial in range(60):
        differences = [drawn.choice([-0.5, 0.0, 0.0, 0.5, 1.0]) for _ in range(25)]
        interval = bootstrap_interval(differences, trial)
        covered += interval.low <= 0.2 <= interval.high
    assert covered / 60 > 0.85


def test_fields_that_gain_as_a_whole_count_once_each() -> None:
    # Twelve fields of ten equal cases say what twelve cases say, and no more.
    gains = [1.0, 0.0, 0.0, 1.0, 0.0, -1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0]
    after = [gain for gain in gains for _ in range(10)]
    groups = [field for field in range(12) for _ in range(10)]
    whole, each = compare([0.0] * 120, after, 0, groups), compare([0.0] * 120, after, 0)
    assert whole == compare([0.0] * 12, gains, 0)
    assert whole.p_value > 0.05 > each.p_value and each.significant and not whole.significant
    assert whole.gain.low < each.gain.low and whole.gain.high > each.gain.high


def test_units_that_are_equal_leave_an_interval_of_some_width() -> None:
    # Half of the cases of each of eleven fields: no field differs from another, and there are few of them.
    before, after = [0.0, 1.0] * 55, [1.0, 1.0] * 55
    found = compare(before, after, 0, [case // 10 for case in range(110)])
    part = 0.05 ** (1 / 11)
    assert found.before == pytest.approx((0.5, part / 2, 1 - part / 2))
    assert found.gain == pytest.approx((0.5, part / 2 - (1 - part), 1 - part / 2)) and found.significant


def test_units_of_unequal_size_count_by_their_cases() -> None:
    groups = [0] * 5 + [1, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    values = [1.0] * 5 + [0.0, 1.0] + [0.0] * 8
    found = bootstrap_interval(values, 0, groups)
    assert found.mean == pytest.approx(6 / 15) and found.low < 6 / 15 < found.high
    assert found.high - found.low > 0.4, "a third of the cases come or go together"
    # The signs of a unit change together: the large one and another are all that moves.
    assert sign_flip_p_value(values, 0, groups) == 0.5


@pytest.mark.parametrize(
    ("fields", "records", "unit", "number"),
    [(10, 30, "field", 10), (9, 30, "record", 30), (2, 10, "record", 10), (2, 9, "case", 60), (3, 60, "case", 60)],
)
def test_the_largest_units_of_which_there_are_ten_are_taken(fields: int, records: int, unit: str, number: int) -> None:
    cases = [
        Case(id=str(n), field=f"f{n % records % fields}", inputs={}, source=f"env-generation/{n % records}")
        for n in range(60)
    ]
    found = units_of(cases)
    assert (found.unit, found.number, found.fields) == (unit, number, fields)
    assert len(found.groups) == 60 and len(set(found.groups)) == number
    assert ("speak of other such fields, too" in found.scope) == (unit == "field")
    assert f"{number} {unit}s" in found.scope or unit == "field"


def test_scores_must_be_paired() -> None:
    with pytest.raises(DataError, match="2 scores before and 1 after"):
        compare([0.0, 1.0], [1.0], seed=0)
    with pytest.raises(DataError, match="0 scores"):
        compare([], [], seed=0)
