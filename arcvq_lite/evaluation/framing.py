"""What an autoencoder takes of an image: channels, sides that it divides, a device."""

from __future__ import annotations

import torch
from torch import Tensor

from arcvq_lite.evaluation.levels import as_grey, as_rgb
from arcvq_lite.models import VQGAN, Autoencoder


def device_of(model: Autoencoder) -> torch.device:
    """Where a model computes."""
    return next(model.parameters()).device


def factor_of(model: Autoencoder) -> int:
    """How many times smaller than the images a model's grid of latents is."""
    return model.factor if isinstance(model, VQGAN) else 4


def in_channels_of(model: Autoencoder, images: Tensor) -> Tensor:
    """Images (B, 1 or 3, H, W) with as many channels as the model takes.

    Raises:
        ValueError: if it takes neither 1 nor 3.
    """
    if model.in_channels not in (1, 3):
        raise ValueError(
            f"model takes {model.in_channels} channels, but image files have 1 or 3"
        )
    if images.shape[1] == model.in_channels:
        return images
    return as_rgb(images) if model.in_channels == 3 else as_grey(images)


def centre_crop(images: Tensor, factor: int) -> Tensor:
    """The central part of images (B, C, H, W) whose sides are multiples of `factor`.

    Raises:
        ValueError: if a side is below `factor`.
    """
    height, width = images.shape[-2:]
    if min(height, width) < factor:
        raise ValueError(
            f"image of {width}×{height} pixels is smaller than one token, "
            f"{factor}×{factor}; take a larger one"
        )
    top, left = height % factor // 2, width % factor // 2
    tall, wide = height // factor * factor, width // factor * factor
    return images[..., top : top + tall, left : left + wide]
