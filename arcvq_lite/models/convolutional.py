"""The two convolutional halves of the official VQ-VAE, around whatever lies between."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

# Of signals (B, C, T), and of images (B, C, H, W).
_CONVOLUTION: dict[int, type[nn.Conv1d | nn.Conv2d]] = {1: nn.Conv1d, 2: nn.Conv2d}
_TRANSPOSED: dict[int, type[nn.ConvTranspose1d | nn.ConvTranspose2d]] = {
    1: nn.ConvTranspose1d,
    2: nn.ConvTranspose2d,
}


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
    in_channels: int, out_channels: int, widths: Widths, *, dimensions: int = 2
) -> nn.Sequential:
    """(B, in_channels, H, W) → (B, out_channels, H/4, W/4), or T in place of H, W."""
    hidden, convolution = widths.hidden, _CONVOLUTION[dimensions]
    return nn.Sequential(
        convolution(in_channels, hidden // 2, 4, stride=2, padding=1),
        nn.ReLU(),
        convolution(hidden // 2, hidden, 4, stride=2, padding=1),
        nn.ReLU(),
        convolution(hidden, hidden, 3, padding=1),
        *_residual_blocks(widths, dimensions),
        nn.ReLU(),
        convolution(hidden, out_channels, 1),
    )


def convolutional_decoder(
    in_channels: int, out_channels: int, widths: Widths, *, dimensions: int = 2
) -> nn.Sequential:
    """The way back from `convolutional_encoder`, to its four times longer sides.

    What comes out is not clamped.
    """
    hidden, transposed = widths.hidden, _TRANSPOSED[dimensions]
    return nn.Sequential(
        _CONVOLUTION[dimensions](in_channels, hidden, 3, padding=1),
        *_residual_blocks(widths, dimensions),
        nn.ReLU(),
        transposed(hidden, hidden // 2, 4, stride=2, padding=1),
        nn.ReLU(),
        transposed(hidden // 2, out_channels, 4, stride=2, padding=1),
    )


def _residual_blocks(widths: Widths, dimensions: int) -> list[nn.Module]:
    return [
        ResidualBlock(
            widths.hidden,
            widths.residual_hidden,
            relu_skip=widths.relu_skip,
            dimensions=dimensions,
        )
        for _ in range(widths.residual_layers)
    ]


class ResidualBlock(nn.Module):
    """x + convolutions of relu(x), or relu(x) + convolutions of relu(x).

    Args:
        channels: of input and output.
        hidden: channels between the convolutions of width 3 and 1.
        relu_skip: whether the skip carries relu(x).
        dimensions: axes of x besides batch and channels.
    """

    def __init__(
        self, channels: int, hidden: int, *, relu_skip: bool, dimensions: int = 2
    ) -> None:
        super().__init__()
        convolution = _CONVOLUTION[dimensions]
        self.relu_skip = relu_skip
        self.narrow = convolution(channels, hidden, 3, padding=1)
        self.widen = convolution(hidden, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W), or (B, channels, T), to the same shape."""
        active = F.relu(x)
        change: Tensor = self.widen(F.relu(self.narrow(active)))
        return (active if self.relu_skip else x) + change
