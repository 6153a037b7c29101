"""VQVAE: a convolutional autoencoder around any quantizer, four times smaller."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arcvq_lite.quantizers import Quantized, Quantizer


class Reconstruction(NamedTuple):
    """What an autoencoder returns.

    Attributes:
        reconstruction: (B, C, H, W), not clamped.
        quantized: the quantizer's `Quantized`, whose `loss` goes into the objective.
    """

    reconstruction: Tensor
    quantized: Quantized


class VQVAE(nn.Module):
    """The official VQ-VAE variant: two strided convolutions down, two up.

    (B, C, H, W) → encoder → (B, D, H/4, W/4) → quantizer → decoder → (B, C, H, W)

    Args:
        in_channels: C of the images.
        quantizer: any `Quantizer`; its `dim` is D.
        hidden: channels inside, even.
        residual_layers: residual blocks at the end of the encoder and at the
            beginning of the decoder.
        residual_hidden: channels inside a residual block.
        relu_skip: whether a residual block's skip carries relu(x), as the official
            code does because its first ReLU works in place, or x.

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
    ) -> None:
        super().__init__()
        if not isinstance(quantizer, nn.Module):
            raise TypeError(
                f"quantizer must be one such as ArcVQ(512, 64), got {quantizer!r}"
            )
        if in_channels < 1:
            raise ValueError(f"in_channels={in_channels} must be at least 1")
        if hidden < 2 or hidden % 2:
            raise ValueError(f"hidden={hidden} must be even and at least 2")
        if residual_layers < 0 or residual_hidden < 1:
            raise ValueError(
                f"residual_layers={residual_layers} must be at least 0 and "
                f"residual_hidden={residual_hidden} at least 1"
            )
        self.in_channels = in_channels
        self.relu_skip = relu_skip
        self.encoder = nn.Sequential(
            nn.Conv2d(in_channels, hidden // 2, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden // 2, hidden, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, 3, padding=1),
            *(
                ResidualBlock(hidden, residual_hidden, relu_skip=relu_skip)
                for _ in range(residual_layers)
            ),
            nn.ReLU(),
            nn.Conv2d(hidden, quantizer.dim, 1),
        )
        self.quantizer = quantizer
        self.decoder = nn.Sequential(
            nn.Conv2d(quantizer.dim, hidden, 3, padding=1),
            *(
                ResidualBlock(hidden, residual_hidden, relu_skip=relu_skip)
                for _ in range(residual_layers)
            ),
            nn.ReLU(),
            nn.ConvTranspose2d(hidden, hidden // 2, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(hidden // 2, in_channels, 4, stride=2, padding=1),
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
        check_images(images, self.in_channels, multiple=4)
        latents: Tensor = self.encoder(images)
        return latents

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Token indices int64 (B, H/4, W/4) of images (B, C, H, W)."""
        return self.quantizer.assign(self.latents(images))

    @torch.no_grad()
    def decode(self, indices: Tensor) -> Tensor:
        """Images (B, C, H, W) of token indices int64 (B, H/4, W/4).

        Raises:
            TypeError: if the indices are not int64.
            ValueError: if they are not (B, H/4, W/4), or out of the codebook.
        """
        if indices.dim() != 3:
            raise ValueError(
                f"indices must be (B, H/4, W/4), got {tuple(indices.shape)}; "
                "of one grid pass indices[None]"
            )
        images: Tensor = self.decoder(self.quantizer.embed(indices))
        return images


class ResidualBlock(nn.Module):
    """x + convolutions of relu(x), or relu(x) + convolutions of relu(x).

    Args:
        channels: of input and output.
        hidden: channels between the 3×3 and the 1×1 convolution.
        relu_skip: whether the skip carries relu(x).
    """

    def __init__(self, channels: int, hidden: int, *, relu_skip: bool) -> None:
        super().__init__()
        self.relu_skip = relu_skip
        self.narrow = nn.Conv2d(channels, hidden, 3, padding=1)
        self.widen = nn.Conv2d(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) to the same shape."""
        active = F.relu(x)
        change: Tensor = self.widen(F.relu(self.narrow(active)))
        return (active if self.relu_skip else x) + change


def check_images(
    images: Tensor, channels: int, *, multiple: int, name: str = "images"
) -> None:
    """Refuse images that an autoencoder cannot take.

    Raises:
        TypeError: if they are not floating point.
        ValueError: if they are not (B, channels, H, W) with B ≥ 1 and H and W
            multiples of `multiple`.
    """
    if not isinstance(images, Tensor):
        raise TypeError(f"{name} must be a torch tensor, got {type(images).__name__}")
    if not images.is_floating_point():
        raise TypeError(
            f"{name} must be floating point in [−1, 1], got {images.dtype}; "
            "for bytes use images.float() / 127.5 - 1"
        )
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[1] != channels:
        raise ValueError(f"{name} must be (B, {channels}, H, W), got {shape}")
    if images.numel() == 0:
        raise ValueError(f"{name} are empty, got shape {shape}")
    if shape[2] % multiple or shape[3] % multiple:
        raise ValueError(
            f"{name} must have sides that are multiples of {multiple}, got {shape}"
        )
