"""The two convolutional halves of the official VQ-VAE, around whatever lies between."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Widths:
    """How wide and how deep both halves are.

    Args:
        hidden: channels inside, even.
        residual_layers: residual blocks of each half.
        residual_hidden: channels inside a residual block.
        relu_skip: whether the skip of a block carries relu(x), see `ResidualBlock`.

    Raises:
        ValueError: if a size is out of its range.
    """

    hidden: int
    residual_layers: int
    residual_hidden: int
    relu_skip: bool

    def __post_init__(self) -> None:
        if self.hidden < 2 or self.hidden % 2:
            raise ValueError(f"hidden={self.hidden} must be even and at least 2")
        if self.residual_layers < 0 or self.residual_hidden < 1:
            raise ValueError(
                f"residual_layers={self.residual_layers} must be at least 0 and "
                f"residual_hidden={self.residual_hidden} at least 1"
            )


def convolutional_encoder(
    in_channels: int, out_channels: int, widths: Widths
) -> nn.Sequential:
    """(B, in_channels, H, W) → (B, out_channels, H/4, W/4)."""
    hidden = widths.hidden
    return nn.Sequential(
        nn.Conv2d(in_channels, hidden // 2, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(hidden // 2, hidden, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(hidden, hidden, 3, padding=1),
        *_residual_blocks(widths),
        nn.ReLU(),
        nn.Conv2d(hidden, out_channels, 1),
    )


def convolutional_decoder(
    in_channels: int, out_channels: int, widths: Widths
) -> nn.Sequential:
    """(B, in_channels, H/4, W/4) → (B, out_channels, H, W), not clamped."""
    hidden = widths.hidden
    return nn.Sequential(
        nn.Conv2d(in_channels, hidden, 3, padding=1),
        *_residual_blocks(widths),
        nn.ReLU(),
        nn.ConvTranspose2d(hidden, hidden // 2, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(hidden // 2, out_channels, 4, stride=2, padding=1),
    )


def _residual_blocks(widths: Widths) -> list[nn.Module]:
    return [
        ResidualBlock(widths.hidden, widths.residual_hidden, relu_skip=widths.relu_skip)
        for _ in range(widths.residual_layers)
    ]


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
