"""What the latents of a set were: which codes they took, or how sure they were."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch

from arcvq_lite.evaluation.reduction import summed
from arcvq_lite.models import HypersphericalReconstruction, HypersphericalVAE
from arcvq_lite.models.autoencoder import Autoencoder
from arcvq_lite.models.vqvae import Reconstruction
from arcvq_lite.usage import codebook_sizes, codebook_use, count_codes
from arcvq_lite.von_mises_fisher import kl_to_uniform


class LatentTotals(NamedTuple):
    """What all processes found together.

    Attributes:
        tokens: how many codes were chosen.
        scores: by name.
    """

    tokens: int
    scores: dict[str, float]


class LatentTally(Protocol):
    """Adds up what a kind of model says of its latents."""

    def add(self, output: Any) -> None:
        """Look at what the model returned for a batch."""

    def totals(self) -> LatentTotals:
        """Of all processes, which call it together."""


class CodeTally:
    """How often each code was taken.

    Args:
        num_codes: K, or K of each of several codebooks.
    """

    def __init__(self, num_codes: int | tuple[int, ...]) -> None:
        self._num_codes = num_codes
        sizes = codebook_sizes(num_codes)
        self._codebooks = len(sizes)
        self._counts = torch.zeros(sum(sizes), dtype=torch.int64)

    def add(self, output: Reconstruction) -> None:
        """See `LatentTally`."""
        indices = output.quantized.indices
        self._counts += count_codes(indices, self._num_codes).cpu()

    def totals(self) -> LatentTotals:
        """`usage`, `perplexity` and `entropy`; see `LatentTally`."""
        counts = summed(self._counts)
        used = codebook_use(counts, self._codebooks)
        scores = {name: float(use) for name, use in used.items()}
        return LatentTotals(int(counts.sum()), scores)


class DirectionTally:
    """How much the places of a hyperspherical VAE say, and how surely.

    Args:
        dim: D, channels of a direction.
    """

    def __init__(self, dim: int) -> None:
        self._dim = dim
        self._places = torch.tensor(0)
        self._sums = torch.zeros(2, dtype=torch.float64)

    def add(self, output: HypersphericalReconstruction) -> None:
        """See `LatentTally`."""
        concentration = output.concentration.double()  # (b, h, w)
        divergence = kl_to_uniform(concentration, self._dim)
        self._places += concentration.numel()
        both = torch.stack([divergence, concentration]).cpu()
        self._sums += both.sum(dim=(1, 2, 3))

    def totals(self) -> LatentTotals:
        """`kl` in nats a place, and `concentration`, κ; see `LatentTally`."""
        means = (summed(self._sums) / summed(self._places)).tolist()
        scores = dict(zip(("kl", "concentration"), means, strict=True))
        return LatentTotals(0, scores)


def tally_of(model: Autoencoder) -> LatentTally:
    """The one for the model's kind of latents."""
    if isinstance(model, HypersphericalVAE):
        return DirectionTally(model.dim)
    return CodeTally(model.quantizer.num_codes)
