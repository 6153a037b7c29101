"""A smaller set that still shows everything: `limit`, and the digits' test split."""

from __future__ import annotations

import torch
from torch import Tensor


def spread_indices(labels: Tensor, limit: int | None) -> Tensor:
    """Choose `limit` members, spread evenly over the classes and within each.

    The members are lined up class by class, each class in the set's own order, and
    picked at equal distances along that line, so every class keeps its share to
    within one member. Nothing is drawn at random: the same labels and limit give the
    same members on every machine.

    Args:
        labels: (N,) int64.
        limit: how many to keep, at least 1; None, or N and above, keeps all.

    Returns:
        (min(limit, N),) int64 indices in ascending order, each once.
    """
    total = len(labels)
    if limit is None or limit >= total:
        return torch.arange(total)
    class_by_class = labels.argsort(stable=True)  # (N,)
    # The middle of each of `limit` equal stretches of the line.
    positions = (2 * torch.arange(limit) + 1) * total // (2 * limit)
    return class_by_class[positions].sort().values
