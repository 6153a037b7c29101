"""FactorizedVQ: codes live in a few dimensions, on the unit sphere."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from arcvq_lite.layout import (
    check_latents,
    float32_island,
    like_indices,
    like_latents,
    to_tokens,
)
from arcvq_lite.quantizers.quantized import (
    Quantized,
    check_size,
    check_weight,
    detached,
    look_up,
    mean_squared_error,
    nearest_cosine,
    random_directions,
)


class FactorizedVQ(nn.Module):
    """Factorised, l2-normalised codes: looked up in d dimensions, decoded in D.

    With ℓ(x) = x / ‖x‖, a projection P of the latents to d dimensions and another,
    Q, of the codes to D:

        y_i = ℓ(P z_i),      k(i) = argmin_j ‖y_i − ℓ(c_j)‖ = argmax_j cos(P z_i, c_j)
        decoded: Q(ℓ(c_k(i))), with the gradient of Q(y_i) to the latents
        loss = codebook_weight · mse(ℓ(c), sg y) + commitment_weight · mse(sg ℓ(c), y)

    Args:
        num_codes: K, at least 2; the paper's is 8,192.
        dim: D, channels of a latent.
        code_dim: d, at most D.
        commitment_weight: β, how strongly latents are drawn to their codes.
        codebook_weight: how strongly codes are drawn to their latents.

    Attributes:
        codes: the parameter c (K, d), of any length.
        codebook: what is decoded, Q(ℓ(c)), (K, D).

    Raises:
        ValueError: if an option is out of its range.

    Source: ViT-VQGAN (Yu et al., 2022), section 3.2, factorized codes and
        ℓ2-normalized codes; it looks codes up in 32 or 8 dimensions.
    """

    own_gradient: ClassVar[bool] = True

    def __init__(
        self,
        num_codes: int,
        dim: int,
        *,
        code_dim: int = 32,
        commitment_weight: float = 0.25,
        codebook_weight: float = 1.0,
    ) -> None:
        super().__init__()
        check_size(num_codes, dim)
        if not 1 <= code_dim <= dim:
            raise ValueError(f"code_dim={code_dim} must lie in 1 … dim={dim}")
        check_weight("commitment_weight", commitment_weight)
        check_weight("codebook_weight", codebook_weight)
        self.num_codes = num_codes
        self.dim = dim
        self.code_dim = code_dim
        self.commitment_weight = commitment_weight
        self.codebook_weight = codebook_weight
        self.project_in = nn.Linear(dim, code_dim)
        self.codes = nn.Parameter(random_directions(num_codes, code_dim))
        self.project_out = nn.Linear(code_dim, dim)

    @property
    def codebook(self) -> Tensor:
        """The codes as they are decoded (K, D)."""
        return _projected(self.project_out, self._directions())

    def forward(self, latents: Tensor, step: int | None = None) -> Quantized:
        """Quantize latents (B, D, *spatial) or (N, D); the step plays no part."""
        decoded = self.codebook  # (K, D)
        check_latents(latents, decoded)
        tokens = self._projected_in(latents)  # (N, d), y
        indices = nearest_cosine(tokens, self.codes)  # (N,)
        codes = F.embedding(indices, self._directions())  # (N, d)

        codebook = mean_squared_error(codes, tokens.detach())
        commitment = mean_squared_error(codes.detach(), tokens)
        loss = self.codebook_weight * codebook + self.commitment_weight * commitment

        # Nothing is added to the code, only the gradient of Q(y) to y.
        with float32_island(tokens) as exact:
            weight = exact(self.project_out.weight)  # (D, d)
            passed = F.linear(tokens - tokens.detach(), weight)  # (N, D)
            quantized = F.embedding(indices, decoded) + passed
        return Quantized(
            quantized=like_latents(quantized, latents).to(latents.dtype),
            indices=like_indices(indices, latents),
            loss=loss.float(),
            terms=detached(codebook=codebook, commitment=commitment),
        )

    def assign(self, latents: Tensor) -> Tensor:
        """Indices (B, *spatial) or (N,) of the codes that the latents take."""
        check_latents(latents, self.codebook)
        indices = nearest_cosine(self._projected_in(latents), self.codes)
        return like_indices(indices, latents)

    def embed(self, indices: Tensor) -> Tensor:
        """Codes (B, D, *spatial) or (N, D) of the indices."""
        return look_up(self.codebook, indices)

    def _projected_in(self, latents: Tensor) -> Tensor:
        """The rows y (N, d), on the unit sphere."""
        return _normalised(_projected(self.project_in, to_tokens(latents)))

    def _directions(self) -> Tensor:
        """ℓ(c) (K, d)."""
        return _normalised(self.codes)


def _projected(linear: nn.Linear, rows: Tensor) -> Tensor:
    """The rows projected, in float32 under autocast and in float64 for float64."""
    with float32_island(rows) as exact:
        return F.linear(exact(rows), exact(linear.weight), exact(linear.bias))


def _normalised(rows: Tensor) -> Tensor:
    with float32_island(rows) as exact:
        return F.normalize(exact(rows), dim=1)
