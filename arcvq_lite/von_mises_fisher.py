"""The von Mises–Fisher distribution: a bump on the unit sphere.

    p(x) = C_D(κ) exp(κ ⟨μ, x⟩),      log C_D(κ) = −log area(S^{D−1}) − log M_D(κ),

with mean direction μ, concentration κ and M_D(κ) the mean of exp(κ x₁) over the
sphere. κ = 0 is the uniform distribution. The mean of ⟨μ, x⟩ is A_D(κ), the mean
resultant length. Everything is computed in float64, whatever dtype comes in: the
KL divergence to the uniform is a difference of large numbers at large κ, and of
small ones at small κ.

Source: hyperspherical VAE (Davidson et al., 2018), section 3.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.distributions import Beta
from torch.nn import functional as F

from arcvq_lite.bessel import log_mean_exponential

# Gauss–Legendre nodes on [0, 1] for one tail of a density, and how many standard
# deviations of it are integrated. The rest is below float64's resolution.
_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(64)
_TAIL = 14.0


def mean_resultant_length(concentration: Tensor, dim: int) -> Tensor:
    """A_D(κ) = I_{D/2}(κ) / I_{D/2−1}(κ), in [0, 1).

    Args:
        concentration: κ of any shape, at least 0.
        dim: D, at least 2.

    Returns:
        A tensor of κ's shape and dtype.

    Raises:
        TypeError: if κ is not floating point.
        ValueError: if κ is negative or not finite, or D below 2.
    """
    _check(concentration, dim)
    length: Tensor = _MeanResultantLength.apply(concentration.double(), dim)
    return length.to(concentration.dtype)


def log_normalizer(concentration: Tensor, dim: int) -> Tensor:
    """The logarithm of C_D(κ), the factor that makes the density integrate to 1.

    Args:
        concentration: κ of any shape, at least 0.
        dim: D, at least 2.

    Returns:
        A tensor of κ's shape and dtype.

    Raises:
        TypeError: if κ is not floating point.
        ValueError: if κ is negative or not finite, or D below 2.
    """
    _check(concentration, dim)
    log_area = math.log(2) + dim / 2 * math.log(math.pi) - math.lgamma(dim / 2)
    kappa = concentration.double()
    # log M = κ A − KL, both of which have their gradient.
    length: Tensor = _MeanResultantLength.apply(kappa, dim)
    divergence: Tensor = _KLToUniform.apply(kappa, dim)
    return (divergence - kappa * length - log_area).to(concentration.dtype)


def kl_to_uniform(concentration: Tensor, dim: int) -> Tensor:
    """KL(vMF(μ, κ) ‖ uniform) = κ A_D(κ) − log M_D(κ) in nats, never negative.

    It is κ² / 2D for small κ, and grows like (D − 1)/2 · log κ.

    Args:
        concentration: κ of any shape, at least 0.
        dim: D, at least 2.

    Returns:
        A tensor of κ's shape and dtype.

    Raises:
        TypeError: if κ is not floating point.
        ValueError: if κ is negative or not finite, or D below 2.

    Source: Davidson et al. (2018), section 3.3.
    """
    _check(concentration, dim)
    divergence: Tensor = _KLToUniform.apply(concentration.double(), dim)
    return divergence.to(concentration.dtype)


def draw(mean: Tensor, concentration: Tensor) -> Tensor:
    """One point for each pair of mean direction and concentration.

    The angle to the mean is drawn by rejection, the direction away from it evenly.
    Gradients reach both arguments and have the right expectation: the angle's is
    the implicit one of Figurnov et al. (2018), which differentiates the cumulative
    distribution, so that no term for the rejections is left over.

    Args:
        mean: μ (N, D), unit rows, D at least 2.
        concentration: κ (N,), at least 0.

    Returns:
        (N, D) unit rows of the mean's dtype, drawn from torch's global generator.

    Raises:
        TypeError: if κ is not floating point.
        ValueError: if a shape is refused, or κ is negative or not finite.

    Source: Wood (1994), after Ulrich (1984); Davidson et al. (2018), section 3.2.
    """
    if mean.dim() != 2 or concentration.shape != mean.shape[:1]:
        raise ValueError(
            f"mean must be (N, D) and concentration (N,), got {tuple(mean.shape)} "
            f"and {tuple(concentration.shape)}"
        )
    _check(concentration, mean.shape[1])
    axis = mean.double()
    angle: Tensor = _Angle.apply(concentration.double(), mean.shape[1])  # (N,)
    away = torch.randn_like(axis)
    away = away - (away * axis).sum(dim=1, keepdim=True) * axis
    away = F.normalize(away, dim=1)  # (N, D), orthogonal to the mean
    points = angle.cos()[:, None] * axis + angle.sin()[:, None] * away
    return points.to(mean.dtype)


class _MeanResultantLength(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kappa: Tensor, dim: int) -> Tensor:
        _, quotient, curvature = log_mean_exponential(dim, kappa)
        ctx.save_for_backward(curvature)
        return kappa * quotient

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (curvature,) = ctx.saved_tensors
        return gradient * curvature, None


class _KLToUniform(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kappa: Tensor, dim: int) -> Tensor:
        value, quotient, curvature = log_mean_exponential(dim, kappa)
        ctx.save_for_backward(kappa * curvature)
        return kappa.square() * quotient - value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return gradient * slope, None


class _Angle(torch.autograd.Function):
    """φ in [0, π], of density proportional to exp(κ cos φ) sin^{D−2} φ."""

    @staticmethod
    def forward(ctx: Any, kappa: Tensor, dim: int) -> Tensor:
        angle = _rejected_until_right(kappa, dim)
        ctx.dim = dim
        ctx.save_for_backward(kappa, angle)
        return angle

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        kappa, angle = ctx.saved_tensors
        return gradient * _implicit_gradient(kappa, angle, ctx.dim), None


def _rejected_until_right(kappa: Tensor, dim: int) -> Tensor:
    """Angles (N,). Written in 1 − cos φ, which keeps its digits at large κ."""
    n = dim - 1
    b = n / (2 * kappa + (4 * kappa.square() + n**2).sqrt())  # (0, 1]
    proposal = Beta(*torch.tensor([n / 2, n / 2]).to(kappa))
    drawn = torch.zeros_like(kappa)
    waiting = torch.arange(len(kappa), device=kappa.device)
    while len(waiting):
        k, width = kappa[waiting], b[waiting]
        z = proposal.sample(waiting.shape)
        v = 2 * width * z / (1 - (1 - width) * z)  # 1 − cos φ
        envelope = (2 * width + (1 - width) * v) * (1 + width) / (4 * width)
        log_share = k * (2 * width / (1 + width) - v) + n * envelope.log()
        accepted = log_share >= torch.rand_like(v).log()
        drawn[waiting[accepted]] = v[accepted]
        waiting = waiting[~accepted]
    return 2 * (drawn / 2).clamp(0, 1).sqrt().asin()


def _implicit_gradient(kappa: Tensor, angle: Tensor, dim: int) -> Tensor:
    """dφ/dκ = −∂F(φ; κ)/∂κ / p(φ), with F the cumulative distribution of φ.

    −∂F/∂κ is the integral of (cos s − A) p(s) from φ to π, and minus the one from 0
    to φ. The tail that does not hold the mode is taken: p falls along it.
    """
    bend = dim - 2
    mode = 2 * kappa / (bend + (bend**2 + 4 * kappa.square()).sqrt()).clamp(min=1e-300)
    upper = angle.cos() <= mode
    reach = _TAIL / (kappa * mode + bend).clamp(min=1e-300).sqrt()
    length = torch.where(upper, math.pi - angle, angle).minimum(reach)
    length = torch.where(upper, length, -length)[:, None]  # (N, 1), signed
    nodes = torch.from_numpy((_NODES + 1) / 2).to(angle)
    weights = torch.from_numpy(_NODE_WEIGHTS / 2).to(angle)
    s, phi, k = angle[:, None] + length * nodes, angle[:, None], kappa[:, None]
    log_density = k * (s.cos() - phi.cos()) + bend * (_log_sine(s) - _log_sine(phi))
    mean = kappa * log_mean_exponential(dim, kappa).quotient
    values = (s.cos() - mean[:, None]) * log_density.exp() * length
    return values @ weights


def _log_sine(angle: Tensor) -> Tensor:
    return angle.sin().clamp(min=1e-300).log()


def _check(concentration: Tensor, dim: int) -> None:
    if dim < 2:
        raise ValueError(f"dim={dim} must be at least 2")
    if not concentration.is_floating_point():
        raise TypeError(
            f"concentration must be floating point, got {concentration.dtype}"
        )
    if not (torch.isfinite(concentration) & (concentration >= 0)).all():
        raise ValueError(
            "concentration must be at least 0 and finite, got values from "
            f"{concentration.min().item()} to {concentration.max().item()}"
        )
