"""VQVAE: a convolutional autoencoder around any quantizer, four times smaller."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from arcvq_lite.models.convolutional import (
    Widths,
    convolutional_decoder,
    convolutional_encoder,
)
from arcvq_lite.quantizers import Quantized, Quantizer
from arcvq_lite.usage import codebook_sizes

# What messages call the inputs, and the axes that they have besides (B, C).
_INPUTS = {1: "signals", 2: "images"}
_SIDES = {1: ("T",), 2: ("H", "W")}


class Reconstruction(NamedTuple):
    """What an autoencoder returns.

    Attributes:
        reconstruction: (B, C, H, W), or (B, C, T) of signals, not clamped.
        quantized: the quantizer's `Quantized`, whose `loss` goes into the objective.
    """

    reconstruction: Tensor
    quantized: Quantized


class VQVAE(nn.Module):
    """The official VQ-VAE variant: two strided convolutions down, two up.

    (B, C, H, W) → encoder → (B, D, H/4, W/4) → quantizer → decoder → (B, C, H, W)

    Of signals the same with convolutions along their one axis:

    (B, C, T) → encoder → (B, D, T/4) → quantizer → decoder → (B, C, T)

    Args:
        in_channels: C of the images or signals.
        quantizer: any `Quantizer`; its `dim` is D.
        hidden: channels inside, even.
        residual_layers: residual blocks at the end of the encoder and at the
            beginning of the decoder.
        residual_hidden: channels inside a residual block.
        relu_skip: whether a residual block's skip carries relu(x), as the official
            code does because its first ReLU works in place, or x.
        dimensions: axes along which it convolves, 2 for images (B, C, H, W), 1 for
            signals (B, C, T); wherever a shape says H, W below, signals have T.

    Raises:
        TypeError: if the quantizer is none.
        ValueError: if a size is out of its range.

    Source: VQ-VAE (van den Oord et al., 2017), section 4.1; the official ArcVQ-VAE
        code, VQ-VAE variant.

    Example:
        >>> import torch
        >>> from arcvq_lite import ArcVQ
        >>> model = VQVAE(3, ArcVQ(num_codes=32, dim=8), hidden=16)
        >>> model(torch.randn(2, 3, 32, 32), step=0).reconstruction.shape
        torch.Size([2, 3, 32, 32])
        >>> model = VQVAE(1, ArcVQ(num_codes=32, dim=8), hidden=16, dimensions=1)
        >>> model.encode(torch.randn(2, 1, 1024)).shape
        torch.Size([2, 256])
    """

    def __init__(
        self,
        in_channels: int,
        quantizer: Quantizer,
        *,
        hidden: int = 128,
        residual_layers: int = 2,
        residual_hidden: int = 32,
        relu_skip: bool = True,
        dimensions: int = 2,
    ) -> None:
        super().__init__()
        if not isinstance(quantizer, nn.Module):
            raise TypeError(
                f"quantizer must be one such as ArcVQ(512, 64), got {quantizer!r}"
            )
        if in_channels < 1:
            raise ValueError(f"in_channels={in_channels} must be at least 1")
        if dimensions not in _SIDES:
            raise ValueError(
                f"dimensions={dimensions} must be 1, for signals (B, C, T), or 2, "
                "for images (B, C, H, W)"
            )
        widths = Widths(hidden, residual_layers, residual_hidden, relu_skip)
        self.in_channels = in_channels
        self.relu_skip = relu_skip
        self.dimensions = dimensions
        self.encoder = convolutional_encoder(
            in_channels, quantizer.dim, widths, dimensions=dimensions
        )
        self.quantizer = quantizer
        self.decoder = convolutional_decoder(
            quantizer.dim, in_channels, widths, dimensions=dimensions
        )

    def forward(self, images: Tensor, step: int | None = None) -> Reconstruction:
        """Encode, quantize and decode images (B, C, H, W) at a training step.

        Raises:
            TypeError: if the images are not floating point.
            ValueError: if their shape is refused, or the quantizer wants a step.
        """
        quantized = self.quantizer(self.latents(images), step=step)
        return Reconstruction(self.decoder(quantized.quantized), quantized)

    def latents(self, images: Tensor) -> Tensor:
        """The encoder's output (B, D, H/4, W/4) for images (B, C, H, W)."""
        check_images(
            images,
            self.in_channels,
            multiple=4,
            name=_INPUTS[self.dimensions],
            dimensions=self.dimensions,
        )
        latents: Tensor = self.encoder(images)
        return latents

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Token indices int64 (B, H/4, W/4) of images (B, C, H, W).

        With several codebooks (B, H/4, W/4, G).
        """
        return self.quantizer.assign(self.latents(images))

    @torch.no_grad()
    def decode(self, indices: Tensor) -> Tensor:
        """Images (B, C, H, W) of token indices int64 (B, H/4, W/4).

        Raises:
            TypeError: if the indices are not int64.
            ValueError: if they are not (B, H/4, W/4), or with several codebooks
                (B, H/4, W/4, G), or out of the codebook.
        """
        check_token_grid(indices, self.quantizer, factor=4, dimensions=self.dimensions)
        images: Tensor = self.decoder(self.quantizer.embed(indices))
        return images


def check_token_grid(
    indices: Tensor, quantizer: Quantizer, *, factor: int, dimensions: int = 2
) -> None:
    """Refuse indices that are no batch of token grids, or of rows of tokens.

    Raises:
        ValueError: if they are not (B, h, w), or (B, h, w, G) for G codebooks; of
            one dimension not (B, t), or (B, t, G).
    """
    codebooks = len(codebook_sizes(quantizer.num_codes))
    axes = ["B", *(f"{side}/{factor}" for side in _SIDES[dimensions])]
    axes += [] if codebooks == 1 else [str(codebooks)]
    wanted = f"({', '.join(axes)})"
    if indices.dim() != len(axes):
        raise ValueError(
            f"indices must be {wanted}, got {tuple(indices.shape)}; "
            "of one grid pass indices[None]"
        )


def check_images(
    images: Tensor,
    channels: int,
    *,
    multiple: int,
    name: str = "images",
    dimensions: int = 2,
) -> None:
    """Refuse images, or signals of one dimension, that an autoencoder cannot take.

    Raises:
        TypeError: if they are not floating point.
        ValueError: if they are not (B, channels, H, W), or (B, channels, T), with
            B ≥ 1 and sides that are multiples of `multiple`.
    """
    if not isinstance(images, Tensor):
        raise TypeError(f"{name} must be a torch tensor, got {type(images).__name__}")
    if not images.is_floating_point():
        raise TypeError(
            f"{name} must be floating point in [−1, 1], got {images.dtype}; "
            "for bytes use images.float() / 127.5 - 1"
        )
    shape = tuple(images.shape)
    if len(shape) != 2 + dimensions or shape[1] != channels:
        sides = ", ".join(_SIDES[dimensions])
        raise ValueError(f"{name} must be (B, {channels}, {sides}), got {shape}")
    if images.numel() == 0:
        raise ValueError(f"{name} are empty, got shape {shape}")
    if any(side % multiple for side in shape[2:]):
        raise ValueError(
            f"{name} must have sides that are multiples of {multiple}, got {shape}"
        )
