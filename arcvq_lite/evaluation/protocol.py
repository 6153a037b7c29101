"""How images are prepared before they are compared: cleanly, or as the paper does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from arcvq_lite.evaluation.image_scores import gaussian_similarity, uniform_similarity
from arcvq_lite.evaluation.jpeg import resize_levels, through_jpeg
from arcvq_lite.evaluation.levels import (
    as_rgb,
    from_levels,
    round_levels,
    truncate_levels,
)

Facts = dict[str, str | int | float]

PAPER_QUALITY = 75
PAPER_SIDE = 229  # pixels


@dataclass(frozen=True)
class Protocol:
    """The steps from images and reconstructions to what the scores are taken of.

    Attributes:
        name: "clean" or "paper", or of one's own.
        shown: applied to images and reconstructions alike, (B, C, H, W) in [−1, 1];
            PSNR, SSIM, L1 and LPIPS are taken of what it returns, cut to [−1, 1].
        seen: from what is shown, cut to [−1, 1], to the levels (B, 3, h, w) uint8
            that rFID's extractor is given.
        similarity: SSIM (B,) of two batches (B, C, H, W) in [0, 1].
        facts: what all this is, in words, for the result.
    """

    name: str
    shown: Callable[[Tensor], Tensor]
    seen: Callable[[Tensor], Tensor]
    similarity: Callable[[Tensor, Tensor], Tensor]
    facts: Facts


def clean_protocol() -> Protocol:
    """Reconstructions as the model gives them, cut to [−1, 1], at their own size."""
    return Protocol(
        name="clean",
        shown=_unchanged,
        seen=_rounded,
        similarity=gaussian_similarity,
        facts={
            "reconstructions": "cut to [-1, 1], not rounded",
            "ssim": "Gaussian window 11x11, sigma 1.5, whole windows only, values in "
            "[0, 1], data_range 1",
            "rfid_levels": "rounded to uint8",
            "rfid_size": "that of the images",
        },
    )


def paper_protocol(quality: int = PAPER_QUALITY) -> Protocol:
    """The official evaluation: images and reconstructions are taken from JPEG files.

    Levels are truncated, not rounded; grey images are saved as RGB; rFID's images
    are resized to 229×229 before the extractor resizes them to its own 299×299.

    Args:
        quality: of the JPEGs, 1 … 95; the official code leaves it at 75.

    Raises:
        ValueError: if the quality is out of its range.

    Source: the official ArcVQ-VAE repository, VQ-VAE variant, test.py and
        evaluation.py, and CVQ-VAE's fid_score.py and util.py, which it builds on.
    """
    if not 1 <= quality <= 95:
        raise ValueError(f"quality={quality} must lie in 1 … 95")
    return Protocol(
        name="paper",
        shown=partial(_from_jpeg, quality=quality),
        seen=_rounded_and_resized,
        similarity=uniform_similarity,
        facts={
            "reconstructions": "saved as JPEG and read back, and so the images",
            "jpeg_quality": quality,
            "jpeg_levels": "truncated to uint8",
            "ssim": "uniform window 11x11, whole windows only, values in [0, 1], "
            "data_range 1; the official one takes 121/120 of the variances",
            "rfid_levels": "those of the JPEGs",
            "rfid_size": f"resized to {PAPER_SIDE}x{PAPER_SIDE}, Pillow bilinear",
            "beside": "official numbers are of the checkpoint that was best on the "
            "test set, and CVQ-VAE's of a reconstruction term weighted 4x more",
        },
    )


PROTOCOLS: dict[str, Callable[[], Protocol]] = {
    "clean": clean_protocol,
    "paper": paper_protocol,
}


def find_protocol(protocol: Protocol | str) -> Protocol:
    """A protocol, or the one of that name.

    Raises:
        ValueError: if no protocol is called so.
    """
    if isinstance(protocol, Protocol):
        return protocol
    if protocol not in PROTOCOLS:
        raise ValueError(
            f"protocol={protocol!r} must be one of {', '.join(PROTOCOLS)}, or a "
            "Protocol such as paper_protocol(quality=90)"
        )
    return PROTOCOLS[protocol]()


def _unchanged(images: Tensor) -> Tensor:
    return images


def _rounded(images: Tensor) -> Tensor:
    return round_levels(as_rgb(images))


def _from_jpeg(images: Tensor, quality: int) -> Tensor:
    return from_levels(through_jpeg(truncate_levels(as_rgb(images)), quality))


def _rounded_and_resized(images: Tensor) -> Tensor:
    return resize_levels(_rounded(images), PAPER_SIDE)
