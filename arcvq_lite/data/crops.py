"""How a square of S×S pixels is cut from an image, for training and for evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor
from torch.nn import functional as F

_WORD = 64  # bits in a random word


class Crop(Protocol):
    """Cuts a square from an image; a pure function of its arguments."""

    def __call__(self, pixels: Tensor, size: int, words: Sequence[int]) -> Tensor:
        """Cut a square.

        Args:
            pixels: (3, H, W) uint8.
            size: S, in pixels.
            words: three random words of 64 bits.

        Returns:
            (3, S, S) uint8.
        """
        ...


@dataclass(frozen=True)
class RandomCrop:
    """The largest square, at a random place along the longer side, resized to S.

    This is the official VQGAN recipe, shorter side to S and then a random crop of
    S×S, with the two swapped, so that only what is kept gets resized; the place is
    a whole pixel of the image instead of one of the resized image.

    Args:
        mirror_chance: share of crops mirrored left to right; the official recipe
            mirrors none.

    Raises:
        ValueError: if the chance is not in [0, 1].

    Source: taming-transformers, taming/data/base.py (ImagePaths).
    """

    mirror_chance: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.mirror_chance <= 1:
            raise ValueError(f"mirror_chance={self.mirror_chance} must lie in [0, 1]")

    def __call__(self, pixels: Tensor, size: int, words: Sequence[int]) -> Tensor:
        """Cut a square; see `Crop`."""
        across, down, mirrored = words
        height, width = pixels.shape[1:]
        side = min(height, width)
        left = across * (width - side + 1) >> _WORD
        top = down * (height - side + 1) >> _WORD
        square = pixels[:, top : top + side, left : left + side]
        crop = resize(square, (size, size))
        return crop.flip(2) if mirrored < self.mirror_chance * 2**_WORD else crop


@dataclass(frozen=True)
class CentreCrop:
    """The shorter side resized to S, then the central square, as torchvision does."""

    def __call__(self, pixels: Tensor, size: int, words: Sequence[int]) -> Tensor:
        """Cut the central square; the words are not used. See `Crop`."""
        shorter = min(pixels.shape[1:])
        height, width = (size * extent // shorter for extent in pixels.shape[1:])
        top, left = round((height - size) / 2), round((width - size) / 2)
        whole = resize(pixels, (height, width))
        return whole[:, top : top + size, left : left + size]


def resize(pixels: Tensor, extent: tuple[int, int]) -> Tensor:
    """Resize an image, bilinear and antialiased.

    PyTorch does it on 8-bit levels in half the time that Pillow takes; the two
    differ by at most two levels.

    Args:
        pixels: (3, H, W) uint8.
        extent: height and width in pixels.

    Returns:
        (3, height, width) uint8.
    """
    if pixels.shape[1:] == extent:
        return pixels
    # The three levels of a pixel side by side, as decoders write them, and said so in
    # the strides of the batch: otherwise PyTorch rearranges all bytes twice.
    interleaved = pixels.permute(1, 2, 0).contiguous()  # (H, W, 3)
    return F.interpolate(
        interleaved.unsqueeze(0).permute(0, 3, 1, 2),
        size=extent,
        mode="bilinear",
        antialias=True,
    ).squeeze(0)
