"""Pictures of a run: reconstructions, and how often each code is taken."""

from __future__ import annotations

import io
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torchvision.utils import make_grid

from arcvq_lite.training.durable import replace_durably

_SHOWN = 8  # images
_WIDTH, _HEIGHT = 512, 128  # of a histogram, in pixels


def show_reconstructions(images: Tensor, reconstructions: Tensor) -> Tensor:
    """The first images above their reconstructions.

    Args:
        images: (B, C, H, W) in [−1, 1].
        reconstructions: (B, C, H, W), not clamped.

    Returns:
        (3, height, width) uint8.
    """
    rows = [part[:_SHOWN].float().cpu() for part in (images, reconstructions)]
    grid = make_grid(torch.cat(rows).clamp(-1, 1), nrow=len(rows[0]), padding=1)
    levels: Tensor = ((grid + 1) * 127.5).round().to(torch.uint8)
    return levels


def show_code_use(counts: Tensor) -> Tensor:
    """A bar for each code, the most used one first; a bar's height is its share.

    Args:
        counts: int64 (K,).

    Returns:
        (3, height, width) uint8, width a multiple of K unless K is above it.
    """
    ranked = counts.cpu().sort(descending=True).values.double()
    height = (ranked / ranked.max().clamp(min=1) * _HEIGHT).ceil()  # of each bar
    rows = torch.arange(_HEIGHT, 0, -1)[:, None]
    bars = (rows > height).repeat_interleave(max(1, _WIDTH // len(counts)), dim=1)
    return (bars * 255).to(torch.uint8).expand(3, -1, -1)


def write_png(path: Path, picture: Tensor) -> None:
    """Put a picture (3, height, width) uint8 in place whole.

    Raises:
        OSError: if there is no room.
    """
    path.parent.mkdir(exist_ok=True)
    content = io.BytesIO()
    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(content, "PNG")
    replace_durably(path, content.getvalue())
