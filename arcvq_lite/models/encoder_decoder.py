"""The VQGAN's encoder and decoder: levels of residual blocks, each half as large.

The parts inside bear the official names, so checkpoints need no translation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise, zip_longest

from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from arcvq_lite.models.residual_attention import (
    Downsample,
    ResidualBlock,
    SelfAttention,
    Upsample,
    group_norm,
)

# How a block is run: called, or called and run again for its gradient.
Run = Callable[[nn.Module, Tensor], Tensor]


def remembered(block: nn.Module, x: Tensor) -> Tensor:
    """Run a block and keep what its gradient needs."""
    y: Tensor = block(x)
    return y


def recomputed(block: nn.Module, x: Tensor) -> Tensor:
    """Run a block, keep its input alone, and run it again for the gradient."""
    y: Tensor = checkpoint(block, x, use_reentrant=False, preserve_rng_state=False)
    return y


class Encoder(nn.Module):
    """(B, C, H, W) → one level after another, halved between two → (B, Z, h, w).

    Args:
        in_channels: C of the images.
        stem: channels of the first convolution.
        widths: channels of the levels, the finest first.
        attention: for each level, whether attention follows every block.
        blocks: residual blocks a level.
        latent_channels: Z.

    Attributes:
        run: `remembered`, or `recomputed` to save memory.
    """

    def __init__(
        self,
        in_channels: int,
        stem: int,
        widths: Sequence[int],
        attention: Sequence[bool],
        blocks: int,
        latent_channels: int,
    ) -> None:
        super().__init__()
        self.run: Run = remembered
        self.conv_in = nn.Conv2d(in_channels, stem, 3, padding=1)
        halved = [Downsample(width) for width in widths[:-1]]
        self.down = nn.ModuleList(
            Level(incoming, width, blocks, attended=attended, downsample=downsample)
            for incoming, width, attended, downsample in zip(
                [stem, *widths[:-1]],
                widths,
                attention,
                [*halved, None],
                strict=True,
            )
        )
        self.mid = Middle(widths[-1])
        self.norm_out = group_norm(widths[-1])
        self.conv_out = nn.Conv2d(widths[-1], latent_channels, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to (B, Z, h, w)."""
        x = self.conv_in(images)
        for level in self.down:
            x = level(x, self.run)
        x = self.mid(x, self.run)
        latents: Tensor = self.conv_out(F.silu(self.norm_out(x)))
        return latents


class Decoder(nn.Module):
    """(B, Z, h, w) → one level after another, doubled between two → (B, C, H, W).

    Args:
        out_channels: C of the images.
        widths: channels of the levels, the finest first.
        attention: for each level, whether attention follows every block.
        blocks: residual blocks a level; taming has one more than in the encoder.
        latent_channels: Z.

    Attributes:
        run: `remembered`, or `recomputed` to save memory.
    """

    def __init__(
        self,
        out_channels: int,
        widths: Sequence[int],
        attention: Sequence[bool],
        blocks: int,
        latent_channels: int,
    ) -> None:
        super().__init__()
        self.run: Run = remembered
        self.conv_in = nn.Conv2d(latent_channels, widths[-1], 3, padding=1)
        self.mid = Middle(widths[-1])
        doubled = [Upsample(width) for width in widths[1:]]
        # Kept from the finest level to the coarsest, and run the other way.
        self.up = nn.ModuleList(
            Level(incoming, width, blocks, attended=attended, upsample=upsample)
            for incoming, width, attended, upsample in zip(
                [*widths[1:], widths[-1]],
                widths,
                attention,
                [None, *doubled],
                strict=True,
            )
        )
        self.norm_out = group_norm(widths[0])
        self.conv_out = nn.Conv2d(widths[0], out_channels, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        """Latents (B, Z, h, w) to images (B, C, H, W)."""
        x = self.mid(self.conv_in(latents), self.run)
        for level in reversed(self.up):
            x = level(x, self.run)
        images: Tensor = self.conv_out(F.silu(self.norm_out(x)))
        return images


class Level(nn.Module):
    """Residual blocks of one width, each followed by attention where it is wanted.

    Args:
        in_channels: of the input.
        width: channels of every block's output.
        blocks: how many there are.
        attended: whether attention follows every block.
        downsample: what comes last in an encoder's level.
        upsample: what comes last in a decoder's level.
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        blocks: int,
        *,
        attended: bool,
        downsample: nn.Module | None = None,
        upsample: nn.Module | None = None,
    ) -> None:
        super().__init__()
        channels = [in_channels] + [width] * blocks
        self.block = nn.ModuleList(ResidualBlock(a, b) for a, b in pairwise(channels))
        self.attn = nn.ModuleList(
            SelfAttention(width) for _ in range(blocks if attended else 0)
        )
        self.downsample = downsample or nn.Identity()
        self.upsample = upsample or nn.Identity()

    def forward(self, x: Tensor, run: Run) -> Tensor:
        """(B, in_channels, H, W) to (B, width, H, W), halved or doubled."""
        for block, attention in zip_longest(self.block, self.attn):
            x = run(block, x)
            if attention is not None:
                x = run(attention, x)
        resampled: Tensor = self.upsample(self.downsample(x))
        return resampled


class Middle(nn.Module):
    """Block, attention, block: between the coarsest level and the latents."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block_1 = ResidualBlock(width, width)
        self.attn_1 = SelfAttention(width)
        self.block_2 = ResidualBlock(width, width)

    def forward(self, x: Tensor, run: Run) -> Tensor:
        """(B, width, h, w) to the same shape."""
        for part in (self.block_1, self.attn_1, self.block_2):
            x = run(part, x)
        return x
