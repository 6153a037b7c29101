"""What torch does once and slowly is done before the forks, so that no call pays it."""

from __future__ import annotations

import io

import torch
from torch.nn import functional as F


def warm_up() -> None:
    """Use the parts of torch that import or prepare something when first used."""
    torch.set_num_threads(1)
    leaf = torch.ones(4, 3, requires_grad=True)
    unit = F.normalize(leaf, dim=1)
    reply = torch.einsum("nd,kd->nk", unit, unit).softmax(dim=0).topk(2, dim=0).values
    # Its arriving gradients bring in the whole of symbolic shapes.
    torch.autograd.grad((reply,), [leaf], (torch.ones_like(reply),), allow_unused=True)
    torch.cdist(unit, unit).argmin(dim=1).bincount(minlength=4)
    torch.zeros(4, 3).index_add_(0, torch.arange(4), torch.ones(4, 3))
    torch.randperm(4, generator=torch.Generator().manual_seed(0))
    file = io.BytesIO()
    torch.save({"codes": unit.detach()}, file)
    file.seek(0)
    torch.load(file, weights_only=True)
