"""Sums over the processes that evaluate together; one alone is answered at once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import distributed as dist


def process_count() -> int:
    """How many processes evaluate together."""
    together = dist.is_available() and dist.is_initialized()
    return dist.get_world_size() if together else 1


def summed(values: Tensor) -> Tensor:
    """The sum over the processes, on the CPU, of a tensor of one shape on all."""
    if process_count() == 1:
        return values.cpu()
    total = values.to(_meeting_place(), copy=True)
    dist.all_reduce(total)
    return total.cpu()


def largest(values: Tensor) -> Tensor:
    """The largest over the processes, on the CPU, element by element."""
    if process_count() == 1:
        return values.cpu()
    found = values.to(_meeting_place(), copy=True)
    dist.all_reduce(found, op=dist.ReduceOp.MAX)
    return found.cpu()


def _meeting_place() -> torch.device:
    """The device whose tensors the processes can exchange."""
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
