"""PatchCritic: a convolutional judge that scores every patch of an image."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn


class PatchCritic(nn.Module):
    """Scores patches: high for those of images, low for those of reconstructions.

    (B, C, H, W) → `layers` convolutions of stride 2 → two of stride 1 →
    (B, 1, H/2^layers − 2, W/2^layers − 2). With 3 layers a score sees 70×70 pixels.

    Batch norm makes the scores of a batch depend on one another, so images and
    reconstructions are scored in two calls, as the official code does.

    Args:
        in_channels: C of the images.
        channels: of the first convolution; each following one has twice as many,
            up to eight times as many.
        layers: convolutions of stride 2.

    Raises:
        ValueError: if a size is below 1.

    Source: PatchGAN (Isola et al., 2017); initial weights N(0, 0.02) as there.

    Example:
        >>> import torch
        >>> PatchCritic(channels=8)(torch.randn(2, 3, 64, 64)).shape
        torch.Size([2, 1, 6, 6])
    """

    def __init__(
        self, in_channels: int = 3, channels: int = 64, layers: int = 3
    ) -> None:
        super().__init__()
        sizes = {"in_channels": in_channels, "channels": channels, "layers": layers}
        for name, size in sizes.items():
            if size < 1:
                raise ValueError(f"{name}={size} must be at least 1")
        self.in_channels = in_channels
        self.layers = layers
        widths = [channels * min(2**layer, 8) for layer in range(layers + 1)]
        strides = [2] * (layers - 1) + [1]
        parts: list[nn.Module] = [
            nn.Conv2d(in_channels, channels, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
        ]
        for (incoming, width), stride in zip(pairwise(widths), strides, strict=True):
            parts += [
                # The norm that follows takes any bias away again.
                nn.Conv2d(incoming, width, 4, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.LeakyReLU(0.2),
            ]
        parts.append(nn.Conv2d(widths[-1], 1, 4, padding=1))
        self.main = nn.Sequential(*parts)
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Scores (B, 1, h, w), not squashed, of images (B, C, H, W).

        Raises:
            ValueError: if the images are too small for one score.
        """
        smallest = 3 * 2**self.layers
        if min(images.shape[-2:]) < smallest:
            raise ValueError(
                f"images must be at least {smallest}×{smallest} for a critic of "
                f"layers={self.layers}, got {tuple(images.shape)}; use fewer layers"
            )
        scores: Tensor = self.main(images)
        return scores


def _initialise(module: nn.Module) -> None:
    """The official initial weights; biases of convolutions stay torch's own."""
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)
