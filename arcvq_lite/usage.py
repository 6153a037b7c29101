"""How much of a codebook a set of codes uses, from whole-number counts.

Without torchmetrics, whose import costs a script some seconds and 150 MiB; the metric
for several processes is `arcvq_lite.metrics.CodebookUsage`, which sums and calls this.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def codebook_sizes(num_codes: int | tuple[int, ...]) -> tuple[int, ...]:
    """K of each codebook of a quantizer, whose `num_codes` is given."""
    return (num_codes,) if isinstance(num_codes, int) else num_codes


def count_codes(indices: Tensor, num_codes: int | tuple[int, ...]) -> Tensor:
    """How often each code occurs.

    Args:
        indices: int64 of any shape; (…, G) for G codebooks.
        num_codes: K, or K of each of several codebooks.

    Returns:
        int64 (K,), or (K₁ + … + K_G,), the first codebook's first.

    Raises:
        TypeError: if the indices are no int64 tensor.
        ValueError: if one is below 0 or not below its codebook's K, or if the last
            dimension is not the number of codebooks.
    """
    if not isinstance(num_codes, int):
        return _count_several(indices, num_codes)
    if not isinstance(indices, Tensor) or indices.dtype != torch.int64:
        kind = getattr(indices, "dtype", type(indices).__name__)
        raise TypeError(f"indices must be int64, got {kind}")
    if indices.numel():
        low, high = int(indices.min()), int(indices.max())
        if low < 0 or high >= num_codes:
            raise ValueError(
                f"indices must lie in 0 … {num_codes - 1}, got {low} … {high}"
            )
    return indices.flatten().bincount(minlength=num_codes)


def _count_several(indices: Tensor, sizes: tuple[int, ...]) -> Tensor:
    shape = tuple(getattr(indices, "shape", ()))
    if not shape or shape[-1] != len(sizes):
        raise ValueError(
            f"indices must be (…, {len(sizes)}), one of each codebook, got {shape}"
        )
    each = zip(indices.unbind(-1), sizes, strict=True)
    return torch.cat([count_codes(one, size) for one, size in each])


def codebook_use(counts: Tensor, codebooks: int = 1) -> dict[str, Tensor]:
    """Usage, perplexity and entropy of codes that were counted.

        usage = #{j : n_j > 0} / K,    p_j = n_j / Σ n,
        entropy = −Σ p_j ln p_j  (nats, 0 ln 0 = 0),    perplexity = exp(entropy)

    Of several codebooks the entropy is the mean of theirs, so that the perplexity
    stays one of K codes, and K is that of all codebooks together in the usage.

    Args:
        counts: n, int64 (K,), from `count_codes`.
        codebooks: G, of which each token takes one code.

    Returns:
        Three float64 scalars by name; of nothing, 0 usage and 1 perplexity.
    """
    exact = counts.cpu().double()  # Apple's GPUs have no float64
    share = exact / exact.sum().clamp(min=1)
    # Each codebook has the G-th part of all counts, whence the ln G.
    entropy = torch.special.entr(share).sum() - math.log(codebooks)
    entropy = entropy.clamp(min=0)
    return {
        "usage": (exact > 0).double().mean(),
        "perplexity": entropy.exp(),
        "entropy": entropy,
    }
