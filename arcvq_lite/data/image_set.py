"""What every source of images hands over: pixels, labels and where they come from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False, repr=False)
class ImageSet:
    """A set of images held in memory, checked when it is made.

    Attributes:
        images: (N, C, H, W) float32, every value in [-1, 1].
        labels: (N,) int64, indices into `class_names`.
        class_names: one name a class; the same tuple, in the same order, for the
            train and the test split of one source.
        source: one sentence that says what the images are and whose, fit for a
            caption.

    Raises:
        TypeError: if `images` or `labels` has another dtype.
        ValueError: if a shape, a value or a label is out of bounds, or the set is
            empty.
    """

    images: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    source: str

    def __post_init__(self) -> None:
        _check_images(self.images)
        _check_labels(self.labels, len(self.images), len(self.class_names))

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        shape = "×".join(str(extent) for extent in self.images.shape[1:])
        return f"ImageSet({len(self)} images {shape}, {len(self.class_names)} classes)"


def _check_images(images: Tensor) -> None:
    if images.dtype != torch.float32:
        raise TypeError(f"images must be float32, got {images.dtype}")
    if images.ndim != 4 or images.numel() == 0:
        raise ValueError(
            f"images must be (N, C, H, W) with N >= 1, got {tuple(images.shape)}"
        )
    low, high = (extreme.item() for extreme in images.aminmax())
    if not (low >= -1 and high <= 1):  # a NaN fails both comparisons
        raise ValueError(f"images must lie in [-1, 1], got [{low:g}, {high:g}]")


def _check_labels(labels: Tensor, images: int, classes: int) -> None:
    if labels.dtype != torch.int64:
        raise TypeError(f"labels must be int64, got {labels.dtype}")
    if labels.shape != (images,):
        raise ValueError(
            f"labels must be ({images},), one an image, got {tuple(labels.shape)}"
        )
    low, high = (int(extreme) for extreme in labels.aminmax())
    if low < 0 or high >= classes:
        raise ValueError(
            f"labels must index the {classes} class names, got {low} to {high}"
        )
