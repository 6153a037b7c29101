"""VQ: the nearest code in Euclidean distance, the codebook moved by gradient."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arcvq_lite.layout import check_latents, like_indices, like_latents, to_tokens
from arcvq_lite.quantizers.quantized import (
    Quantized,
    check_size,
    check_weight,
    detached,
    look_up,
    mean_squared_error,
    nearest_euclidean,
    straight_through,
)


class VQ(nn.Module):
    """Vector quantization with a codebook that gradient descent moves.

        k(i) = argmin_j ‖z_i − e_j‖
        loss = codebook_weight · mse(e, sg z) + commitment_weight · mse(sg e, z)

    Args:
        num_codes: K, at least 2.
        dim: D, channels of a latent.
        commitment_weight: β, how strongly latents are drawn to their codes.
        codebook_weight: how strongly codes are drawn to their latents.

    Attributes:
        codebook: the parameter (K, D).

    Raises:
        ValueError: if an option is out of its range.

    Source: VQ-VAE (van den Oord et al., 2017), equations 1 to 3.
    """

    def __init__(
        self,
        num_codes: int,
        dim: int,
        *,
        commitment_weight: float = 0.25,
        codebook_weight: float = 1.0,
    ) -> None:
        super().__init__()
        check_size(num_codes, dim)
        check_weight("commitment_weight", commitment_weight)
        check_weight("codebook_weight", codebook_weight)
        self.num_codes = num_codes
        self.dim = dim
        self.commitment_weight = commitment_weight
        self.codebook_weight = codebook_weight
        bound = 1 / num_codes
        self.codebook = nn.Parameter(
            torch.empty(num_codes, dim).uniform_(-bound, bound)
        )

    def forward(self, latents: Tensor, step: int | None = None) -> Quantized:
        """Quantize latents (B, D, *spatial) or (N, D); the step plays no part."""
        check_latents(latents, self.codebook)
        tokens = to_tokens(latents)  # (N, D)
        indices = nearest_euclidean(tokens, self.codebook)  # (N,)
        codes = F.embedding(indices, self.codebook)  # (N, D)

        codebook = mean_squared_error(codes, tokens.detach())
        commitment = mean_squared_error(codes.detach(), tokens)
        loss = self.codebook_weight * codebook + self.commitment_weight * commitment

        return Quantized(
            quantized=straight_through(latents, like_latents(codes, latents)),
            indices=like_indices(indices, latents),
            loss=loss.float(),
            terms=detached(codebook=codebook, commitment=commitment),
        )

    def assign(self, latents: Tensor) -> Tensor:
        """Indices (B, *spatial) or (N,) of the codes that the latents take."""
        check_latents(latents, self.codebook)
        indices = nearest_euclidean(to_tokens(latents), self.codebook)
        return like_indices(indices, latents)

    def embed(self, indices: Tensor) -> Tensor:
        """Codes (B, D, *spatial) or (N, D) of the indices."""
        return look_up(self.codebook, indices)
