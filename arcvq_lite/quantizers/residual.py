"""ResidualVQ: each codebook quantizes what those before it have left."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from arcvq_lite.layout import check_latents, float32_island
from arcvq_lite.quantizers.codebooks import (
    carries_gradient,
    codebooks_last,
    common_terms,
    inside,
    module_list,
    of_each,
    sizes_of,
)
from arcvq_lite.quantizers.quantized import Quantized, Quantizer, straight_through

# Terms that are states of a schedule, which stages share and do not add up.
_STATES = ("radius", "temperature", "variance")


class ResidualVQ(nn.Module):
    """Residual quantization: a latent is the sum of one code from each stage.

        r⁰ = z,      e^g = the code that stage g gives r^g,      r^{g+1} = r^g − sg e^g
        decoded: Σ_g e^g, straight through to z, once
        loss = Σ_g loss_g,    where stage g commits z to Σ_{h ≤ g} e^h, as r^g − e^g
               is the difference of the two

    Codes alone are detached. Were the residual itself detached, or its gradient
    cancelled by a straight-through e^g, no commitment after the first stage would
    reach the encoder; were the outputs of all stages added up with their gradients,
    the decoder's would reach it once for each stage.

    Terms that are parts of the loss are summed like it; the states of schedules
    (the radius, a temperature, weights) are means over the stages that have them.

    A stage whose output has a gradient of its own (`FSQ`, `FactorizedVQ`, …) teaches
    its weights by the decoder's gradient. With such a stage nothing is detached or
    passed straight through here: r^{g+1} = r^g − e^g and Σ_g e^g with the gradients
    that the stages give them. The decoder's gradient is still counted once, but past
    a straight-through stage commitments no longer reach the encoder.

    Args:
        quantizers: the stages, the coarsest first, of any kind, all of one dim. The
            same quantizer several times, [quantizer] * 4, shares its codebook.

    Attributes:
        num_codes: K of each stage.
        codebook: all codes, (K₁ + … + K_G, D): what is decoded is the sum of G rows.

    Raises:
        TypeError: if an element of `quantizers` is none.
        ValueError: if there is none, or their dims differ.

    Source: SoundStream (Zeghidour et al., 2022), algorithm 1; the commitment is
        RQ-VAE's (Lee et al., 2022), section 3.
    """

    def __init__(self, quantizers: Sequence[Quantizer]) -> None:
        super().__init__()
        self.quantizers = module_list(quantizers)
        dims = [quantizer.dim for quantizer in self._stages]
        if len(set(dims)) > 1:
            raise ValueError(f"quantizers must all have one dim, got {dims}")
        self.dim = dims[0]
        self.num_codes = tuple(
            size for quantizer in self._stages for size in sizes_of(quantizer)
        )

    @property
    def own_gradient(self) -> bool:
        """Whether a stage's output has a gradient of its own."""
        return any(carries_gradient(quantizer) for quantizer in self._stages)

    @property
    def codebook(self) -> Tensor:
        """The codes of all stages (K₁ + … + K_G, D)."""
        return torch.cat([quantizer.codebook for quantizer in self._stages])

    def forward(self, latents: Tensor, step: int | None = None) -> Quantized:
        """Quantize latents (B, D, *spatial) or (N, D) at a step.

        Raises:
            TypeError: if the latents are not floating point.
            ValueError: if the latents' shape or values are refused, or if a stage
                wants a step.
        """
        residual = self._checked(latents)  # float32: residuals grow small
        outs, codes = [], torch.zeros_like(residual)
        for quantizer in self._stages:
            out = quantizer(residual, step=step)
            code = out.quantized if self.own_gradient else out.quantized.detach()
            residual = residual - code
            codes = codes + code
            outs.append(out)

        passed = codes.to(latents.dtype)
        if not self.own_gradient:
            passed = straight_through(latents, codes)
        return Quantized(
            quantized=passed,
            indices=codebooks_last([out.indices for out in outs], self._stages),
            loss=torch.stack([out.loss for out in outs]).sum(),
            terms=_summed([out.terms for out in outs]),
        )

    def assign(self, latents: Tensor) -> Tensor:
        """Indices (B, *spatial, G) or (N, G) of the codes that the latents take."""
        residual, indices = self._checked(latents), []
        for quantizer in self._stages:
            indices.append(quantizer.assign(residual))
            residual = residual - quantizer.embed(indices[-1]).to(residual.dtype)
        return codebooks_last(indices, self._stages)

    def embed(self, indices: Tensor) -> Tensor:
        """Sums (B, D, *spatial) or (N, D) for indices (B, *spatial, G) or (N, G)."""
        first, *others = [
            quantizer.embed(one)
            for quantizer, one in zip(
                self._stages, of_each(indices, self._stages), strict=True
            )
        ]
        return sum(others, start=first)

    @property
    def _stages(self) -> list[Quantizer]:
        return inside(self.quantizers)

    def _checked(self, latents: Tensor) -> Tensor:
        """The latents in the dtype in which residuals are taken."""
        check_latents(latents, torch.empty(1, self.dim))  # which stands for codes
        with float32_island(latents) as exact:
            return exact(latents)


def _summed(terms: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Parts of the loss added up, states of schedules averaged."""
    together = common_terms(terms, [1.0] * len(terms))
    for name, mean in together.items():
        if name not in _STATES and not name.endswith("_weight"):
            together[name] = mean * sum(name in one for one in terms)
    return together
