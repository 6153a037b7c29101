"""CVQ: codes that few latents take are drawn to latents of the batch."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arcvq_lite.layout import (
    check_latents,
    like_indices,
    like_latents,
    to_tokens,
)
from arcvq_lite.quantizers.anchors import (
    cosines,
    drawn_anchors,
    negative_squared_distances,
)
from arcvq_lite.quantizers.processes import sum_over_processes
from arcvq_lite.quantizers.quantized import (
    Quantized,
    check_size,
    check_weight,
    detached,
    look_up,
    mean_squared_error,
    nearest_cosine,
    nearest_euclidean,
    straight_through,
)

_SIMILARITIES = {"cosine": cosines, "euclidean": negative_squared_distances}


class CVQ(nn.Module):
    """Online clustering: the less a code is used, the nearer it moves to an anchor.

    A latent takes the code of the largest s_ik = cos(z_i, e_k), or of the largest
    s_ik = −‖z_i − e_k‖², and the two are drawn together as by `VQ`. Then, in
    training, with γ the decay and N tokens in the batch:

        u_k ← γ u_k + (1 − γ) · #{i : k(i) = k} / N
        a_k = z_i with probability exp(s_ik) / Σ_i' exp(s_i'k)
        α_k = exp(−10 K u_k / (1 − γ) − 10⁻³)
        e_k ← (1 − α_k) e_k + α_k a_k

    A code that is never taken has α = 0.999 and lands on its anchor; one with its
    fair share, u_k = 1 / K, has α = exp(−1000) at the default decay and stays. Cosines
    are so alike that nearly any latent may become an anchor; squared distances of
    latents much farther apart than 1 leave little but the nearest one.

    Counts, and the latents among which an anchor is drawn, are those of all
    processes, so that every rank moves its codes alike. Each process draws from its
    own random state, which should differ from the others'.

    Args:
        num_codes: K, at least 2.
        dim: D, channels of a latent.
        commitment_weight: β, how strongly latents are drawn to their codes.
        codebook_weight: how strongly codes are drawn to their latents.
        decay: γ in [0, 1).
        matching: "cosine", the official code's choice, or "euclidean".

    Attributes:
        codebook: the parameter (K, D).
        usage: buffer (K,), u, the running share of the tokens; 0 at the start.

    Raises:
        ValueError: if an option is out of its range.

    Source: Online Clustered Codebook (Zheng & Vedaldi, 2023), running average
        updates with probability-random anchors; the constants 10 and 10⁻³ and the
        defaults as in its official code.
    """

    usage: Tensor

    def __init__(
        self,
        num_codes: int,
        dim: int,
        *,
        commitment_weight: float = 0.25,
        codebook_weight: float = 1.0,
        decay: float = 0.99,
        matching: Literal["cosine", "euclidean"] = "cosine",
    ) -> None:
        super().__init__()
        check_size(num_codes, dim)
        check_weight("commitment_weight", commitment_weight)
        check_weight("codebook_weight", codebook_weight)
        if not 0 <= decay < 1:
            raise ValueError(f"decay={decay} must lie in [0, 1)")
        if matching not in ("cosine", "euclidean"):
            raise ValueError(f"matching={matching!r} must be 'cosine' or 'euclidean'")
        self.num_codes = num_codes
        self.dim = dim
        self.commitment_weight = commitment_weight
        self.codebook_weight = codebook_weight
        self.decay = decay
        self.matching = matching
        bound = 1 / num_codes
        self.codebook = nn.Parameter(
            torch.empty(num_codes, dim).uniform_(-bound, bound)
        )
        self.register_buffer("usage", torch.zeros(num_codes))

    def forward(self, latents: Tensor, step: int | None = None) -> Quantized:
        """Quantize latents (B, D, *spatial) or (N, D); the step plays no part."""
        check_latents(latents, self.codebook)
        tokens = to_tokens(latents)  # (N, D)
        indices = self._nearest(tokens)  # (N,)
        codes = F.embedding(indices, self.codebook)  # (N, D), a copy

        if self.training:
            self._move_to_anchors(tokens.detach(), indices)

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
        return like_indices(self._nearest(to_tokens(latents)), latents)

    def embed(self, indices: Tensor) -> Tensor:
        """Codes (B, D, *spatial) or (N, D) of the indices."""
        return look_up(self.codebook, indices)

    def _nearest(self, tokens: Tensor) -> Tensor:
        """Indices (N,) of the codes that tokens (N, D) take."""
        if self.matching == "cosine":
            return nearest_cosine(tokens, self.codebook)
        return nearest_euclidean(tokens, self.codebook)

    @torch.no_grad()
    def _move_to_anchors(self, tokens: Tensor, indices: Tensor) -> None:
        """Note which codes (N,) the tokens (N, D) took, and move the idle ones."""
        taken = indices.bincount(minlength=self.num_codes)  # (K,)
        sum_over_processes(taken)
        self.usage.lerp_((taken / taken.sum()).to(self.usage.dtype), 1 - self.decay)

        similar = _SIMILARITIES[self.matching](tokens, self.codebook)  # (N, K)
        anchors = drawn_anchors(tokens, similar)  # (K, D)
        fair_shares = self.num_codes * self.usage[:, None]  # (K, 1)
        alpha = torch.exp(-10 * fair_shares / (1 - self.decay) - 1e-3)
        self.codebook.mul_(1 - alpha).add_(alpha * anchors.to(alpha.dtype))
