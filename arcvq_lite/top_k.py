"""The k largest of each long row, without looking at every entry k times."""

from __future__ import annotations

import torch
from torch import Tensor

# A group of so many entries is looked through only if its maximum is among the k
# largest maxima. Wide groups leave fewer maxima, and more entries to look through.
_GROUP = 64


def group_maxima(rows: Tensor) -> Tensor:
    """The maxima of the groups of each row (R, C): (R, C // 64).

    Group g has the columns g, g + groups, g + 2 · groups, …, so that the maxima of
    neighbouring groups are taken side by side. The columns that fill no group are in
    none.
    """
    groups = rows.shape[1] // _GROUP
    grouped: Tensor = rows[:, : groups * _GROUP].unflatten(1, (_GROUP, groups))
    return grouped.amax(dim=1)


def top_k_of_rows(
    rows: Tensor, k: int, maxima: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """What `rows.topk(k, dim=1)` returns.

    Each of the k largest entries lies in one of the k groups with the largest maxima,
    since the maximum of any other group is at most the smallest of those k. The
    maxima are one pass over the rows, at the speed of memory; what is left is short.

    Args:
        rows: (R, C).
        k: at least 1, at most C.
        maxima: `group_maxima(rows)`, where they are there already.

    Returns:
        (values, indices), both (R, k), the largest first. Of equal entries any may be
        taken.
    """
    maxima = group_maxima(rows) if maxima is None else maxima
    groups = maxima.shape[1]
    if groups <= k:
        values, indices = rows.topk(k, dim=1)
        return values, indices
    best = maxima.topk(k, dim=1, sorted=False).indices  # (R, k)
    members = groups * torch.arange(_GROUP, device=rows.device)
    columns = (best[:, None] + members[:, None]).flatten(1)  # (R, group · k)
    if groups * _GROUP < rows.shape[1]:
        rest = torch.arange(groups * _GROUP, rows.shape[1], device=rows.device)
        columns = torch.cat([columns, rest.expand(len(rows), -1)], dim=1)
    values, places = rows.gather(1, columns).topk(k, dim=1)
    return values, columns.gather(1, places)
