"""WassersteinVQ: the codebook is moved onto the latents by optimal transport."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arcvq_lite.layout import (
    check_latents,
    float32_island,
    like_indices,
    like_latents,
    to_tokens,
)
from arcvq_lite.quantizers.distances import squared_distances
from arcvq_lite.quantizers.gumbel import kl_to_uniform_prior
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
from arcvq_lite.transport import entropic_transport


class WassersteinVQ(nn.Module):
    """Nearest codes, and a transport cost that wants every code to be used.

        k(i) = argmin_j ‖z_i − e_j‖
        loss = transport_weight · W_ε( (1/N) Σ_i δ(z_i), Σ_j π_j δ(e_j) )
               + weights_kl · KL(π ‖ uniform),          d(z, e) = ‖z − e‖² / D

    Each code must be given the share π_j of the batch's latents, so also a code
    that is nearest to none is drawn to some, and they to it. π is softmax of K
    trained logits, or uniform with `weights_kl=None`. No other loss moves latents
    and codes towards each other. The paper has one π for each place of the grid;
    here all places share one, since latents of any layout are one set of tokens.

    W_ε is the entropic cost, found by `iterations` of Sinkhorn's algorithm in the
    logarithm at ε = `epsilon` times the batch's mean cost, a constant to the gradient.
    Its plan is detached: by the envelope theorem the plan is itself the gradient to
    the cost, see `entropic_transport`. The paper takes exact transport, or the
    entropic dual with networks for potentials. On several processes each transports
    its own batch.

    Args:
        num_codes: K, at least 2.
        dim: D, channels of a latent.
        transport_weight: λ; 1 is the value of the paper's first version, with a
            distance summed over the channels.
        weights_kl: λ_r of the trained weights; None keeps π uniform, as the first
            version does.
        epsilon: ε over the mean cost, above 0.
        iterations: of Sinkhorn's algorithm, at least 1. The default leaves the
            latents' shares wrong by under 0.1 % where they are spread evenly, by up
            to a half where a few hold most of the mass; the codes' are exact.

    Attributes:
        codebook: the parameter (K, D).
        weight_logits: the parameter (K,) behind π, or None.

    Raises:
        ValueError: if an option is out of its range.

    Source: VQ-WAE (Vuong et al., 2023), section 3.
    """

    def __init__(
        self,
        num_codes: int,
        dim: int,
        *,
        transport_weight: float = 1.0,
        weights_kl: float | None = 1.0,
        epsilon: float = 0.05,
        iterations: int = 20,
    ) -> None:
        super().__init__()
        check_size(num_codes, dim)
        check_weight("transport_weight", transport_weight)
        if weights_kl is not None:
            check_weight("weights_kl", weights_kl)
        if not 0 < epsilon < math.inf:
            raise ValueError(f"epsilon={epsilon} must be above 0 and finite")
        if iterations < 1:
            raise ValueError(f"iterations={iterations} must be at least 1")
        self.num_codes = num_codes
        self.dim = dim
        self.transport_weight = transport_weight
        self.weights_kl = weights_kl
        self.epsilon = epsilon
        self.iterations = iterations
        self.codebook = nn.Parameter(torch.randn(num_codes, dim))
        self.weight_logits = (
            None if weights_kl is None else nn.Parameter(torch.zeros(num_codes))
        )

    def forward(self, latents: Tensor, step: int | None = None) -> Quantized:
        """Quantize latents (B, D, *spatial) or (N, D); the step plays no part."""
        check_latents(latents, self.codebook)
        tokens = to_tokens(latents)  # (N, D)
        indices = nearest_euclidean(tokens, self.codebook)  # (N,)
        codes = F.embedding(indices, self.codebook)  # (N, D)
        error = mean_squared_error(codes, tokens)

        transport, kl = self._transport(tokens), self._weights_kl()
        loss = self.transport_weight * transport
        if self.weights_kl is not None:
            loss = loss + self.weights_kl * kl

        return Quantized(
            quantized=straight_through(latents, like_latents(codes, latents)),
            indices=like_indices(indices, latents),
            loss=loss.float(),
            terms=detached(
                codebook=error, commitment=error, transport=transport, weights_kl=kl
            ),
        )

    def assign(self, latents: Tensor) -> Tensor:
        """Indices (B, *spatial) or (N,) of the codes that the latents take."""
        check_latents(latents, self.codebook)
        indices = nearest_euclidean(to_tokens(latents), self.codebook)
        return like_indices(indices, latents)

    def embed(self, indices: Tensor) -> Tensor:
        """Codes (B, D, *spatial) or (N, D) of the indices."""
        return look_up(self.codebook, indices)

    @property
    def weights(self) -> Tensor:
        """π (K,), the share of the latents that each code is to be given."""
        if self.weight_logits is None:
            return torch.full_like(self.codebook[:, 0].detach(), 1 / self.num_codes)
        return self.weight_logits.softmax(dim=0)

    def _transport(self, tokens: Tensor) -> Tensor:
        """W_ε between tokens (N, D) of equal weight and the codes."""
        with float32_island(tokens) as exact:
            rows, codes = exact(tokens), exact(self.codebook)
            cost = squared_distances(rows, codes) / self.dim  # (N, K)
            tiny = torch.finfo(cost.dtype).tiny
            return entropic_transport(
                cost,
                torch.full_like(cost[:, 0].detach(), 1 / len(cost)),
                exact(self.weights),
                epsilon=(self.epsilon * cost.detach().mean()).clamp(min=tiny),
                iterations=self.iterations,
            ).value

    def _weights_kl(self) -> Tensor:
        """KL(π ‖ uniform), 0 if π is not trained."""
        if self.weight_logits is None:
            return self.codebook.new_zeros(())
        with float32_island(self.weight_logits) as exact:
            return kl_to_uniform_prior(exact(self.weight_logits)[None])[0]
