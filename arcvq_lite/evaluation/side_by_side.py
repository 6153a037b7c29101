"""reconstruct: a picture, its tokens and what comes back of it, in one PNG."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from arcvq_lite.data.image_files import read_rgb
from arcvq_lite.evaluation.eval_mode import evaluating
from arcvq_lite.evaluation.framing import centre_crop, factor_of, in_channels_of
from arcvq_lite.evaluation.image_scores import decibels, squared_error
from arcvq_lite.evaluation.levels import as_rgb, from_levels, round_levels
from arcvq_lite.evaluation.png import write_png
from arcvq_lite.models import VQGAN, VQVAE
from arcvq_lite.usage import codebook_sizes

_GAP = 4  # white pixels between the panels
# From the first code to the last, in the hue that codes have throughout the book.
_FIRST, _LAST = (243, 247, 251), (11, 66, 114)


@dataclass(frozen=True)
class Reconstructed:
    """What `reconstruct` did with one picture.

    Attributes:
        out: the file written.
        stored: (width, height) of the picture in pixels.
        used: (width, height) of its central part that was reconstructed; smaller
            where a side is no multiple of a token's.
        grid: (h, w) of its tokens.
        psnr: of the reconstruction, in dB.
    """

    out: Path
    stored: tuple[int, int]
    used: tuple[int, int]
    grid: tuple[int, int]
    psnr: float


@torch.no_grad()
def reconstruct(
    model: VQVAE | VQGAN,
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    size: int | None = None,
) -> Reconstructed:
    """Write a picture, its tokens and its reconstruction side by side.

    A token is a square in a shade of its number, of several codebooks its number in
    the first. Where the picture's sides are no
    multiples of a token's, its central part is taken, and the result says so.

    Args:
        model: on the device to compute on; put into eval mode meanwhile.
        path: an image file.
        out: the PNG, replaced if it exists.
        size: resize the shorter side to so many pixels and take the central square
            first; None takes the picture as it is.

    Returns:
        What was done.

    Raises:
        ValueError: if the file is no image, or smaller than a token.
        OSError: if the PNG cannot be written.
    """
    levels = torch.from_numpy(read_rgb(Path(path), size)).permute(2, 0, 1)[None]
    factor = factor_of(model)
    images = in_channels_of(model, centre_crop(from_levels(levels), factor))
    with evaluating(model):
        reconstruction, quantized = model(images.to(model.quantizer.codebook.device))
    back = reconstruction.float().clamp(-1, 1).cpu()
    indices = quantized.indices[0].cpu()
    sizes = codebook_sizes(model.quantizer.num_codes)
    indices = indices if len(sizes) == 1 else indices[..., 0]
    shades = _shades(indices, sizes[0])
    squares = shades.repeat_interleave(factor, 1).repeat_interleave(factor, 2)
    panels = [_panel(images), squares, _panel(back)]
    target = Path(out)
    write_png(target, _in_a_row(panels))
    error = squared_error((images + 1) / 2, (back + 1) / 2)
    return Reconstructed(
        out=target,
        stored=(levels.shape[3], levels.shape[2]),
        used=(images.shape[3], images.shape[2]),
        grid=(indices.shape[0], indices.shape[1]),
        psnr=float(decibels(error)),
    )


def _panel(images: Tensor) -> Tensor:
    """Levels (3, H, W) uint8 of one image (1, C, H, W)."""
    return round_levels(as_rgb(images))[0]


def _shades(indices: Tensor, num_codes: int) -> Tensor:
    """A colour (3, h, w) uint8 for each token (h, w)."""
    share = indices.float() / (num_codes - 1)
    first, last = (torch.tensor(end).view(3, 1, 1) for end in (_FIRST, _LAST))
    return torch.lerp(first.float(), last.float(), share).round().to(torch.uint8)


def _in_a_row(panels: list[Tensor]) -> Tensor:
    """Panels (3, H, W) beside one another with white between them."""
    gap = torch.full((3, panels[0].shape[1], _GAP), 255, dtype=torch.uint8)
    left, middle, right = panels
    return torch.cat([left, gap, middle, gap, right], dim=2)
