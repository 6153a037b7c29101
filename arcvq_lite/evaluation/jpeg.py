"""Images through JPEG files and back, and resized as Pillow does it."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def through_jpeg(levels: Tensor, quality: int) -> Tensor:
    """What is left of images after they were saved as JPEGs and read back.

    Args:
        levels: (B, 3, H, W) uint8.
        quality: Pillow's, 1 … 95; colours are stored at half the resolution.

    Returns:
        (B, 3, H, W) uint8.
    """

    def saved_and_read(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return _each(levels, saved_and_read)


def resize_levels(levels: Tensor, side: int) -> Tensor:
    """Images (B, 3, H, W) uint8 resized to side×side, by Pillow's bilinear filter."""
    bilinear = Image.Resampling.BILINEAR
    return _each(levels, lambda image: image.resize((side, side), bilinear))


def _each(levels: Tensor, change: Callable[[Image.Image], Image.Image]) -> Tensor:
    changed = [
        np.array(change(Image.fromarray(image)))
        for image in levels.permute(0, 2, 3, 1).cpu().numpy()
    ]
    return torch.from_numpy(np.stack(changed)).permute(0, 3, 1, 2).to(levels.device)
