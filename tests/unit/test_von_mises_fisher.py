"""The von Mises–Fisher distribution against other people's integrals and draws."""

import math

import mpmath
import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.nn import functional as F

from arcvq_lite import von_mises_fisher as vmf
from arcvq_lite.bessel import log_mean_exponential

DIMS = [2, 3, 16, 64, 512]
CONCENTRATIONS = [1e-6, 1e-3, 0.5, 9.99, 10.01, 60.0, 1e3, 1e5]

every_dim = pytest.mark.parametrize("dim", DIMS)


def float64(*values):
    return torch.tensor(values, dtype=torch.float64)


def slope_of_length(dim, kappa):
    """A'(κ) by its formula, with the ratio from mpmath."""
    with mpmath.workdps(30):
        ratio = mpmath.besseli(dim / 2, kappa) / mpmath.besseli(dim / 2 - 1, kappa)
        return float(1 - ratio**2 - (dim - 1) / mpmath.mpf(kappa) * ratio)


# The Bessel functions behind it


@every_dim
def test_mean_exponential_and_its_derivatives_equal_30_digits_of_mpmath(dim):
    found = log_mean_exponential(dim, float64(*CONCENTRATIONS))
    with mpmath.workdps(30):
        order = mpmath.mpf(dim) / 2 - 1
        for place, kappa in enumerate(CONCENTRATIONS):
            x = mpmath.mpf(kappa)
            bessel, above = (mpmath.besseli(order + n, x) for n in (0, 1))
            scale = order * mpmath.log(2 / x) + mpmath.loggamma(order + 1)
            length = above / bessel
            expected = (
                mpmath.log(bessel) + scale,
                length / x,
                1 - length**2 - (dim - 1) * length / x,
            )
            ours = [value[place].item() for value in found]
            bounds = (1e-11, 1e-11, 1e-7)
            for value, right, bound in zip(ours, expected, bounds, strict=True):
                assert value == pytest.approx(float(right), rel=bound, abs=0)


def test_in_three_dimensions_everything_has_a_closed_form():
    kappa = float64(0.01, 0.3, 2, 9, 11, 40, 300)
    length = 1 / kappa.tanh() - 1 / kappa
    log_sinh = kappa + torch.log1p(-torch.exp(-2 * kappa)) - math.log(2)
    normalizer = kappa.log() - math.log(4 * math.pi) - log_sinh
    torch.testing.assert_close(
        vmf.mean_resultant_length(kappa, 3), length, rtol=1e-9, atol=0
    )
    torch.testing.assert_close(vmf.log_normalizer(kappa, 3), normalizer)


# The divergence


@pytest.mark.parametrize("dim", [2, 3, 16, 64])
@pytest.mark.parametrize("kappa", [0.05, 1.0, 9.0, 11.0, 150.0])
def test_the_divergence_equals_its_integral(dim, kappa):
    """The integral of p log(p / u) over the angle to the mean, by quadrature."""

    def even(angle):
        return math.sin(angle) ** (dim - 2)

    def bump(angle):
        return even(angle) * math.exp(kappa * (math.cos(angle) - 1))

    def total(function):
        value, _ = integrate.quad(
            function, 0, math.pi, epsabs=0, epsrel=1e-11, limit=200
        )
        return value

    whole, evenly = total(bump), total(even)
    gap = math.log(evenly / whole)

    def surprise(angle):
        return bump(angle) * (kappa * (math.cos(angle) - 1) + gap) / whole

    value, _ = integrate.quad(surprise, 0, math.pi, epsabs=1e-12, limit=200)
    found = vmf.kl_to_uniform(float64(kappa), dim).item()
    assert found == pytest.approx(value, rel=1e-8, abs=1e-11)


@pytest.mark.parametrize("dim", [2, 3, 16, 64])
@pytest.mark.parametrize("kappa", [0.1, 5.0, 200.0])
def test_the_divergence_is_the_entropy_that_is_missing_from_the_uniform(dim, kappa):
    oracle = stats.vonmises_fisher(np.eye(dim)[0], kappa).entropy()
    area = math.log(2) + dim / 2 * math.log(math.pi) - math.lgamma(dim / 2)
    found = vmf.kl_to_uniform(float64(kappa), dim).item()
    assert found == pytest.approx(area - oracle, rel=1e-9, abs=1e-11)


@every_dim
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_divergence_is_never_negative_and_grows_with_the_concentration(dim, dtype):
    kappa = torch.logspace(-6, 5, 600, dtype=torch.float64).to(dtype)
    divergence = vmf.kl_to_uniform(kappa, dim)
    assert divergence.dtype == dtype
    assert torch.isfinite(divergence).all()
    assert (divergence > 0).all()
    assert (divergence.diff() >= 0).all()


@every_dim
def test_the_divergence_has_its_limits(dim):
    assert vmf.kl_to_uniform(float64(0.0), dim).item() == 0
    small = vmf.kl_to_uniform(float64(1e-5), dim).item()
    assert small == pytest.approx(1e-10 / (2 * dim), rel=1e-9)
    far, farther = vmf.kl_to_uniform(float64(1e5, 1e5 * math.e), dim).tolist()
    # The next term of the expansion is of the order D² / κ.
    assert farther - far == pytest.approx((dim - 1) / 2, abs=dim**2 / 1e5)


@every_dim
def test_float32_in_is_computed_in_float64(dim):
    kappa = torch.logspace(-3, 5, 50)
    for function in (
        vmf.kl_to_uniform,
        vmf.log_normalizer,
        vmf.mean_resultant_length,
    ):
        exact = function(kappa.double(), dim)
        assert torch.equal(function(kappa, dim), exact.float())


@every_dim
@pytest.mark.parametrize("kappa", [1e-3, 0.7, 9.0, 30.0, 2e3, 1e5])
def test_gradients_equal_finite_differences(dim, kappa):
    point, width = float64(kappa).requires_grad_(), 1e-4 * kappa
    for function in (
        vmf.kl_to_uniform,
        vmf.log_normalizer,
        vmf.mean_resultant_length,
    ):
        (gradient,) = torch.autograd.grad(function(point, dim).sum(), point)
        low, high = function(float64(kappa - width, kappa + width), dim).tolist()
        # Rounding of the values, over the step, bounds what differences can see.
        seen = 1e-11 * max(1.0, abs(high)) / width
        assert gradient.item() == pytest.approx(
            (high - low) / (2 * width), rel=1e-6, abs=seen
        )


@every_dim
def test_the_gradient_is_finite_where_the_distribution_is_uniform(dim):
    kappa = float64(0.0).requires_grad_()
    vmf.mean_resultant_length(kappa, dim).sum().backward()
    assert kappa.grad.item() == pytest.approx(1 / dim, rel=1e-9)
    kappa.grad = None
    vmf.kl_to_uniform(kappa, dim).sum().backward()
    assert kappa.grad.item() == 0


# The draws


def drawn(dim, kappa, count, dtype=torch.float64):
    mean = F.normalize(torch.randn(1, dim, dtype=dtype), dim=1).expand(count, dim)
    mean = mean.clone().requires_grad_()
    concentration = torch.full((count,), kappa, dtype=dtype, requires_grad=True)
    return vmf.draw(mean, concentration), mean, concentration


@every_dim
@pytest.mark.parametrize("kappa", [0.0, 1e-6, 2.0, 50.0, 1e5])
def test_the_cosine_to_the_mean_has_the_moments_of_theory(dim, kappa):
    """Mean A and variance A', within five standard errors of 4,000 draws."""
    points, mean, _ = drawn(dim, kappa, 4000)
    torch.testing.assert_close(points.norm(dim=1), torch.ones_like(points[:, 0]))
    cosine = (points * mean).sum(dim=1).detach()
    length = vmf.mean_resultant_length(float64(kappa), dim).item()
    variance = slope_of_length(dim, kappa) if kappa else 1 / dim
    error = math.sqrt(variance / 4000)
    assert cosine.mean().item() == pytest.approx(length, abs=5 * error)
    squared = (cosine - length).square()
    error = squared.std().item() / math.sqrt(4000)
    assert squared.mean().item() == pytest.approx(variance, abs=5 * error)


@every_dim
def test_no_direction_away_from_the_mean_is_preferred(dim):
    points, mean, _ = drawn(dim, 3.0, 4000)
    away = points - (points * mean).sum(dim=1, keepdim=True) * mean
    away = F.normalize(away.detach(), dim=1)
    error = math.sqrt(1 / (dim - 1) / 4000)
    assert away.mean(dim=0).abs().max() < 5 * error


@pytest.mark.parametrize("kappa", [0.3, 4.0, 200.0])
def test_on_the_circle_the_angle_is_von_mises(kappa):
    points, mean, _ = drawn(2, kappa, 3000)
    sine = points[:, 1] * mean[:, 0] - points[:, 0] * mean[:, 1]
    angle = torch.atan2(sine, (points * mean).sum(dim=1)).detach()
    assert stats.kstest(angle.numpy(), stats.vonmises(kappa).cdf).pvalue > 0.001


@pytest.mark.parametrize("dim", [5, 40])
@pytest.mark.parametrize("kappa", [0.3, 30.0])
def test_the_draws_are_distributed_as_scipys(dim, kappa):
    points, mean, _ = drawn(dim, kappa, 3000)
    oracle = stats.vonmises_fisher(mean[0].detach().numpy(), kappa)
    theirs = oracle.rvs(3000, random_state=0) @ mean[0].detach().numpy()
    ours = (points * mean).sum(dim=1).detach().numpy()
    assert stats.ks_2samp(ours, theirs).pvalue > 0.001


@every_dim
@pytest.mark.parametrize("kappa", [1e-6, 2.0, 50.0, 1e5])
def test_the_gradient_to_the_concentration_has_the_right_mean(dim, kappa):
    """d E[cos] / dκ = A'(κ), which a gradient that ignores rejections misses."""
    points, mean, concentration = drawn(dim, kappa, 4000)
    (points * mean).sum().backward()
    error = concentration.grad.std().item() / math.sqrt(4000)
    found = concentration.grad.mean().item()
    assert found == pytest.approx(slope_of_length(dim, kappa), abs=5 * error)


def test_the_gradient_to_the_concentration_is_exact_for_each_draw_on_the_sphere():
    """In three dimensions the distribution of the cosine can be inverted."""
    points, mean, concentration = drawn(3, 4.0, 50)
    cosine = (points * mean).sum(dim=1)
    share = torch.expm1(4.0 * (cosine.detach() - 1)) / math.expm1(-8.0)
    kappa = torch.full_like(share, 4.0).requires_grad_()
    inverted = 1 + torch.log1p(share * torch.expm1(-2 * kappa)) / kappa
    torch.testing.assert_close(inverted, cosine)
    (expected,) = torch.autograd.grad(inverted.sum(), kappa)
    (found,) = torch.autograd.grad(cosine.sum(), concentration)
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-9)


@every_dim
def test_the_gradient_to_the_mean_has_the_right_mean(dim):
    """E[x] = A μ, so along the sphere the gradient of E⟨x, c⟩ is A c."""
    points, mean, _ = drawn(dim, 4.0, 4000)
    target = torch.randn(dim, dtype=torch.float64)
    (points @ target).sum().backward()
    axis = mean[0].detach()
    along = mean.grad - (mean.grad @ axis)[:, None] * axis
    expected = vmf.mean_resultant_length(float64(4.0), dim) * (
        target - (target @ axis) * axis
    )
    error = along.std(dim=0) / math.sqrt(4000)
    assert ((along.mean(dim=0) - expected).abs() <= 5 * error + 1e-12).all()


@every_dim
def test_a_draw_keeps_its_dtype_and_follows_the_global_seed(dim):
    def seeded(seed):
        torch.manual_seed(0)
        mean = F.normalize(torch.randn(20, dim), dim=1)
        torch.manual_seed(seed)
        return vmf.draw(mean, torch.full((20,), 5.0))

    assert seeded(1).dtype == torch.float32
    assert torch.equal(seeded(1), seeded(1))
    assert not torch.equal(seeded(1), seeded(2))


def test_one_concentration_a_row_is_used():
    mean = F.normalize(torch.randn(2, 4), dim=1).repeat_interleave(500, dim=0)
    concentration = torch.tensor([0.1, 1e4]).repeat_interleave(500)
    cosine = (vmf.draw(mean, concentration) * mean).sum(dim=1)
    assert cosine[:500].mean() < 0.2
    assert cosine[500:].min() > 0.99


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: vmf.kl_to_uniform(float64(1.0), 1), ValueError, "dim=1 must"),
        (lambda: vmf.kl_to_uniform(float64(-1.0), 3), ValueError, "from -1.0"),
        (lambda: vmf.log_normalizer(float64(math.inf), 3), ValueError, "finite"),
        (lambda: vmf.kl_to_uniform(float64(math.nan), 3), ValueError, "from nan"),
        (lambda: vmf.mean_resultant_length(torch.ones(1).int(), 3), TypeError, "int32"),
        (lambda: vmf.draw(torch.ones(3), torch.ones(3)), ValueError, r"got \(3,\)"),
        (lambda: vmf.draw(torch.ones(4, 3), torch.ones(3)), ValueError, r"\(4, 3\)"),
    ],
)
def test_what_is_no_distribution_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
