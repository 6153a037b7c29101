"""VQGAN: the convolutional autoencoder with attention, around any quantizer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from arcvq_lite.models.encoder_decoder import Decoder, Encoder, recomputed
from arcvq_lite.models.residual_attention import GROUPS
from arcvq_lite.models.vqvae import Reconstruction, check_images, check_token_grid
from arcvq_lite.quantizers import Quantizer


class VQGAN(nn.Module):
    """The official VQGAN variant's autoencoder; `VQGANObjective` trains it.

    (B, C, H, W) → encoder → (B, Z, H/f, W/f) → 1×1 → (B, D, H/f, W/f) → quantizer
    → 1×1 → (B, Z, H/f, W/f) → decoder → (B, C, H, W), with f = 2^(levels − 1)

    The defaults are the ImageNet model's, around a quantizer of 1024 codes in 16
    dimensions: 67,779,251 parameters and 32×32 tokens a 256×256 image.

    Args:
        in_channels: C of the images.
        quantizer: any `Quantizer`; its `dim` is D.
        channels: of the first convolution, a multiple of 32.
        multipliers: for each level, the finest first, its channels in `channels`.
        residual_blocks: of an encoder's level; a decoder's has one more.
        attention_resolutions: heights of the levels in which attention follows
            every block, for images of height `resolution`.
        resolution: the images' height in training. It only says which levels
            `attention_resolutions` means: images of other sizes pass as well.
        latent_channels: Z; the quantizer's `dim` if None.

    Attributes:
        factor: f, how many times smaller than the images the token grid is.

    Raises:
        TypeError: if the quantizer is none.
        ValueError: if a size is out of its range.

    Source: VQGAN (Esser et al., 2021), taming-transformers; the official
        ArcVQ-VAE code, VQGAN variant.

    Example:
        >>> import torch
        >>> from arcvq_lite import ArcVQ
        >>> quantizer = ArcVQ(num_codes=32, dim=8)
        >>> model = VQGAN(3, quantizer, channels=32, multipliers=(1, 2), resolution=64)
        >>> model(torch.randn(1, 3, 64, 64), step=0).reconstruction.shape
        torch.Size([1, 3, 64, 64])
    """

    def __init__(
        self,
        in_channels: int,
        quantizer: Quantizer,
        *,
        channels: int = 128,
        multipliers: Sequence[int] = (1, 2, 2, 4),
        residual_blocks: int = 2,
        attention_resolutions: Sequence[int] = (32,),
        resolution: int = 256,
        latent_channels: int | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(quantizer, nn.Module):
            raise TypeError(
                f"quantizer must be one such as ArcVQ(1024, 16), got {quantizer!r}"
            )
        latent_channels = quantizer.dim if latent_channels is None else latent_channels
        _check_positive(
            in_channels=in_channels,
            residual_blocks=residual_blocks,
            latent_channels=latent_channels,
        )
        _check_levels(channels, multipliers)
        self.factor = 2 ** (len(multipliers) - 1)
        attention = _attended(attention_resolutions, resolution, len(multipliers))
        widths = [channels * multiplier for multiplier in multipliers]

        self.in_channels = in_channels
        self.encoder = Encoder(
            in_channels, channels, widths, attention, residual_blocks, latent_channels
        )
        self.quant_conv = nn.Conv2d(latent_channels, quantizer.dim, 1)
        self.quantizer = quantizer
        self.post_quant_conv = nn.Conv2d(quantizer.dim, latent_channels, 1)
        self.decoder = Decoder(
            in_channels, widths, attention, residual_blocks + 1, latent_channels
        )

    @property
    def last_layer(self) -> Tensor:
        """The decoder's last weight (C, width of the finest level, 3, 3).

        The official adaptive weight compares two gradients at this place.
        """
        return self.decoder.conv_out.weight

    def forward(self, images: Tensor, step: int | None = None) -> Reconstruction:
        """Encode, quantize and decode images (B, C, H, W) at a training step.

        Raises:
            TypeError: if the images are not floating point.
            ValueError: if their shape is refused, or the quantizer wants a step.
        """
        quantized = self.quantizer(self.latents(images), step=step)
        return Reconstruction(self._decoded(quantized.quantized), quantized)

    def latents(self, images: Tensor) -> Tensor:
        """What is quantized: (B, D, H/f, W/f) for images (B, C, H, W)."""
        check_images(images, self.in_channels, multiple=self.factor)
        latents: Tensor = self.quant_conv(self.encoder(images))
        return latents

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Token indices int64 (B, H/f, W/f) of images (B, C, H, W).

        With several codebooks (B, H/f, W/f, G).
        """
        return self.quantizer.assign(self.latents(images))

    @torch.no_grad()
    def decode(self, indices: Tensor) -> Tensor:
        """Images (B, C, H, W) of token indices int64 (B, H/f, W/f).

        Raises:
            TypeError: if the indices are not int64.
            ValueError: if they are not (B, H/f, W/f), or with several codebooks
                (B, H/f, W/f, G), or out of the codebook.
        """
        check_token_grid(indices, self.quantizer, factor=self.factor)
        return self._decoded(self.quantizer.embed(indices))

    def recompute_activations(self) -> None:
        """From now on keep each block's input alone, and run it again going back.

        Values and gradients stay the same. A training step then keeps less than
        half as much, and runs every block forward twice.
        """
        self.encoder.run = self.decoder.run = recomputed

    def _decoded(self, codes: Tensor) -> Tensor:
        images: Tensor = self.decoder(self.post_quant_conv(codes))
        return images


def _attended(
    attention_resolutions: Sequence[int], resolution: int, levels: int
) -> list[bool]:
    """For each level whether it has attention."""
    if resolution < 1 or resolution % 2 ** (levels - 1):
        raise ValueError(
            f"resolution={resolution} must be a multiple of {2 ** (levels - 1)}, "
            f"for {levels} levels each half as large as the one before"
        )
    heights = [resolution // 2**level for level in range(levels)]
    if strangers := set(attention_resolutions) - set(heights):
        raise ValueError(
            f"attention_resolutions={tuple(attention_resolutions)} must be among the "
            f"levels' heights {heights}, got {sorted(strangers)}"
        )
    return [height in attention_resolutions for height in heights]


def _check_levels(channels: int, multipliers: Sequence[int]) -> None:
    if channels < GROUPS or channels % GROUPS:
        raise ValueError(
            f"channels={channels} must be a multiple of {GROUPS}, the group norm's "
            "groups"
        )
    if not multipliers or min(multipliers) < 1:
        raise ValueError(
            f"multipliers={tuple(multipliers)} must be one number of at least 1 for "
            "each level"
        )


def _check_positive(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}={size} must be at least 1")
