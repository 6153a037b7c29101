"""Between the values of a model, [−1, 1], and the 256 grey levels of a file."""

from __future__ import annotations

import torch
from torch import Tensor


def round_levels(images: Tensor) -> Tensor:
    """The nearest levels, uint8, of images in [−1, 1], cut to that range."""
    return ((images.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def truncate_levels(images: Tensor) -> Tensor:
    """The levels below, as a cast to bytes gives; darker by half a level on average."""
    return ((images.float() + 1) / 2).clamp(0, 1).mul(255).to(torch.uint8)


def from_levels(levels: Tensor) -> Tensor:
    """Images in [−1, 1], float32, of levels uint8."""
    return levels.float().div(127.5).sub(1)


def as_rgb(images: Tensor) -> Tensor:
    """Three equal channels (B, 3, H, W) of grey images (B, 1, H, W); RGB as it is."""
    return images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images


def as_grey(images: Tensor) -> Tensor:
    """The luma (B, 1, H, W) of RGB images (B, 3, H, W).

    Source: ITU-R BT.601, the weights that Pillow and libjpeg use.
    """
    weights = images.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True)
