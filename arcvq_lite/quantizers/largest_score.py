"""Which code scores highest for each token, without a matrix of all their scores."""

from __future__ import annotations

import torch
from torch import Tensor

# Scores of a block of tokens: on a processor few enough that the last cache holds them
# until they have been looked through, and no fewer, since at every block the threads
# wait for each other.
_CPU_ENTRIES, _OTHER_ENTRIES = 1 << 20, 1 << 26

# So many scores in a row are looked through for their maximum first, which is as fast
# as memory is read, and only the group that holds the row's maximum for its place.
_GROUP = 64


@torch.no_grad()
def largest_score(rows: Tensor, codes: Tensor, offset: Tensor | None = None) -> Tensor:
    """argmax_j of z_i·e_j − offset_j for every row z_i, the first one of equals.

    Args:
        rows: z (N, D).
        codes: e (K, D), of the same dtype.
        offset: (K,), what is taken off the scores of a code; None takes nothing off.

    Returns:
        (N,) int64.
    """
    entries = _CPU_ENTRIES if rows.device.type == "cpu" else _OTHER_ENTRIES
    step = max(1, entries // len(codes))
    block = rows.new_empty(min(step, len(rows)), len(codes))
    found = []
    for part in rows.split(step):
        scores = torch.mm(part, codes.T, out=block[: len(part)])  # (n, K)
        if offset is not None:
            scores -= offset
        found.append(_first_largest(scores))
    return torch.cat(found) if len(found) > 1 else found[0]


def _first_largest(scores: Tensor) -> Tensor:
    """What `scores.argmax(dim=1)` returns; see `_GROUP`."""
    count = scores.shape[1]
    if count % _GROUP or count < 4 * _GROUP:
        return scores.argmax(dim=1)
    grouped = scores.unflatten(1, (-1, _GROUP))  # (n, groups, group)
    best = grouped.amax(dim=2).argmax(dim=1)  # (n,)
    own = grouped[torch.arange(len(scores), device=scores.device), best]  # (n, group)
    first: Tensor = best * _GROUP + own.argmax(dim=1)
    return first
