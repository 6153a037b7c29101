"""Statistics of a few pairs: by hand, against SciPy, and in a simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcvq_lite.study.statistics import (
    bootstrap_interval,
    holm,
    most_confidence,
    sign_flip_p,
    smallest_p,
    student_quantile,
)

few = st.lists(st.floats(-5, 5), min_size=2, max_size=6)


# The sign-flip test


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1, 2, 3, 4, 5], 2 / 32),
        ([-1, -2, -3, -4, -5], 2 / 32),
        ([1, 2, 3], 2 / 8),
        ([3, 3, -1], 4 / 8),  # |sum| is 5; of 8, the sums ±7 and ±5
        ([1, -1], 1.0),
        ([0, 0, 0], 1.0),
    ],
)
def test_the_sign_flip_test_by_hand(differences, p):
    assert sign_flip_p(differences) == p


def test_a_tie_is_a_tie_whatever_the_order_of_summation():
    assert sign_flip_p([0.1, 0.2, 0.3, 0.4, 0.7]) == 2 / 32
    assert sign_flip_p([0.3, 0.1, 0.2]) == 2 / 8


@given(few)
def test_the_sign_flip_test_is_scipys(differences):
    stats = pytest.importorskip("scipy.stats")
    values = np.round(differences, 3)
    found = stats.permutation_test(
        (values,), np.sum, permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_p(values) == pytest.approx(found.pvalue)


def test_with_five_seeds_no_p_is_below_two_thirty_seconds():
    assert smallest_p(5) == 2 / 32 == sign_flip_p([1e-9, 5, 7, 1, 2])


def test_many_seeds_are_drawn_and_close_to_the_exact_ones():
    values = np.random.default_rng(1).normal(0.3, 1, 17)
    signs = np.array(list(itertools.product((-1, 1), repeat=17)))
    exact = (abs(signs @ values) >= abs(values.sum()) - 1e-9).mean()
    assert sign_flip_p(values) == pytest.approx(exact, abs=0.005)
    assert sign_flip_p(values) == sign_flip_p(values)


# Holm's correction


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_or_changes_their_order(values):
    corrected = holm(values)
    for before, after in zip(values, corrected, strict=True):
        assert before <= after <= 1
    for one, other in itertools.combinations(range(len(values)), 2):
        if values[one] <= values[other]:
            assert corrected[one] <= corrected[other]


# Student's t and the interval


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 30])
@pytest.mark.parametrize("share", [0.6, 0.975, 0.9995])
def test_students_quantile_is_scipys(share, freedom):
    stats = pytest.importorskip("scipy.stats")
    expected = stats.t.ppf(share, freedom)
    assert student_quantile(share, freedom) == pytest.approx(expected, rel=1e-7)


def test_the_interval_of_two_by_hand():
    """Of two values the resampled means are low, middle twice, and high."""
    interval = bootstrap_interval([1.0, 3.0], 0.95)
    assert (interval.low, interval.high) == (1.0, 3.0)
    narrow = bootstrap_interval([1.0, 3.0], 0.1)
    assert (narrow.low, narrow.high) == (2.0, 2.0)


@given(few)
def test_the_interval_holds_the_mean_and_lies_in_the_range(differences):
    interval = bootstrap_interval(differences, 0.95)
    mean, rounding = math.fsum(differences) / len(differences), 1e-9
    assert min(differences) - rounding <= interval.low <= mean + rounding
    assert mean - rounding <= interval.high <= max(differences) + rounding


@given(few, st.floats(-3, 3), st.floats(0.1, 3))
def test_the_interval_moves_and_scales_with_the_differences(values, shift, factor):
    interval = bootstrap_interval(values, 0.9)
    moved = bootstrap_interval([factor * v + shift for v in values], 0.9)
    assert moved.low == pytest.approx(factor * interval.low + shift, abs=1e-6)
    assert moved.high == pytest.approx(factor * interval.high + shift, abs=1e-6)


def test_more_confidence_is_wider():
    values = [0.3, -0.1, 0.8, 0.4, 0.2, 0.9]
    widths = [
        interval.high - interval.low
        for interval in (bootstrap_interval(values, c) for c in (0.5, 0.8, 0.95))
    ]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


def test_equal_differences_leave_no_room():
    interval = bootstrap_interval([0.0] * 5, 0.999)
    assert (interval.low, interval.high) == (0.0, 0.0)


def test_too_few_seeds_and_no_numbers_are_refused():
    with pytest.raises(ValueError, match="at least 2 seeds are needed, got 1"):
        bootstrap_interval([1.0], 0.95)
    with pytest.raises(ValueError, match="must be finite"):
        sign_flip_p([1.0, math.nan])
    with pytest.raises(ValueError, match="confidence=95"):
        bootstrap_interval([1.0, 2.0], 95)


def coverage(count, confidence, tries=1500):
    """How often the interval of normal differences holds their mean, 0."""
    draw = np.random.default_rng(0)
    drawn = draw.normal(size=(tries, count))
    found = [bootstrap_interval(differences, confidence) for differences in drawn]
    return np.mean([interval.low <= 0 <= interval.high for interval in found])


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    assert coverage(5, 0.95) == pytest.approx(0.92, abs=0.02)
    assert coverage(5, 0.80) == pytest.approx(0.80, abs=0.03)


def test_no_interval_of_three_seeds_is_surer_than_their_range():
    """However much is asked for: they would all have to lie on one side."""
    assert most_confidence(3) == 0.75
    assert most_confidence(5) == 0.9375
    assert coverage(3, 0.9999) == pytest.approx(0.75, abs=0.03)


@pytest.mark.slow
def test_the_interval_of_ten_seeds_holds_the_truth_too():
    assert coverage(10, 0.95, tries=600) == pytest.approx(0.95, abs=0.02)
