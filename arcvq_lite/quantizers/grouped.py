"""GroupedVQ: the channels are cut into groups, each with a codebook of its own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from arcvq_lite.layout import check_latents
from arcvq_lite.quantizers.codebooks import (
    carries_gradient,
    codebooks_last,
    common_terms,
    inside,
    module_list,
    of_each,
    sizes_of,
)
from arcvq_lite.quantizers.quantized import Quantized, Quantizer


class GroupedVQ(nn.Module):
    """Decomposed quantization: G codebooks, each for its own slice of the channels.

        z = [z¹, …, z^G],      k_g = the code that quantizer g gives z^g
        decoded: [e¹_k₁, …, e^G_k_G], one of K₁ · … · K_G vectors
        loss = Σ_g (D_g / D) · loss_g

    Weighted by the channels, the groups' mean squared errors add up to that of the
    whole latent, so one group is its quantizer itself, and G equal ones need no
    other loss weights. Each term is that weighted mean, over the groups that have it.

    Args:
        quantizers: one for each group, the first channels' first. Any quantizers, of
            any sizes; their dims add up to D.

    Attributes:
        num_codes: K of each codebook.
        codebook: all codes in their places, (K₁ + … + K_G, D), 0 in the channels of
            other groups: what is decoded is the sum of G rows.

    Raises:
        TypeError: if an element of `quantizers` is none.
        ValueError: if there is none.

    Source: sliced discrete bottlenecks, Kaiser et al. (2018), section 3; UniTok (Ma
        et al., 2025), multi-codebook quantization.
    """

    def __init__(self, quantizers: Sequence[Quantizer]) -> None:
        super().__init__()
        self.quantizers = module_list(quantizers)
        self.dims = tuple(quantizer.dim for quantizer in self._groups)
        self.dim = sum(self.dims)
        self.num_codes = tuple(
            size for quantizer in self._groups for size in sizes_of(quantizer)
        )

    @property
    def own_gradient(self) -> bool:
        """Whether a group's output has a gradient of its own."""
        return any(carries_gradient(quantizer) for quantizer in self._groups)

    @property
    def codebook(self) -> Tensor:
        """All codes in their places (K₁ + … + K_G, D)."""
        codebooks = [quantizer.codebook for quantizer in self._groups]
        together: Tensor = torch.block_diag(*codebooks)
        return together

    def forward(self, latents: Tensor, step: int | None = None) -> Quantized:
        """Quantize latents (B, D, *spatial) or (N, D) at a step.

        Raises:
            TypeError: if the latents are not floating point.
            ValueError: if the latents' shape or values are refused, or if a group
                wants a step.
        """
        outs = [
            quantizer(group, step=step)
            for quantizer, group in zip(self._groups, self._cut(latents), strict=True)
        ]
        shares = [dim / self.dim for dim in self.dims]
        losses = [share * out.loss for share, out in zip(shares, outs, strict=True)]
        return Quantized(
            quantized=torch.cat([out.quantized for out in outs], dim=1),
            indices=codebooks_last([out.indices for out in outs], self._groups),
            loss=torch.stack(losses).sum(),
            terms=common_terms([out.terms for out in outs], shares),
        )

    def assign(self, latents: Tensor) -> Tensor:
        """Indices (B, *spatial, G) or (N, G) of the codes that the latents take."""
        indices = [
            quantizer.assign(group)
            for quantizer, group in zip(self._groups, self._cut(latents), strict=True)
        ]
        return codebooks_last(indices, self._groups)

    def embed(self, indices: Tensor) -> Tensor:
        """Codes (B, D, *spatial) or (N, D) of indices (B, *spatial, G) or (N, G)."""
        codes = [
            quantizer.embed(one)
            for quantizer, one in zip(
                self._groups, of_each(indices, self._groups), strict=True
            )
        ]
        return torch.cat(codes, dim=1)

    @property
    def _groups(self) -> list[Quantizer]:
        return inside(self.quantizers)

    def _cut(self, latents: Tensor) -> list[Tensor]:
        """The groups (B, D_g, *spatial), once all latents are known to be good."""
        check_latents(latents, torch.empty(1, self.dim))  # which stands for codes
        return list(latents.split(self.dims, dim=1))
