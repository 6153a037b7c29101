"""Sums over the processes of a parallel run."""

from __future__ import annotations

from torch import Tensor
from torch import distributed as dist


def several_processes() -> bool:
    """Asked at each call: a process group may be made after the quantizer."""
    return dist.is_available() and dist.is_initialized()


def sum_over_processes(*tensors: Tensor) -> None:
    """Replace each tensor by its sum over all processes, in place."""
    if several_processes():
        for tensor in tensors:
            dist.all_reduce(tensor)
