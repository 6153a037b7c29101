"""How well draws fit the probabilities that they are said to follow."""

import torch
from torch import Tensor


def chance_of(drawn: Tensor, probabilities: Tensor) -> float:
    """How often honest draws would lie as far off, by Pearson's chi-square test.

    Args:
        drawn: int64 (N,).
        probabilities: float64 (K,), N times each of them at least about 5.
    """
    observed = drawn.bincount(minlength=len(probabilities))
    expected = len(drawn) * probabilities
    distance = ((observed - expected) ** 2 / expected).sum()
    freedom = torch.tensor(len(probabilities) - 1, dtype=torch.float64)
    return torch.special.gammaincc(freedom / 2, distance / 2).item()
