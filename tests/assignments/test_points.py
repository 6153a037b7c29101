"""Points are shared in tenths, by weight alone, and written as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcvq_lite.grading.points import add, share, written


@given(
    st.integers(0, 400).map(lambda tenths: tenths / 10),
    st.lists(st.integers(1, 30), min_size=1, max_size=12),
)
def test_shares_are_tenths_in_proportion_with_an_exact_sum(total, weights):
    shares = share(total, weights)
    assert add(shares) == total
    for part, weight in zip(shares, weights, strict=True):
        assert abs(part - total * weight / sum(weights)) < 0.1 + 1e-9
        assert round(part * 10) == pytest.approx(part * 10)


@given(
    st.integers(0, 400).map(lambda tenths: tenths / 10),
    st.lists(st.integers(1, 30), min_size=1, max_size=12),
    st.integers(2, 50),
)
def test_shares_depend_on_the_proportion_of_the_weights_alone(total, weights, factor):
    shares = share(total, weights)
    assert share(total, [factor * weight for weight in weights]) == shares
    by_weight = sorted(zip(weights, shares, strict=True))
    lighter_first = [points for _, points in by_weight]
    assert lighter_first == sorted(lighter_first)


def test_a_tenth_that_is_left_goes_to_the_greater_weight_of_equals():
    assert share(5, [5, 2, 3, 5]) == [1.7, 0.6, 1.0, 1.7]
    assert share(10, [5, 2, 3, 5]) == [3.4, 1.3, 2.0, 3.3]
    assert share(12, [3, 3, 2, 2]) == [3.6, 3.6, 2.4, 2.4]
    # Floats would see a loss of their own making, and give the tenth to the 1.
    assert share(5, [1, 7, 7]) == [0.3, 2.4, 2.3]


def test_points_are_written_as_people_do():
    points = (7.0, 7.5, 0.0, 100.0, 7.25, 0.1 + 0.2)
    told = ["7", "7.5", "0", "100", "7.25", "0.3"]
    assert [written(each) for each in points] == told
