"""The ArcCosine Additive Margin loss: codes are the classes, latents the samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.layout import check_latents, float32_island, to_tokens
from arcvq_lite.margin_blocks import (
    MarginOptions,
    is_one_block,
    mean_in_blocks,
    values_in_blocks,
)
from arcvq_lite.margins import add_angular_margin, check_margin


def arc_margin_loss(
    latents: Tensor,
    codebook: Tensor,
    *,
    scale: float = 10.0,
    margin: float = 0.1,
    top_k: int = 3,
    reduction: Literal["mean", "none"] = "mean",
) -> Tensor:
    """Every code pulls its k most similar latents, and must win them by a margin.

    For code j, with θ_ji its angle to latent i and P_j its top-k latents,

        L_j = −log [ Σ_{P_j} exp(s cos(θ_ji + m))
                     / (Σ_{P_j} exp(s cos(θ_ji + m)) + Σ_{not P_j} exp(s cos θ_ji)) ]

    and the loss is the mean over the K codes. The softmax runs over the N latents,
    not over the codes as ArcFace's does. The codebook is a constant: only the
    latents receive a gradient, which can be taken once and not be differentiated
    again. Computed in float32 (float64 for float64 latents), under autocast too; where
    the (K, N) cosines are many, a block of codes at a time, with the values that
    `margin_of_rows` of the whole matrix has.

    Args:
        latents: (N, D), or channel-first (B, D, *spatial) with N = B · ∏ spatial.
        codebook: (K, D).
        scale: s, the inverse temperature, above 0.
        margin: m in radians, 0 ≤ m < π.
        top_k: k, how many latents are positives of each code, 1 ≤ k ≤ N.
        reduction: "mean" for the scalar, "none" for the values of the K codes.

    Returns:
        A scalar, or (K,) with `reduction="none"`.

    Raises:
        TypeError: if latents or codebook are not floating point.
        ValueError: if a shape, a NaN among the latents, or an option is refused.

    Source: ArcVQ-VAE (Kim & Yoo, 2026), ArcCosine Additive Margin loss.
    """
    _check_options(scale, margin, top_k)
    if reduction not in ("mean", "none"):
        raise ValueError(f'reduction={reduction!r} must be "mean" or "none"')
    check_latents(latents, codebook)
    tokens = to_tokens(latents)  # (N, D)
    if top_k > len(tokens):
        raise ValueError(
            f"top_k={top_k} needs at least {top_k} latents, got {len(tokens)}"
        )
    with float32_island(tokens) as exact:
        codes = F.normalize(exact(codebook.detach()), dim=1)  # (K, D)
        directions = F.normalize(exact(tokens), dim=1)  # (N, D)
        if is_one_block(directions, codes):
            cosine = codes @ directions.T  # (K, N)
            values = margin_of_rows(cosine, scale=scale, margin=margin, top_k=top_k)
            return values.mean() if reduction == "mean" else values
        options = MarginOptions(scale, margin, top_k)
        in_blocks = mean_in_blocks if reduction == "mean" else values_in_blocks
        return in_blocks(directions, codes, options)


def margin_of_rows(
    cosine: Tensor, *, scale: float, margin: float, top_k: int
) -> Tensor:
    """The loss of each row, whose k largest cosines are its positives.

    Args:
        cosine: (R, C), a row a class, a column a sample.
        scale: s, above 0.
        margin: m in radians.
        top_k: k, at most C.

    Returns:
        (R,).

    Source: as of `arc_margin_loss`, whose rows are codes.
    """
    nearest = cosine.topk(top_k, dim=1)  # (R, k)
    positives = scale * add_angular_margin(nearest.values, margin)
    logits = (scale * cosine).scatter(1, nearest.indices, positives)
    return logits.logsumexp(dim=1) - positives.logsumexp(dim=1)


class MarginLoss(Protocol):
    """What `ArcVQ(margin=…)` calls: a scalar of the latents and the codes.

    A loss of the margin's place in the objective, such as `ArcMarginLoss`, or another
    in its stead.
    """

    def __call__(self, latents: Tensor, codebook: Tensor, /) -> Tensor:
        """The scalar loss of latents (N, D) at codes (K, D)."""


@dataclass(frozen=True)
class ArcMarginLoss:
    """`arc_margin_loss` with its options chosen: what `ArcVQ(margin=…)` takes.

    Args:
        scale: s, above 0. The official code has 5 for VQ-VAE and 10 for VQGAN.
        margin: m in radians, 0 ≤ m < π.
        top_k: positives of each code, at least 1.

    Raises:
        ValueError: if an option is out of its range.
    """

    scale: float = 10.0
    margin: float = 0.1
    top_k: int = 3

    def __post_init__(self) -> None:
        _check_options(self.scale, self.margin, self.top_k)

    def __call__(self, latents: Tensor, codebook: Tensor) -> Tensor:
        """The scalar loss of latents (N, D) or (B, D, *spatial) at codes (K, D)."""
        return arc_margin_loss(
            latents,
            codebook,
            scale=self.scale,
            margin=self.margin,
            top_k=self.top_k,
        )


def _check_options(scale: float, margin: float, top_k: int) -> None:
    if not 0 < scale < math.inf:
        raise ValueError(f"scale={scale} must be above 0 and finite")
    check_margin(margin)
    if top_k < 1:
        raise ValueError(f"top_k={top_k} must be at least 1")
