"""How much of a codebook a set of codes uses, from whole-number counts.

Without torchmetrics, whose import costs a script some seconds and 150 MiB; the metric
for several processes is `arcvq_lite.metrics.CodebookUsage`, which sums and calls this.
"""

from __future__ import annotations

import torch
from torch import Tensor


def count_codes(indices: Tensor, num_codes: int) -> Tensor:
    """How often each code occurs.

    Args:
        indices: int64 of any shape.
        num_codes: K.

    Returns:
        int64 (K,).

    Raises:
        TypeError: if the indices are no int64 tensor.
        ValueError: if one is below 0 or not below K.
    """
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


def codebook_use(counts: Tensor) -> dict[str, Tensor]:
    """Usage, perplexity and entropy of codes that were counted.

        usage = #{j : n_j > 0} / K,    p_j = n_j / Σ n,
        entropy = −Σ p_j ln p_j  (nats, 0 ln 0 = 0),    perplexity = exp(entropy)

    Args:
        counts: n, int64 (K,).

    Returns:
        Three float64 scalars by name; of nothing, 0 usage and 1 perplexity.
    """
    exact = counts.cpu().double()  # Apple's GPUs have no float64
    share = exact / exact.sum().clamp(min=1)
    entropy = torch.special.entr(share).sum()
    return {
        "usage": (exact > 0).double().mean(),
        "perplexity": entropy.exp(),
        "entropy": entropy,
    }
