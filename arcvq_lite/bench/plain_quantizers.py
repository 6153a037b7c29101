"""ArcVQ written down as its formulas are, and as the official code goes about it.

Each takes latents (B, D, H, W) and a step, and has the weights of an `ArcVQ`.
"""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from arcvq_lite.losses import margin_of_rows
from arcvq_lite.quantizers import ArcVQ, Quantized


class PlainArcVQ(nn.Module):
    """The formulas: matrices of all cosines, and autograd's gradients through them.

    Args:
        arcvq: whose codebook and options it takes.
        scale: of the margin loss.
    """

    def __init__(self, arcvq: ArcVQ, scale: float) -> None:
        super().__init__()
        self.options, self.scale = _Options(arcvq), scale
        self.num_codes, self.dim = arcvq.num_codes, arcvq.dim
        self.codebook = arcvq.codebook

    def forward(self, latents: Tensor, step: int) -> Quantized:
        """Quantize latents (B, D, H, W)."""
        self.options.project(self.codebook, step)
        tokens = rearrange(latents, "b d h w -> (b h w) d")
        directions = F.normalize(tokens, dim=1)  # (N, D)
        cosine = directions @ F.normalize(self.codebook, dim=1).T  # (N, K)
        indices = cosine.argmax(dim=1)
        cosine = F.normalize(self.codebook.detach(), dim=1) @ directions.T  # (K, N)
        margin = margin_of_rows(
            cosine, scale=self.scale, margin=_MARGIN, top_k=_TOP_K
        ).mean()
        codes = self.codebook[indices]
        return self.options.quantized(latents, tokens, codes, indices, margin, step)


class OfficialArcVQ(nn.Module):
    """Distances, a one-hot (N, K) product, arc cosines, exponentials and a mask.

    Args:
        arcvq: whose codebook and options it takes.
        scale: of the margin loss.
    """

    def __init__(self, arcvq: ArcVQ, scale: float) -> None:
        super().__init__()
        self.options, self.scale = _Options(arcvq), scale
        self.num_codes, self.dim = arcvq.num_codes, arcvq.dim
        self.codebook = arcvq.codebook

    def forward(self, latents: Tensor, step: int) -> Quantized:
        """Quantize latents (B, D, H, W)."""
        self.options.project(self.codebook, step)
        tokens = rearrange(latents, "b d h w -> (b h w) d")
        z, e = F.normalize(tokens, dim=1), F.normalize(self.codebook, dim=1)
        distance = z.square().sum(dim=1, keepdim=True) + e.square().sum(dim=1)
        distance = distance - 2 * z @ e.T  # (N, K)
        indices = distance.argmin(dim=1)
        one_hot = torch.zeros_like(distance).scatter(1, indices[:, None], 1.0)
        margin = self._margin(e.detach() @ z.T)
        codes = one_hot @ self.codebook
        return self.options.quantized(latents, tokens, codes, indices, margin, step)

    def _margin(self, cosine: Tensor) -> Tensor:
        """The margin loss of cosines (K, N), without a stable logarithm of a sum."""
        bounded = cosine.clamp(-1 + 1e-7, 1 - 1e-7)
        places = bounded.topk(_TOP_K, dim=1).indices
        mask = torch.zeros_like(bounded).scatter(1, places, 1.0)
        advanced = torch.cos(torch.acos(bounded) + _MARGIN)
        called = (torch.exp(self.scale * advanced) * mask).sum(dim=1)
        uncalled = (torch.exp(self.scale * bounded) * (1 - mask)).sum(dim=1)
        return -torch.log(called / (called + uncalled)).mean()


class Unquantized(nn.Module):
    """Latents as they are, for a model that is nothing but its convolutions.

    Args:
        dim: D.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.num_codes, self.dim = 1, dim

    def forward(self, latents: Tensor, step: int) -> Quantized:
        """Latents (B, D, H, W) to the same, and a loss of 0."""
        return Quantized(latents, torch.zeros(0), latents.new_zeros(()), {})


# The official options of both variants.
_MARGIN, _TOP_K = 0.1, 3


class _Options:
    """What does not depend on how the codes are found."""

    def __init__(self, arcvq: ArcVQ) -> None:
        assert arcvq.radius is not None
        self._radius, self._decay = arcvq.radius, arcvq.margin_weight
        self._codebook_weight = arcvq.codebook_weight
        self._commitment_weight = arcvq.commitment_weight

    @torch.no_grad()
    def project(self, codebook: Tensor, step: int) -> None:
        """Bring the codes (K, D) that stick out of the ball back to it."""
        radius = self._radius(step)
        norms = codebook.norm(dim=1, keepdim=True)
        codebook.copy_(torch.where(norms > radius, codebook * radius / norms, codebook))

    def quantized(
        self,
        latents: Tensor,
        tokens: Tensor,
        codes: Tensor,
        indices: Tensor,
        margin: Tensor,
        step: int,
    ) -> Quantized:
        """The quantizer's output where tokens (N, D) take codes (N, D)."""
        loss = (
            self._codebook_weight * F.mse_loss(codes, tokens.detach())
            + self._commitment_weight * F.mse_loss(codes.detach(), tokens)
            + self._decay(step) * margin
        )
        height, width = latents.shape[2:]
        grid = rearrange(codes, "(b h w) d -> b d h w", h=height, w=width)
        return Quantized(latents + (grid - latents).detach(), indices, loss, {})
