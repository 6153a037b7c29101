"""Four classification heads: the softmax, and three margins on its angles.

Each is called with embeddings and labels and returns logits for cross entropy.
Without labels there is no margin, as at test time. A margin changes only the
logit of the right class.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arcvq_lite.layout import float32_island
from arcvq_lite.margins import add_angular_margin, check_margin


class SoftmaxHead(nn.Module):
    """The plain linear classifier: logits W x, neither side normalised.

    Args:
        dim: D, channels of an embedding.
        num_classes: C.

    Attributes:
        weight: (C, D), one row a class.
    """

    def __init__(self, dim: int, num_classes: int) -> None:
        super().__init__()
        self.weight = _class_weights(dim, num_classes)

    def forward(self, embeddings: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits (N, C) of embeddings (N, D); the labels (N,) change nothing."""
        _check(embeddings, labels, self.weight)
        return embeddings @ self.weight.T


class CosFaceHead(nn.Module):
    """Cosine minus a margin: s (cos θ − m) at the right class, s cos θ elsewhere.

    Args:
        dim: D, channels of an embedding.
        num_classes: C.
        scale: s, above 0.
        margin: m, subtracted from the cosine, at least 0.

    Attributes:
        weight: (C, D), one row a class.

    Raises:
        ValueError: if scale or margin is out of its range.

    Source: CosFace (Wang et al., 2018), equation 4.
    """

    def __init__(
        self, dim: int, num_classes: int, *, scale: float = 30.0, margin: float = 0.35
    ) -> None:
        super().__init__()
        _check_scale(scale)
        if not 0 <= margin < math.inf:
            raise ValueError(f"margin={margin} must be at least 0 and finite")
        self.weight = _class_weights(dim, num_classes)
        self.scale = scale
        self.margin = margin

    def forward(self, embeddings: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits (N, C) of embeddings (N, D); the margin where labels (N,) point."""
        cosine = cosine_to_classes(embeddings, self.weight, labels)
        if labels is None:
            return self.scale * cosine
        return self.scale * _at_labels(cosine, labels, cosine - self.margin)


class ArcFaceHead(nn.Module):
    """An angle added: s cos(θ + m) at the right class, s cos θ elsewhere.

    Args:
        dim: D, channels of an embedding.
        num_classes: C.
        scale: s, above 0.
        margin: m in radians, 0 ≤ m < π.

    Attributes:
        weight: (C, D), one row a class.

    Raises:
        ValueError: if scale or margin is out of its range.

    Source: ArcFace (Deng et al., 2019), equation 3.
    """

    def __init__(
        self, dim: int, num_classes: int, *, scale: float = 30.0, margin: float = 0.5
    ) -> None:
        super().__init__()
        _check_scale(scale)
        check_margin(margin)
        self.weight = _class_weights(dim, num_classes)
        self.scale = scale
        self.margin = margin

    def forward(self, embeddings: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits (N, C) of embeddings (N, D); the margin where labels (N,) point."""
        cosine = cosine_to_classes(embeddings, self.weight, labels)
        if labels is None:
            return self.scale * cosine
        advanced = add_angular_margin(cosine, self.margin)
        return self.scale * _at_labels(cosine, labels, advanced)


class SphereFaceHead(nn.Module):
    """An angle multiplied: ‖x‖ ψ(θ) at the right class, ‖x‖ cos θ elsewhere.

    ψ(θ) = (−1)^k cos(mθ) − 2k with k = ⌊mθ/π⌋ falls from 1 to 1 − 2m without
    turning back. Only the classes are normalised; the embedding's own length
    takes the place of a scale.

    Args:
        dim: D, channels of an embedding.
        num_classes: C.
        margin: m, a whole number that multiplies the angle, at least 1.

    Attributes:
        weight: (C, D), one row a class.

    Raises:
        ValueError: if the margin is not a whole number of at least 1.

    Source: SphereFace (Liu et al., 2017), equation 7.
    """

    def __init__(self, dim: int, num_classes: int, *, margin: int = 4) -> None:
        super().__init__()
        if not (1 <= margin < math.inf and margin == int(margin)):
            raise ValueError(f"margin={margin} must be a whole number, at least 1")
        self.weight = _class_weights(dim, num_classes)
        self.margin = int(margin)

    def forward(self, embeddings: Tensor, labels: Tensor | None = None) -> Tensor:
        """Logits (N, C) of embeddings (N, D); the margin where labels (N,) point."""
        cosine = cosine_to_classes(embeddings, self.weight, labels)
        lengths: Tensor = torch.linalg.vector_norm(
            embeddings.to(cosine.dtype), dim=1, keepdim=True
        )
        if labels is None:
            return lengths * cosine
        multiplied = multiply_angle(cosine, self.margin)
        return lengths * _at_labels(cosine, labels, multiplied)


def cosine_to_classes(
    embeddings: Tensor, weight: Tensor, labels: Tensor | None = None
) -> Tensor:
    """Cosines (N, C) between embeddings (N, D) and class weights (C, D).

    In float32 under autocast; the labels (N,), where given, are only checked.
    """
    _check(embeddings, labels, weight)
    with float32_island(embeddings) as exact:
        directions = F.normalize(exact(embeddings), dim=1)
        cosine: Tensor = directions @ F.normalize(exact(weight), dim=1).T
    return cosine


def multiply_angle(cosine: Tensor, margin: int) -> Tensor:
    """SphereFace's ψ(θ) of cos θ, any shape, with a finite gradient at ±1.

    cos(mθ) is the Chebyshev polynomial T_m(cos θ), so the gradient needs no arc
    cosine; the piece k that θ lies in is a constant.
    """
    previous, multiplied = torch.ones_like(cosine), cosine
    for _ in range(margin - 1):
        previous, multiplied = multiplied, 2 * cosine * multiplied - previous
    theta = cosine.detach().clamp(-1, 1).acos()
    piece = (margin * theta / math.pi).floor().clamp(max=margin - 1)
    sign = 1 - 2 * (piece % 2)
    psi: Tensor = sign * multiplied - 2 * piece
    return psi


def _at_labels(cosine: Tensor, labels: Tensor, changed: Tensor) -> Tensor:
    """`changed` in each row's right class, `cosine` in the others, both (N, C)."""
    right = F.one_hot(labels, cosine.shape[1]).bool()
    return torch.where(right, changed, cosine)


def _class_weights(dim: int, num_classes: int) -> nn.Parameter:
    if dim < 1 or num_classes < 2:
        raise ValueError(
            f"dim={dim} must be at least 1 and num_classes={num_classes} at least 2"
        )
    return nn.Parameter(torch.randn(num_classes, dim) / math.sqrt(dim))


def _check_scale(scale: float) -> None:
    if not 0 < scale < math.inf:
        raise ValueError(f"scale={scale} must be above 0 and finite")


def _check(embeddings: Tensor, labels: Tensor | None, weight: Tensor) -> None:
    if not embeddings.is_floating_point():
        raise TypeError(f"embeddings must be floating point, got {embeddings.dtype}")
    if embeddings.dim() != 2 or embeddings.shape[1] != weight.shape[1]:
        raise ValueError(
            f"embeddings must be (N, {weight.shape[1]}), got {tuple(embeddings.shape)}"
        )
    if labels is None:
        return
    if labels.dtype != torch.int64 or labels.shape != embeddings.shape[:1]:
        raise ValueError(
            f"labels must be int64 ({len(embeddings)},), "
            f"got {labels.dtype} {tuple(labels.shape)}"
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(weight):
        raise ValueError(
            f"labels must lie in 0 … {len(weight) - 1}, "
            f"got {labels.min()} … {labels.max()}"
        )
