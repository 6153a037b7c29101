"""The part of a run's description that says what is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from arcvq_lite.training.option_checks import (
    check_above_zero,
    check_at_least,
    check_share,
)
from arcvq_lite.training.quantizer_options import (
    MarginOptions,
    QuantizerOptions,
    RadiusOptions,
    TemperatureOptions,
)

__all__ = [
    "CriticOptions",
    "HypersphericalVAEOptions",
    "MarginOptions",
    "PriorOptions",
    "QuantizerOptions",
    "RadiusOptions",
    "TemperatureOptions",
    "VQGANOptions",
    "VQVAEOptions",
]


@dataclass(frozen=True)
class VQVAEOptions:
    """A VQ-VAE, trained on mse / variance + the quantizer's loss.

    Args:
        hidden: channels inside.
        residual_layers: residual blocks of each half.
        residual_hidden: channels inside a residual block.
        variance: of the training images in [−1, 1]; None measures it, on the whole
            of a named set or on 1,000 images of a folder.
    """

    hidden: int = 128
    residual_layers: int = 2
    residual_hidden: int = 32
    variance: float | None = None

    def __post_init__(self) -> None:
        if self.variance is not None:
            check_above_zero("vqvae.variance", self.variance)


@dataclass(frozen=True)
class CriticOptions:
    """The patch critic and when it begins.

    Args:
        channels: of its first layer.
        layers: strided layers.
        start: the first step at which it counts.
        weight: of the adversarial term, besides the adaptive one.
    """

    channels: int = 64
    layers: int = 3
    start: int = 250_001
    weight: float = 0.8

    def __post_init__(self) -> None:
        check_at_least("vqgan.critic.start", self.start, 0)


@dataclass(frozen=True)
class VQGANOptions:
    """A VQGAN, trained on L1 + LPIPS + an adversarial term + the quantizer's loss.

    Args:
        channels: of the first convolution.
        multipliers: of the channels, one a resolution; each after the first halves
            the image.
        residual_blocks: a resolution.
        attention_resolutions: sides of the feature maps that have attention.
        latent_channels: between the encoder and the 1×1 convolution before the
            quantizer; None is the quantizer's dim.
        perceptual: "download" fetches the weights of LPIPS once, "random" is an
            untrained network for trials, None leaves the term out, anything else is
            the path of the weights.
        perceptual_weight: of the perceptual term.
        critic: the patch critic.
        update: official repeats the official order of operations; fast shares one
            forward pass between both updates.
        activation_checkpointing: recompute activations instead of keeping them.
    """

    channels: int = 128
    multipliers: tuple[int, ...] = (1, 2, 2, 4)
    residual_blocks: int = 2
    attention_resolutions: tuple[int, ...] = (32,)
    latent_channels: int | None = None
    perceptual: str | None = "download"
    perceptual_weight: float = 1.0
    critic: CriticOptions = CriticOptions()
    update: Literal["official", "fast"] = "fast"
    activation_checkpointing: bool = False


@dataclass(frozen=True)
class HypersphericalVAEOptions:
    """A hyperspherical VAE, trained on mse / 2σ² + its divergence from the uniform.

    Args:
        dim: D, channels of a direction.
        hidden: channels inside.
        residual_layers: residual blocks of each half.
        residual_hidden: channels inside a residual block.
        kl_weight: of the divergence; 1 makes the loss the paper's bound, in nats over
            the number of image values.
        variance: σ² of the Gaussian decoder, for images in [−1, 1]; None is that of
            the training images, measured as a vqvae's. The smaller, the more the
            directions have to say.
    """

    dim: int
    hidden: int = 128
    residual_layers: int = 2
    residual_hidden: int = 32
    kl_weight: float = 1.0
    variance: float | None = None

    def __post_init__(self) -> None:
        check_at_least("hyperspherical_vae.dim", self.dim, 2)
        if not 0 <= self.kl_weight < math.inf:
            raise ValueError(
                f"hyperspherical_vae.kl_weight={self.kl_weight} must be at least 0 "
                "and finite"
            )
        if self.variance is not None:
            check_above_zero("hyperspherical_vae.variance", self.variance)


@dataclass(frozen=True)
class PriorOptions:
    """A transformer over the tokens of a file, trained on their mean surprise.

    Args:
        width: of the vectors between the layers, a multiple of `heads`.
        layers: how many blocks follow each other.
        heads: of each block's attention.
        dropout: share of activations that training sets to 0.
        classes: "labels" tells the prior each picture's class; None tells nothing.
        class_drop: how often training hides a class; above 0 the prior can also
            draw without one, and be guided.
    """

    width: int = 256
    layers: int = 4
    heads: int = 4
    dropout: float = 0.0
    classes: Literal["labels"] | None = None
    class_drop: float = 0.1

    def __post_init__(self) -> None:
        for name in ("width", "layers", "heads"):
            check_at_least(f"prior.{name}", getattr(self, name), 1)
        if self.width % self.heads:
            raise ValueError(
                f"prior.width={self.width} must be a multiple of "
                f"prior.heads={self.heads}"
            )
        for name in ("dropout", "class_drop"):
            check_share(f"prior.{name}", getattr(self, name))
