"""SignalSet: clips of one dimension, their families, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False, repr=False)
class SignalSet:
    """A set of signals held in memory, checked when it is made.

    Attributes:
        signals: (N, C, T) float32, every value in [-1, 1].
        labels: (N,) int64, indices into `class_names`.
        class_names: one name a family of signals; the same tuple for both splits.
        rate: samples a second, in hertz.
        source: one sentence that says what the signals are, fit for a caption.

    Raises:
        TypeError: if `signals` or `labels` has another dtype.
        ValueError: if a shape, a value or a label is out of bounds, or the set is
            empty.
    """

    signals: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    rate: int
    source: str

    def __post_init__(self) -> None:
        _check_signals(self.signals)
        _check_labels(self.labels, len(self.signals), len(self.class_names))

    def __len__(self) -> int:
        return len(self.signals)

    def __repr__(self) -> str:
        _, channels, length = self.signals.shape
        return (
            f"SignalSet({len(self)} signals {channels}×{length} at {self.rate} Hz, "
            f"{len(self.class_names)} classes)"
        )


def _check_signals(signals: Tensor) -> None:
    if signals.dtype != torch.float32:
        raise TypeError(f"signals must be float32, got {signals.dtype}")
    if signals.ndim != 3 or signals.numel() == 0:
        raise ValueError(
            f"signals must be (N, C, T) with N >= 1, got {tuple(signals.shape)}"
        )
    low, high = (extreme.item() for extreme in signals.aminmax())
    if not (low >= -1 and high <= 1):  # a NaN fails both comparisons
        raise ValueError(f"signals must lie in [-1, 1], got [{low:g}, {high:g}]")


def _check_labels(labels: Tensor, signals: int, classes: int) -> None:
    if labels.dtype != torch.int64:
        raise TypeError(f"labels must be int64, got {labels.dtype}")
    if labels.shape != (signals,):
        raise ValueError(
            f"labels must be ({signals},), one a signal, got {tuple(labels.shape)}"
        )
    low, high = (int(extreme) for extreme in labels.aminmax())
    if low < 0 or high >= classes:
        raise ValueError(
            f"labels must index the {classes} class names, got {low} to {high}"
        )
