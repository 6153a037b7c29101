"""What every quantizer takes and returns, and the steps that they share."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.layout import float32_island
from arcvq_lite.quantizers.largest_score import largest_score


class Quantized(NamedTuple):
    """What a quantizer returns.

    Attributes:
        quantized: the codes in the latents' place, (B, D, *spatial) or (N, D), of
            the latents' dtype; its gradient passes straight through to them.
        indices: int64 (B, *spatial) or (N,), which code each token took; of several
            codebooks (B, *spatial, G) or (N, G).
        loss: float32 scalar, the quantizer's whole contribution to the objective.
        terms: the loss's parts and the state of the schedules, detached scalars
            by name, for logging.
    """

    quantized: Tensor
    indices: Tensor
    loss: Tensor
    terms: dict[str, Tensor]


class Quantizer(Protocol):
    """The interface of `VQ`, `EMAVQ`, `ArcVQ` and their like, all nn.Modules.

    A quantizer with several codebooks, such as `ResidualVQ`, has K of each in
    `num_codes`, and its indices have a last dimension more, one index a codebook.
    One whose output has a gradient of its own, other than the decoder's passed on to
    the latents, has the attribute `own_gradient` with the value True.
    """

    dim: int

    @property
    def num_codes(self) -> int | tuple[int, ...]:
        """K, or K of each of several codebooks."""

    @property
    def codebook(self) -> Tensor:
        """The codes (K, D)."""

    def __call__(self, latents: Tensor, step: int | None = None) -> Quantized:
        """Quantize latents (B, D, *spatial) or (N, D)."""

    def assign(self, latents: Tensor) -> Tensor:
        """Indices (B, *spatial) or (N,) of the codes that the latents take."""

    def embed(self, indices: Tensor) -> Tensor:
        """Codes (B, D, *spatial) or (N, D) of the indices."""


@torch.no_grad()
def nearest_euclidean(tokens: Tensor, codebook: Tensor) -> Tensor:
    """Index (N,) of the code (K, D) at the smallest distance from each row (N, D)."""
    with float32_island(tokens) as exact:
        # Distances stay when the origin moves. From the codes' own centre the two
        # terms below are small, and their difference keeps its digits.
        centre = exact(codebook).mean(dim=0)
        codes, rows = exact(codebook) - centre, exact(tokens) - centre
        # ‖z − e‖² without ‖z‖², which is the same for every code, is least where
        # 2 z·e − ‖e‖² is largest.
        return largest_score(2 * rows, codes, codes.square().sum(dim=1))


@torch.no_grad()
def nearest_cosine(tokens: Tensor, codebook: Tensor) -> Tensor:
    """Index (N,) of the code (K, D) at the smallest angle from each row (N, D).

    A code of zero norm has cosine 0 to everything, so it never wins over a code
    on the latent's own side.
    """
    with float32_island(tokens) as exact:
        directions = F.normalize(exact(codebook), dim=1)
        return largest_score(F.normalize(exact(tokens), dim=1), directions)


def straight_through(latents: Tensor, codes: Tensor) -> Tensor:
    """Exactly the codes going forward, exactly the latents' gradient going back.

    Args:
        latents: (B, D, *spatial) or (N, D).
        codes: of the same shape.

    Returns:
        A tensor of that shape and of the latents' dtype.

    Source: Bengio et al. (2013); VQ-VAE (van den Oord et al., 2017), section 3.1.
    """
    return codes.detach().to(latents.dtype) + (latents - latents.detach())


def mean_squared_error(a: Tensor, b: Tensor) -> Tensor:
    """The element mean of (a − b)², in float32 under autocast."""
    with float32_island(a) as exact:
        return F.mse_loss(exact(a), exact(b))


def look_up(codebook: Tensor, indices: Tensor) -> Tensor:
    """Codes (B, D, *spatial) or (N, D) of indices (B, *spatial) or (N,).

    Raises:
        TypeError: if the indices are no int64 tensor.
        ValueError: if an index is below 0 or not below K.
    """
    if not isinstance(indices, Tensor) or indices.dtype != torch.int64:
        kind = getattr(indices, "dtype", type(indices).__name__)
        raise TypeError(f"indices must be int64, got {kind}")
    if indices.dim() == 0 or indices.numel() == 0:
        raise ValueError(f"indices are empty, got shape {tuple(indices.shape)}")
    low, high = int(indices.min()), int(indices.max())
    if low < 0 or high >= len(codebook):
        raise ValueError(
            f"indices must lie in 0 … {len(codebook) - 1}, got {low} … {high}"
        )
    return F.embedding(indices, codebook).movedim(-1, 1)


def random_directions(num_codes: int, dim: int) -> Tensor:
    """Codes (K, D) drawn evenly from a cube and normalised onto the unit sphere.

    Raises:
        ValueError: if there are fewer than 2 codes, or no dimension.
    """
    check_size(num_codes, dim)
    return F.normalize(torch.empty(num_codes, dim).uniform_(-1, 1), dim=1)


def check_size(num_codes: int, dim: int) -> None:
    """Refuse a codebook of fewer than 2 codes, or of no dimension.

    Raises:
        ValueError: naming the argument.
    """
    if num_codes < 2:
        raise ValueError(f"num_codes={num_codes} must be at least 2")
    if dim < 1:
        raise ValueError(f"dim={dim} must be at least 1")


def check_weight(name: str, weight: float) -> None:
    """Refuse a loss weight that is negative or not finite.

    Raises:
        ValueError: naming it.
    """
    if not 0 <= weight < math.inf:
        raise ValueError(f"{name}={weight} must be at least 0 and finite")


def detached(**terms: Tensor | float) -> dict[str, Tensor]:
    """The terms by name as detached float32 scalars."""
    return {
        name: torch.as_tensor(term, dtype=torch.float32).detach()
        for name, term in terms.items()
    }
