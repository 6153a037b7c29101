"""EMAVQ: every code follows the running mean of its latents; idle codes restart."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn import functional as F

from arcvq_lite.layout import (
    check_latents,
    float32_island,
    like_indices,
    like_latents,
    to_tokens,
)
from arcvq_lite.quantizers.processes import several_processes, sum_over_processes
from arcvq_lite.quantizers.quantized import (
    Quantized,
    check_weight,
    detached,
    look_up,
    mean_squared_error,
    nearest_euclidean,
    random_directions,
    straight_through,
)


class EMAVQ(nn.Module):
    """Vector quantization whose codes are exponential moving averages.

        k(i) = argmin_j ‖z_i − e_j‖
        n_j ← d n_j + (1 − d) · #{i : k(i) = j}
        s_j ← d s_j + (1 − d) · Σ_{k(i) = j} z_i,      e_j ← s_j / n_j
        loss = commitment_weight · mse(sg e, z)

    A code whose running count n_j has fallen below `restart_below` is put on a
    latent of the present batch. Counts and sums are summed over all processes, and
    each process offers its own latents for a share of the idle codes, so that the
    codebook stays equal on every rank.

    Args:
        num_codes: K, at least 2.
        dim: D, channels of a latent.
        commitment_weight: β, how strongly latents are drawn to their codes.
        decay: d in [0, 1).
        restart_below: running count, in tokens a batch, below which a code
            restarts; 0 never restarts one.

    Attributes:
        codebook: buffer (K, D); `counts` (K,) and `sums` (K, D) are its averages.

    Raises:
        ValueError: if an option is out of its range.

    Source: VQ-VAE (van den Oord et al., 2017), appendix A.1; the restart is
        Jukebox's (Dhariwal et al., 2020), section 3.1.
    """

    codebook: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(
        self,
        num_codes: int,
        dim: int,
        *,
        commitment_weight: float = 0.25,
        decay: float = 0.99,
        restart_below: float = 0.01,
    ) -> None:
        super().__init__()
        check_weight("commitment_weight", commitment_weight)
        check_weight("restart_below", restart_below)
        if not 0 <= decay < 1:
            raise ValueError(f"decay={decay} must lie in [0, 1)")
        self.num_codes = num_codes
        self.dim = dim
        self.commitment_weight = commitment_weight
        self.decay = decay
        self.restart_below = restart_below
        self.register_buffer("codebook", random_directions(num_codes, dim))
        self.register_buffer("counts", torch.ones(num_codes))
        self.register_buffer("sums", self.codebook.clone())

    def forward(self, latents: Tensor, step: int | None = None) -> Quantized:
        """Quantize latents (B, D, *spatial) or (N, D); the step plays no part."""
        check_latents(latents, self.codebook)
        tokens = to_tokens(latents)  # (N, D)
        indices = nearest_euclidean(tokens, self.codebook)  # (N,)
        codes = F.embedding(indices, self.codebook)  # (N, D), a copy

        if self.training:
            self._follow(tokens.detach(), indices)

        codebook = mean_squared_error(codes, tokens.detach())
        commitment = mean_squared_error(codes, tokens)
        loss = self.commitment_weight * commitment

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

    @torch.no_grad()
    def _follow(self, tokens: Tensor, indices: Tensor) -> None:
        """Move the averages, and so the codes, towards this batch's tokens (N, D)."""
        with float32_island(self.sums) as exact:
            tokens = exact(tokens).to(self.sums.dtype)
            taken = indices.bincount(minlength=self.num_codes).to(self.counts.dtype)
            gathered = torch.zeros_like(self.sums).index_add_(0, indices, tokens)
            sum_over_processes(taken, gathered)
            self.counts.lerp_(taken, 1 - self.decay)
            self.sums.lerp_(gathered, 1 - self.decay)
            self._restart(tokens)
            # A count that has decayed to 0 leaves its code where it was.
            live = self.counts[:, None] > torch.finfo(self.counts.dtype).tiny
            means = self.sums / self.counts[:, None]
            self.codebook.copy_(torch.where(live, means, self.codebook))

    def _restart(self, tokens: Tensor) -> None:
        """Put every idle code on a random token, as if it had won it just now."""
        idle = self.counts < self.restart_below
        if not idle.any():
            return
        # Without repeats while the tokens last: of two codes on one token, the
        # second never wins.
        draw = torch.randperm(len(tokens), device=tokens.device)
        draw = draw.repeat(-(-self.num_codes // len(tokens)))[: self.num_codes]
        offers = tokens[draw] * _own_share(self.num_codes, tokens.device)[:, None]
        sum_over_processes(offers)
        self.sums[idle] = offers[idle]
        self.counts[idle] = 1.0


def _own_share(num_codes: int, device: torch.device) -> Tensor:
    """1 for the codes (K,) that this process offers latents for, 0 elsewhere."""
    codes = torch.arange(num_codes, device=device)
    if not several_processes():
        return torch.ones_like(codes)
    return (codes % dist.get_world_size() == dist.get_rank()).long()
