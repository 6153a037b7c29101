"""FSQ: each channel is rounded to a few levels, and no codebook is learned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

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
from arcvq_lite.quantizers.quantized import (
    Quantized,
    detached,
    look_up,
    mean_squared_error,
    straight_through,
)

# How far tanh may pass the outer levels, as a share of their distance, so that both
# of them can be reached by finite latents.
_SLACK = 1e-3


class FSQ(nn.Module):
    """Finite scalar quantization: a grid of codes that nothing moves.

    With L_d levels in channel d, w_d = ⌊L_d / 2⌋ and o_d = ½ for even L_d, else 0:

        b_d = ½ (L_d − 1)(1 + 10⁻³) · tanh(z_d + s_d) − o_d
        e_d = round(b_d) / w_d,        gradient of e_d := gradient of b_d / w_d

    The shift s_d = artanh(2 o_d / ((L_d − 1)(1 + 10⁻³))) puts z_d = 0 on a level. Of
    two levels it would put it where tanh has lost its slope, and nearly all latents
    on one side; there s_d is 0, and z_d = 0 is the border between the two.

    There is nothing to draw latents and codes together: the loss is 0.

    Args:
        levels: L, for each channel how many levels it has, at least 2; D is their
            number and K their product. The paper advises at least 5 each, for
            instance (8, 5, 5, 5) for 1,000 codes and (8, 8, 8, 6, 5) for 15,360.

    Attributes:
        codebook: the grid (K, D), rebuilt from the levels and never saved. The
            level of the first channel changes fastest.

    Raises:
        TypeError: if a level is no whole number.
        ValueError: if there is no level, or one below 2.

    Source: Finite Scalar Quantization (Mentzer et al., 2024), section 3.1 and
        appendix A.1, whose shift has tan in place of artanh and so puts z_d = 0
        only near a level.
    """

    own_gradient: ClassVar[bool] = True
    codebook: Tensor

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        self.levels = _checked(levels)
        self.dim = len(self.levels)
        self.num_codes = math.prod(self.levels)
        # (D, K) → (K, D): the last axis of a grid changes fastest.
        axes = [torch.arange(count) - count // 2 for count in reversed(self.levels)]
        grid = torch.cartesian_prod(*axes).reshape(self.num_codes, self.dim).flip(1)
        widths = torch.tensor([count // 2 for count in self.levels])
        self.register_buffer("codebook", grid / widths, persistent=False)

    def forward(self, latents: Tensor, step: int | None = None) -> Quantized:
        """Quantize latents (B, D, *spatial) or (N, D); the step plays no part."""
        check_latents(latents, self.codebook)
        bounded = self._bounded(to_tokens(latents))  # (N, D), b
        indices = self._numbered(bounded)  # (N,)
        codes = F.embedding(indices, self.codebook)  # (N, D)

        widths = bounded.new_tensor([count // 2 for count in self.levels])
        scaled = bounded / widths  # (N, D), of which the codes are the rounding
        rounding = mean_squared_error(codes, scaled)
        return Quantized(
            quantized=straight_through(
                like_latents(scaled.to(latents.dtype), latents),
                like_latents(codes, latents),
            ),
            indices=like_indices(indices, latents),
            # 0, and of every latent, so that it can be differentiated like others.
            loss=(0 * bounded).sum().float(),
            terms=detached(codebook=0.0, commitment=0.0, rounding=rounding),
        )

    def assign(self, latents: Tensor) -> Tensor:
        """Indices (B, *spatial) or (N,) of the codes that the latents take."""
        check_latents(latents, self.codebook)
        indices = self._numbered(self._bounded(to_tokens(latents)))
        return like_indices(indices, latents)

    def embed(self, indices: Tensor) -> Tensor:
        """Codes (B, D, *spatial) or (N, D) of the indices."""
        return look_up(self.codebook, indices)

    def _bounded(self, tokens: Tensor) -> Tensor:
        """The rows b (N, D) of the latents (N, D), one unit between levels."""
        with float32_island(tokens) as exact:
            tokens = exact(tokens)
            reach, offset, shift = tokens.new_tensor(
                [_reach_offset_shift(count) for count in self.levels]
            ).T  # (D,) each
            bounded: Tensor = torch.tanh(tokens + shift) * reach - offset
            return bounded

    @torch.no_grad()
    def _numbered(self, bounded: Tensor) -> Tensor:
        """Indices (N,) of the codes that b (N, D) is rounded to."""
        levels = torch.tensor(self.levels, device=bounded.device)
        # With a thousand levels and more the slack is wider than a level.
        steps = (bounded.round().long() + levels // 2).clamp(min=0).minimum(levels - 1)
        strides = levels.cumprod(dim=0) // levels
        return (steps * strides).sum(dim=1)


def _reach_offset_shift(levels: int) -> tuple[float, float, float]:
    """½ (L − 1)(1 + 10⁻³), o and s of one channel."""
    reach = (levels - 1) * (1 + _SLACK) / 2
    offset = 0.0 if levels % 2 else 0.5
    return reach, offset, math.atanh(offset / reach) if levels > 2 else 0.0


def _checked(levels: Sequence[int]) -> tuple[int, ...]:
    wanted = "one whole number of at least 2 for each channel, such as (8, 5, 5, 5)"
    if isinstance(levels, str) or not isinstance(levels, Sequence):
        raise TypeError(f"levels={levels!r} must be {wanted}")
    if any(isinstance(count, bool) or not isinstance(count, int) for count in levels):
        raise TypeError(f"levels={tuple(levels)} must be {wanted}")
    if not levels or min(levels) < 2:
        raise ValueError(f"levels={tuple(levels)} must be {wanted}")
    return tuple(levels)
