"""An angle added to a cosine."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def add_angular_margin(cosine: Tensor, margin: float) -> Tensor:
    """cos(θ + m) where cos θ is given: the class asks for m radians more.

    Expanded as cos θ · cos m − √((1 − cos θ)(1 + cos θ)) · sin m, without an arc
    cosine, so that value and gradient are finite at cos θ = ±1; there the root's
    own gradient, which has no finite value, counts as 0.

    Past θ + m = π the cosine would rise again and reward a latent for moving away.
    From there on the result is cos θ − m · sin m, which keeps falling with θ
    (ArcFace's own rule; it steps down by at most m²/2 where the two meet). For
    m > 2.33, where that rule would step up, it is cos θ − (1 − cos m) instead,
    which meets the curve without a step.

    Args:
        cosine: any shape, values in [−1, 1]; rounding errors beyond count as ±1.
            Half precision is computed, and returned, in float32: bfloat16 cannot
            tell angles of 0.09 rad near 0 apart.
        margin: m in radians, 0 ≤ m < π.

    Returns:
        A tensor of the same shape, float32 or float64.

    Raises:
        TypeError: if the cosine is not floating point.
        ValueError: if the margin is outside [0, π).

    Source: ArcFace (Deng et al., 2019), equation 3.
    """
    check_margin(margin)
    if not cosine.is_floating_point():
        raise TypeError(f"cosine must be floating point, got {cosine.dtype}")
    if cosine.dtype in (torch.float16, torch.bfloat16):
        cosine = cosine.float()
    floor = torch.finfo(cosine.dtype).tiny
    sine = ((1 - cosine) * (1 + cosine)).clamp(min=floor).sqrt()
    advanced = cosine * math.cos(margin) - sine * math.sin(margin)
    past_pi = cosine < -math.cos(margin)
    drop = max(margin * math.sin(margin), 1 - math.cos(margin))
    return torch.where(past_pi, cosine - drop, advanced)


def check_margin(margin: float) -> None:
    """Refuse a margin outside [0, π) radians.

    Raises:
        ValueError: naming the margin, and degrees where it looks like them.
    """
    if margin >= math.pi:
        raise ValueError(
            f"margin={margin} looks like degrees; margins are radians below π, "
            f"and {margin} degrees are {math.radians(margin):.4f} radians"
        )
    if not margin >= 0:
        raise ValueError(f"margin={margin} must be at least 0 radians")
