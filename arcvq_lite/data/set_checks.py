"""What every set held in memory must be: values in their range, and a label each."""

from __future__ import annotations

import torch
from torch import Tensor


def check_values(name: str, values: Tensor, axes: str) -> None:
    """Refuse what is not float32 in [-1, 1] with the axes that are named.

    Args:
        name: of the argument.
        values: of all examples.
        axes: such as "N, C, H, W".

    Raises:
        TypeError: if they have another dtype.
        ValueError: if they have other axes, are none, or leave the range.
    """
    if values.dtype != torch.float32:
        raise TypeError(f"{name} must be float32, got {values.dtype}")
    if values.ndim != len(axes.split(", ")) or values.numel() == 0:
        raise ValueError(
            f"{name} must be ({axes}) with N >= 1, got {tuple(values.shape)}"
        )
    low, high = (extreme.item() for extreme in values.aminmax())
    if not (low >= -1 and high <= 1):  # a NaN fails both comparisons
        raise ValueError(f"{name} must lie in [-1, 1], got [{low:g}, {high:g}]")


def check_labels(labels: Tensor, examples: int, classes: int, *, one: str) -> None:
    """Refuse labels that do not name a class for each example.

    Args:
        labels: (N,) int64.
        examples: N.
        classes: how many there are.
        one: an example, such as "an image".

    Raises:
        TypeError: if they have another dtype.
        ValueError: if their number is another, or one is no class.
    """
    if labels.dtype != torch.int64:
        raise TypeError(f"labels must be int64, got {labels.dtype}")
    if labels.shape != (examples,):
        raise ValueError(
            f"labels must be ({examples},), one {one}, got {tuple(labels.shape)}"
        )
    low, high = (int(extreme) for extreme in labels.aminmax())
    if low < 0 or high >= classes:
        raise ValueError(
            f"labels must index the {classes} class names, got {low} to {high}"
        )
