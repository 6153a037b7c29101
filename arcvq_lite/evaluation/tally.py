"""Tally: sums over the images that a process saw, and means over all processes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from arcvq_lite.evaluation.framing import device_of
from arcvq_lite.evaluation.frechet import FeatureExtractor, FrechetTally
from arcvq_lite.evaluation.image_scores import (
    absolute_error,
    decibels,
    squared_error,
)
from arcvq_lite.evaluation.latent_tally import tally_of
from arcvq_lite.evaluation.protocol import Protocol
from arcvq_lite.evaluation.reduction import largest, summed
from arcvq_lite.models import Autoencoder
from arcvq_lite.perceptual import PerceptualDistance


class Totals(NamedTuple):
    """What all processes found together.

    Attributes:
        images: how many there were.
        image_shape: (C, H, W).
        tokens: how many codes were chosen for them; 0 of a model without codes.
        scores: by name.
    """

    images: int
    image_shape: tuple[int, int, int]
    tokens: int
    scores: dict[str, float]


class Tally:
    """One sum a score, and what the model's latents were.

    Args:
        model: in eval mode, on the device to compute on.
        lpips: on the same device.
        fid: the extractor for rFID.
        protocol: what images and reconstructions go through first.
    """

    def __init__(
        self,
        model: Autoencoder,
        lpips: PerceptualDistance | None,
        fid: FeatureExtractor | None,
        protocol: Protocol,
    ) -> None:
        self._model, self._lpips, self._protocol = model, lpips, protocol
        self._device = device_of(model)
        self._shape: tuple[int, ...] = (0, 0, 0)
        self._images = torch.tensor(0)
        self._latents = tally_of(model)
        # Known before the first image: a process without any adds zeros to the rest.
        names = ["squared_error", "psnr", "ssim", "l1"]
        names += [] if lpips is None else [lpips.term]
        self._sums = {name: torch.zeros((), dtype=torch.float64) for name in names}
        self._frechet = None if fid is None else FrechetTally(fid, self._device)

    def add(self, images: Tensor) -> None:
        """Reconstruct and score one batch (b, C, H, W) in [−1, 1].

        Raises:
            ValueError: if its shape differs from the first one's, or a value of it
                or of its reconstruction is out of range.
        """
        self._check(images)
        images = images.to(self._device)
        output = self._model(images)
        reconstruction: Tensor = output.reconstruction
        if not torch.isfinite(reconstruction).all():
            raise ValueError(
                f"model gives NaN or infinity for an image among the {len(images)} "
                f"after the first {int(self._images)}; look at its weights"
            )
        self._images += len(images)
        self._latents.add(output)
        sides = (images, reconstruction)
        shown = [self._protocol.shown(side.float()).clamp(-1, 1) for side in sides]
        for name, values in self._per_image(*shown).items():
            self._sums[name] += values.sum().cpu()
        if self._frechet is not None:
            self._frechet.add(*(self._protocol.seen(side) for side in shown))

    def totals(self) -> Totals:
        """Of all processes, which call it together.

        Raises:
            ValueError: if there was no image.
        """
        images = int(summed(self._images))
        if images == 0:
            raise ValueError("batches hold no image; give at least one")
        means = {
            name: float(summed(sum_)) / images for name, sum_ in self._sums.items()
        }
        mean_error = torch.tensor(means.pop("squared_error"), dtype=torch.float64)
        latents = self._latents.totals()
        channels, height, width = largest(torch.tensor(self._shape)).tolist()
        scores = {
            "psnr": means.pop("psnr"),
            "psnr_of_mean_error": float(decibels(mean_error)),
            **means,
        }
        # A covariance needs two.
        if self._frechet is not None and images > 1:
            scores[self._frechet.term] = self._frechet.distance()
        scores |= latents.scores
        return Totals(images, (channels, height, width), latents.tokens, scores)

    def _per_image(self, images: Tensor, others: Tensor) -> dict[str, Tensor]:
        """Each score's values (b,) float64, of batches in [−1, 1]."""
        scores: dict[str, Tensor] = {}
        if self._lpips is not None:
            distance: Tensor = self._lpips(images, others)
            scores[self._lpips.term] = distance.flatten().cpu().double()
        images, others = ((side + 1) / 2 for side in (images, others))
        error = squared_error(images, others)
        return {
            "squared_error": error,
            "psnr": decibels(error),
            "ssim": self._protocol.similarity(images, others),
            "l1": absolute_error(images, others),
            **scores,
        }

    def _check(self, images: Tensor) -> None:
        shape = tuple(images.shape[1:])
        if images.dim() != 4 or images.numel() == 0:
            raise ValueError(
                f"batches must be (b, C, H, W) and not empty, got {tuple(images.shape)}"
            )
        if int(self._images) == 0:
            self._shape = shape
        if shape != self._shape:
            raise ValueError(
                f"batches must hold images of one shape, {self._shape}, got {shape}; "
                "cut them to one size"
            )
        low, high = (float(end) for end in images.aminmax())
        if not (low >= -1 and high <= 1):  # a NaN fails both comparisons
            raise ValueError(f"images must lie in [-1, 1], got [{low:g}, {high:g}]")
