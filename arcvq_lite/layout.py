"""One layout for all latents: (N, D), or channel-first (B, D, *spatial)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from einops import rearrange
from torch import Tensor


def to_tokens(latents: Tensor) -> Tensor:
    """Latents (B, D, *spatial) as rows (N, D); latents (N, D) as they are."""
    return rearrange(latents, "b d ... -> (b ...) d")


def like_latents(tokens: Tensor, latents: Tensor) -> Tensor:
    """Rows (N, C) laid out as the latents (B, D, *spatial) are: (B, C, *spatial)."""
    batch, _, *spatial = latents.shape
    grid = tokens.reshape(batch, *spatial, tokens.shape[1])
    return rearrange(grid, "b ... c -> b c ...")


def like_indices(numbers: Tensor, latents: Tensor) -> Tensor:
    """One number a token, (N,), laid out as (B, *spatial)."""
    batch, _, *spatial = latents.shape
    return numbers.reshape(batch, *spatial)


class NonFiniteLatentsError(ValueError):
    """Latents hold a NaN or an infinity, so no code and no direction is theirs."""


def check_latents(latents: Tensor, codebook: Tensor) -> None:
    """Refuse latents that cannot be compared with the codes.

    Raises:
        TypeError: if latents or codebook are not floating point tensors.
        ValueError: if the latents have fewer than two dimensions, no token, or
            another number of channels than the codebook (K, D).
        NonFiniteLatentsError: if they hold a NaN or an infinity.
    """
    for name, given in (("latents", latents), ("codebook", codebook)):
        if not isinstance(given, Tensor):
            raise TypeError(
                f"{name} must be a torch tensor, got {type(given).__name__}"
            )
    if not codebook.is_floating_point():
        raise TypeError(f"codebook must be floating point, got {codebook.dtype}")
    if not latents.is_floating_point():
        raise TypeError(
            f"latents must be floating point, got {latents.dtype}; "
            "convert them with .float()"
        )
    shape = tuple(latents.shape)
    if len(shape) < 2:
        raise ValueError(f"latents must be (N, D) or (B, D, *spatial), got {shape}")
    if codebook.dim() != 2 or len(codebook) == 0:
        raise ValueError(f"codebook must be (K, D), got {tuple(codebook.shape)}")
    if shape[1] != codebook.shape[1]:
        raise ValueError(
            f"latents of shape {shape} have {shape[1]} channels in dimension 1, "
            f"the codebook has dim={codebook.shape[1]}"
        )
    if latents.numel() == 0:
        raise ValueError(f"latents are empty, got shape {shape}")
    if not torch.isfinite(latents).all():
        raise NonFiniteLatentsError(
            "latents contain NaN or infinity; look at the images, and at the loss "
            "of the step before"
        )


@contextmanager
def float32_island(tensor: Tensor) -> Iterator[Callable[[Tensor], Tensor]]:
    """Arithmetic in float32 whatever autocast says, in float64 for float64 input.

    bfloat16 resolves angles near 0 only to about 0.09 rad, as coarse as the
    paper's margin, so matching, margins and norms are never taken in it.

    Yields:
        A function that casts a tensor to the island's dtype.
    """
    dtype = torch.float64 if tensor.dtype == torch.float64 else torch.float32
    with torch.autocast(tensor.device.type, enabled=False):
        yield lambda other: other.to(dtype)
