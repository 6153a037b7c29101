"""Squared distances between all latents and all codes, with their gradient."""

from __future__ import annotations

from torch import Tensor


def squared_distances(rows: Tensor, codebook: Tensor) -> Tensor:
    """‖z_i − e_j‖² (N, K), never negative.

    Args:
        rows: z (N, D), of one dtype with the codes.
        codebook: e (K, D).

    Returns:
        (N, K), differentiable to both.
    """
    # From the codes' own centre the summands are small and keep their digits.
    centre = codebook.detach().mean(dim=0)
    z, e = rows - centre, codebook - centre
    own = z.square().sum(dim=1, keepdim=True)
    return (own + e.square().sum(dim=1) - 2 * z @ e.T).clamp(min=0)
