"""reconstruct: a picture, its latents and what comes back of it, in one PNG."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from arcvq_lite.data.image_files import read_rgb
from arcvq_lite.evaluation.eval_mode import evaluating
from arcvq_lite.evaluation.framing import (
    centre_crop,
    device_of,
    factor_of,
    in_channels_of,
)
from arcvq_lite.evaluation.image_scores import decibels, squared_error
from arcvq_lite.evaluation.levels import as_rgb, from_levels, round_levels
from arcvq_lite.evaluation.png import write_png
from arcvq_lite.models import Autoencoder, HypersphericalVAE
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
        grid: (h, w) of its latents.
        latents: what these are: "tokens", or "directions" of a model without codes.
        psnr: of the reconstruction, in dB.
    """

    out: Path
    stored: tuple[int, int]
    used: tuple[int, int]
    grid: tuple[int, int]
    latents: str
    psnr: float


@torch.no_grad()
def reconstruct(
    model: Autoencoder,
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    size: int | None = None,
) -> Reconstructed:
    """Write a picture, its latents and its reconstruction side by side.

    A token is a square in a shade of its number, of several codebooks its number in
    the first. A direction is one in a shade of its concentration, from the smallest
    of the picture to the largest. Where the picture's sides are no multiples of such
    a square's, its central part is taken, and the result says so.

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
        output = model(images.to(device_of(model)))
    back = output.reconstruction.float().clamp(-1, 1).cpu()
    shares = _shares(model, output)  # (h, w)
    shades = _shades(shares)
    squares = shades.repeat_interleave(factor, 1).repeat_interleave(factor, 2)
    panels = [_panel(images), squares, _panel(back)]
    target = Path(out)
    write_png(target, _in_a_row(panels))
    error = squared_error((images + 1) / 2, (back + 1) / 2)
    return Reconstructed(
        out=target,
        stored=(levels.shape[3], levels.shape[2]),
        used=(images.shape[3], images.shape[2]),
        grid=(shares.shape[0], shares.shape[1]),
        latents="directions" if isinstance(model, HypersphericalVAE) else "tokens",
        psnr=float(decibels(error)),
    )


def _panel(images: Tensor) -> Tensor:
    """Levels (3, H, W) uint8 of one image (1, C, H, W)."""
    return round_levels(as_rgb(images))[0]


def _shares(model: Autoencoder, output: Any) -> Tensor:
    """Where each latent of one image lies between the first shade and the last."""
    if isinstance(model, HypersphericalVAE):
        concentration: Tensor = output.concentration[0].float().cpu()
        low, high = concentration.aminmax()
        return (concentration - low) / (high - low).clamp(min=1e-12)
    indices: Tensor = output.quantized.indices[0].cpu()
    sizes = codebook_sizes(model.quantizer.num_codes)
    indices = indices if len(sizes) == 1 else indices[..., 0]
    return indices.float() / (sizes[0] - 1)


def _shades(share: Tensor) -> Tensor:
    """A colour (3, h, w) uint8 for each share (h, w)."""
    first, last = (torch.tensor(end).view(3, 1, 1) for end in (_FIRST, _LAST))
    return torch.lerp(first.float(), last.float(), share).round().to(torch.uint8)


def _in_a_row(panels: list[Tensor]) -> Tensor:
    """Panels (3, H, W) beside one another with white between them."""
    gap = torch.full((3, panels[0].shape[1], _GAP), 255, dtype=torch.uint8)
    left, middle, right = panels
    return torch.cat([left, gap, middle, gap, right], dim=2)
