"""From stored grey levels to the range and size that models take."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def to_signed(levels: Tensor, *, white: int = 255) -> Tensor:
    """Map grey levels 0 … `white` to -1 … 1.

    Args:
        levels: (N, C, H, W) of any real dtype; not changed.
        white: the level that stands for white.

    Returns:
        (N, C, H, W) float32, contiguous.
    """
    signed = torch.empty(levels.shape, dtype=torch.float32)
    # In place from here on: CIFAR-10 alone takes 600 MB as float32.
    return signed.copy_(levels).div_(white / 2).sub_(1)


def resize_square(images: Tensor, size: int | None) -> Tensor:
    """Resize square images to `size` × `size` pixels, antialiased bicubic.

    Args:
        images: (N, C, S, S) float32 in [-1, 1].
        size: side in pixels; None keeps the images as they are.

    Returns:
        (N, C, size, size) float32 in [-1, 1]; the overshoot of the cubic is cut.
    """
    if size is None or images.shape[-2:] == (size, size):
        return images
    resized = functional.interpolate(
        images, size=(size, size), mode="bicubic", antialias=True
    )
    return resized.clamp_(-1, 1)
