"""The parts of the VQGAN's two halves: residual block, attention, half and double.

The parts inside bear the official names, so checkpoints need no translation.
"""

from __future__ import annotations

from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

# The channels of every layer are shared out among this many groups.
GROUPS = 32


class ResidualBlock(nn.Module):
    """x + two 3×3 convolutions, each behind a group norm and x · sigmoid(x).

    Args:
        in_channels: of the input, a multiple of 32.
        out_channels: of the output, a multiple of 32; where they differ, a 1×1
            convolution takes the skip from one to the other.

    Source: taming-transformers (Esser et al., 2021), without its time embedding.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm1 = group_norm(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = group_norm(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.nin_shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.nin_shortcut = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, out_channels, H, W)."""
        change = self.conv1(F.silu(self.norm1(x)))
        change = self.conv2(F.silu(self.norm2(change)))
        sum_of_both: Tensor = self.nin_shortcut(x) + change
        return sum_of_both


class SelfAttention(nn.Module):
    """x + what every place gathers from all others, with one head.

    Args:
        channels: of input and output, a multiple of 32.

    Source: taming-transformers (Esser et al., 2021).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = group_norm(channels)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        normal = self.norm(x)
        query, key, value = (
            rearrange(project(normal), "b c h w -> b 1 (h w) c").contiguous()
            for project in (self.q, self.k, self.v)
        )
        gathered = F.scaled_dot_product_attention(query, key, value)
        gathered = rearrange(gathered, "b 1 (h w) c -> b c h w", h=x.shape[2])
        sum_of_both: Tensor = x + self.proj_out(gathered)
        return sum_of_both


class Downsample(nn.Module):
    """Half the height and width, by a 3×3 convolution of stride 2.

    The padding is one row below and one column to the right, none on the other
    sides.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, H/2, W/2)."""
        half: Tensor = self.conv(F.pad(x, (0, 1, 0, 1)))
        return half


class Upsample(nn.Module):
    """Twice the height and width: every place repeated, then a 3×3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, 2H, 2W)."""
        double: Tensor = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return double


def group_norm(channels: int) -> nn.GroupNorm:
    """The norm before every convolution; its epsilon is the official one."""
    return nn.GroupNorm(GROUPS, channels, eps=1e-6)
