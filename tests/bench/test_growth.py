"""Exponents fitted to made-up times."""

import pytest
import torch

from arcvq_lite.bench.growth import fitted_power

SIZES = (100, 200, 400, 800)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0])
def test_a_power_is_found_again(exponent):
    costs = [3e-4 * size**exponent for size in SIZES]
    found, factor = fitted_power(SIZES, costs)
    assert found == pytest.approx(exponent, abs=1e-9)
    assert factor == pytest.approx(3e-4)


def test_noise_moves_it_little_and_a_fixed_cost_lowers_it():
    times = [size * (1 + 0.02 * torch.randn(()).item()) for size in SIZES]
    noisy, _ = fitted_power(SIZES, times)
    assert noisy == pytest.approx(1.0, abs=0.05)
    fixed, _ = fitted_power(SIZES, [size + 500 for size in SIZES])
    assert fixed < 0.6


@pytest.mark.parametrize(
    ("sizes", "costs", "message"),
    [
        ((1,), (1.0,), "at least two different"),
        ((2, 2), (1.0, 1.0), "at least two different"),
        ((1, 2), (1.0,), "got 1 costs"),
        ((1, 2), (1.0, 0.0), "above 0"),
    ],
)
def test_too_little_to_fit_is_refused(sizes, costs, message):
    with pytest.raises(ValueError, match=message):
        fitted_power(sizes, costs)
