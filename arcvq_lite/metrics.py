"""How much of a codebook a whole set of images uses."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

from arcvq_lite.usage import codebook_sizes, codebook_use, count_codes


class CodebookUsage(Metric):
    """Usage, perplexity and entropy of the codes over everything it was shown.

        usage = #{j : n_j > 0} / K,    p_j = n_j / Σ n,
        entropy = −Σ p_j ln p_j  (nats, 0 ln 0 = 0),    perplexity = exp(entropy)

    The counts n_j are integers summed over batches and processes before any of
    the three is taken, so the figures are those of the whole set, not means of
    batches. Quote them beside K and beside the number of tokens: N tokens can use
    at most N codes.

    Args:
        num_codes: K, at least 1; for several codebooks K of each, a tuple.

    Attributes:
        counts: int64 (K,), how often each code was taken; of several codebooks one
            after the other. Their entropy is the mean of each one's.

    Raises:
        ValueError: if num_codes is below 1.

    Example:
        >>> import torch
        >>> usage = CodebookUsage(num_codes=4)
        >>> usage.update(torch.tensor([[0, 0], [1, 1]]))
        >>> {name: round(value.item(), 3) for name, value in usage.compute().items()}
        {'usage': 0.5, 'perplexity': 2.0, 'entropy': 0.693}
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    counts: Tensor

    def __init__(self, num_codes: int | tuple[int, ...]) -> None:
        sizes = codebook_sizes(num_codes)
        if min(sizes, default=0) < 1:
            raise ValueError(f"num_codes={num_codes} must be at least 1")
        super().__init__()
        self.num_codes = num_codes
        zeros = torch.zeros(sum(sizes), dtype=torch.int64)
        self.add_state("counts", default=zeros, dist_reduce_fx="sum")

    def update(self, indices: Tensor) -> None:
        """Count indices, int64 of any shape; (…, G) for G codebooks.

        Raises:
            TypeError: if they are no int64 tensor.
            ValueError: if one is below 0 or not below K.
        """
        self.counts += count_codes(indices, self.num_codes)

    def compute(self) -> dict[str, Tensor]:
        """The three scalars by name, float64; of nothing, 0 usage and 1 perplexity."""
        return codebook_use(self.counts, len(codebook_sizes(self.num_codes)))
