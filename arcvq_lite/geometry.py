"""The ball that bounds the codebook, and how a codebook lies on the sphere."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.schedules import LARGEST_FLOAT32

# Rescaling a row to the radius rounds each of its entries, so its norm computed
# again may exceed the radius by a few units in the last place. Rows within this
# many units count as inside, which makes the projection exactly idempotent.
_ROUNDING_UNITS = 16


def project_to_ball(codebook: Tensor, radius: float) -> Tensor:
    """Nearest point of the ball for every code: rows that stick out are rescaled.

    A code e with ‖e‖ > radius becomes radius · e / ‖e‖, any other stays as it is,
    so that no norm is ever raised. The gradient flows through the rescaling.

    Args:
        codebook: (K, D) floating point.
        radius: the ball's radius, at least 0, in the units of the codes.

    Returns:
        A new tensor (K, D) of the codebook's dtype.

    Raises:
        TypeError: if the codebook is not floating point.
        ValueError: if it is not (K, D), or the radius is negative or not finite
            in float32.

    Source: ArcVQ-VAE (Kim & Yoo, 2026), Ball-Bounded Norm Regularization.
    """
    return _rescaled(codebook, radius)


@torch.no_grad()
def project_to_ball_(codebook: Tensor, radius: float) -> Tensor:
    """`project_to_ball` in place, outside the graph; returns the same tensor.

    Args:
        codebook: (K, D) floating point, a parameter or a buffer.
        radius: the ball's radius, at least 0.

    Returns:
        The codebook (K, D) itself.

    Raises:
        TypeError: if the codebook is not floating point.
        ValueError: if it is not (K, D), or the radius is negative or not finite
            in float32.

    Source: ArcVQ-VAE (Kim & Yoo, 2026), Ball-Bounded Norm Regularization.
    """
    return codebook.copy_(_rescaled(codebook, radius))


def _rescaled(codebook: Tensor, radius: float) -> Tensor:
    """The projected rows (K, D), computed in float32 for half precision."""
    _check_codebook(codebook)
    if not 0 <= radius <= LARGEST_FLOAT32:
        raise ValueError(f"radius={radius} must be at least 0 and finite in float32")
    rows = codebook if codebook.dtype == torch.float64 else codebook.float()
    norms = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    slack = 1 + _ROUNDING_UNITS * torch.finfo(rows.dtype).eps
    if rows.dtype != codebook.dtype:
        slack += torch.finfo(codebook.dtype).eps
    outside = norms > radius * slack
    # Rows inside are divided by 1, not by a norm that may be 0: `where` would
    # multiply the infinite gradient of the branch not taken by 0.
    norms = torch.where(outside, norms, 1.0)
    factor = torch.where(outside, torch.full_like(norms, radius) / norms, 1.0)
    return (rows * factor).to(codebook.dtype)


@dataclass(frozen=True)
class CodebookGeometry:
    """How K codes lie: their lengths, and how evenly their directions spread.

    Attributes:
        norms: (K,) Euclidean norms.
        nearest_angles: (K,) angle in radians from each code's direction to the
            nearest other one; NaN for a code of zero norm, which has no direction.
        uniformity: log of the mean of exp(−2‖x − y‖²) over all pairs of different
            directions; lower is more even, 0 is all in one place.
    """

    norms: Tensor
    nearest_angles: Tensor
    uniformity: float

    @property
    def mean_nearest_angle(self) -> float:
        """Mean over the codes, in degrees."""
        return math.degrees(self.nearest_angles.nanmean().item())


@torch.no_grad()
def codebook_geometry(codebook: Tensor) -> CodebookGeometry:
    """Norms, nearest-neighbour angles and uniformity of a codebook.

    Read the angles beside `uniform_sphere(K, D)`: how far apart K directions can
    be depends on D far more than on the training.

    Args:
        codebook: (K, D) floating point, K at least 2.

    Returns:
        A `CodebookGeometry`, its (K,) tensors on the codebook's device.

    Raises:
        TypeError: if the codebook is not floating point.
        ValueError: if it is not (K, D) with K ≥ 2.

    Source: uniformity is Wang & Isola (2020), equation 2, with t = 2.
    """
    _check_codebook(codebook)
    if len(codebook) < 2:
        raise ValueError(f"codebook needs at least 2 codes, got {len(codebook)}")
    codes = codebook if codebook.dtype == torch.float64 else codebook.float()
    norms = torch.linalg.vector_norm(codes, dim=1)
    has_direction = norms > 0
    directions = F.normalize(codes[has_direction], dim=1)
    nearest_angles = torch.full_like(norms, math.nan)
    if len(directions) < 2:
        return CodebookGeometry(norms, nearest_angles, math.nan)
    nearest_angles[has_direction] = _nearest_angles(directions)
    return CodebookGeometry(norms, nearest_angles, _uniformity(directions))


def uniform_sphere(num_codes: int, dim: int, *, seed: int = 0) -> CodebookGeometry:
    """The geometry of `num_codes` directions drawn evenly from the sphere.

    The reference that a trained codebook of the same K and D is read against.

    Args:
        num_codes: K, at least 2.
        dim: D, at least 1.
        seed: of the draw.

    Returns:
        The `CodebookGeometry` of the draw; every norm is 1.

    Raises:
        ValueError: if a size is out of its range.
    """
    if num_codes < 2 or dim < 1:
        raise ValueError(
            f"num_codes={num_codes} must be at least 2 and dim={dim} at least 1"
        )
    generator = torch.Generator().manual_seed(seed)
    draw = torch.randn(num_codes, dim, generator=generator)
    return codebook_geometry(F.normalize(draw, dim=1))


# Pairs are visited in blocks of rows, so that 65,536 codes need no K × K matrix.
_BLOCK_ROWS = 1024


def _nearest_angles(directions: Tensor) -> Tensor:
    angles = []
    for start in range(0, len(directions), _BLOCK_ROWS):
        block = directions[start : start + _BLOCK_ROWS]
        cosine = block @ directions.T  # (rows, K)
        own = torch.arange(len(block), device=block.device)
        cosine[own, start + own] = -torch.inf
        nearest = directions[cosine.argmax(dim=1)]
        # The chord keeps its digits where the arc cosine of 1 − tiny loses them.
        half_chord = torch.linalg.vector_norm(block - nearest, dim=1) / 2
        angles.append(2 * half_chord.clamp(max=1).asin())
    return torch.cat(angles)


def _uniformity(directions: Tensor) -> float:
    total = 0.0
    for block in directions.split(_BLOCK_ROWS):
        squared_distance = (2 - 2 * block @ directions.T).clamp(min=0)
        total += (-2 * squared_distance).exp().sum(dim=1).cpu().double().sum().item()
    count = len(directions)
    # Every direction met itself once, at distance 0 up to rounding.
    return math.log(max(total - count, torch.finfo().tiny) / (count * (count - 1)))


def _check_codebook(codebook: Tensor) -> None:
    if not codebook.is_floating_point():
        raise TypeError(f"codebook must be floating point, got {codebook.dtype}")
    if codebook.dim() != 2:
        raise ValueError(f"codebook must be (K, D), got {tuple(codebook.shape)}")
