"""ArcVQ: spherical matching, a ball around the codebook, a margin on the latents."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arcvq_lite.geometry import project_to_ball_
from arcvq_lite.layout import check_latents, like_indices, like_latents, to_tokens
from arcvq_lite.losses import ArcMarginLoss, MarginLoss
from arcvq_lite.quantizers.quantized import (
    Quantized,
    check_weight,
    detached,
    look_up,
    mean_squared_error,
    nearest_cosine,
    random_directions,
    straight_through,
)
from arcvq_lite.schedules import (
    ExponentialDecay,
    ExponentialRadius,
    Schedule,
    checked_step,
)

_DEFAULT_RADIUS = ExponentialRadius(3e-4)
_DEFAULT_MARGIN = ArcMarginLoss(scale=5.0)
_DEFAULT_MARGIN_WEIGHT = ExponentialDecay(1.0, 5e-4)


class ArcVQ(nn.Module):
    """The ArcVQ-VAE quantizer; each of its two parts can be left out.

        e ← projection of e onto the ball of radius M(t)        (training only)
        k(i) = argmax_j cos(z_i, e_j), and the decoder gets e_k(i), un-normalised
        loss = codebook_weight · mse(e, sg z) + commitment_weight · mse(sg e, z)
               + γ(t) · margin loss of the latents               (training only)

    The defaults are the official VQ-VAE variant's. Its VQGAN variant has the two
    mse weights the other way round, 0.25 on the codebook and 1 on the commitment.

    Args:
        num_codes: K, at least 2.
        dim: D, channels of a latent.
        commitment_weight: how strongly latents are drawn to their codes.
        codebook_weight: how strongly codes are drawn to their latents.
        radius: M(t), a schedule; None leaves the ball out.
        margin: the loss that spreads the latents, called with latents (N, D) and the
            codebook (K, D); None leaves it out.
        margin_weight: γ(t), a schedule.

    Attributes:
        codebook: the parameter (K, D), on the unit sphere at the start.
        last_step: int64 buffer, the last training step seen, −1 before the first.

    Raises:
        ValueError: if an option is out of its range.

    Source: ArcVQ-VAE (Kim & Yoo, 2026), Spherical Angular-Margin Prior.

    Example:
        >>> import torch
        >>> quantizer = ArcVQ(num_codes=32, dim=8)
        >>> out = quantizer(torch.randn(2, 8, 4, 4), step=0)
        >>> out.quantized.shape, out.indices.shape
        (torch.Size([2, 8, 4, 4]), torch.Size([2, 4, 4]))
        >>> sorted(out.terms)
        ['codebook', 'commitment', 'margin', 'margin_weight', 'radius']
    """

    last_step: Tensor

    def __init__(
        self,
        num_codes: int,
        dim: int,
        *,
        commitment_weight: float = 0.25,
        codebook_weight: float = 1.0,
        radius: Schedule | None = _DEFAULT_RADIUS,
        margin: MarginLoss | None = _DEFAULT_MARGIN,
        margin_weight: Schedule = _DEFAULT_MARGIN_WEIGHT,
    ) -> None:
        super().__init__()
        check_weight("commitment_weight", commitment_weight)
        check_weight("codebook_weight", codebook_weight)
        _check_callables(radius=radius, margin=margin, margin_weight=margin_weight)
        self.num_codes = num_codes
        self.dim = dim
        self.commitment_weight = commitment_weight
        self.codebook_weight = codebook_weight
        self.radius = radius
        self.margin = margin
        self.margin_weight = margin_weight
        self.codebook = nn.Parameter(random_directions(num_codes, dim))
        self.register_buffer("last_step", torch.tensor(-1))

    def forward(self, latents: Tensor, step: int | None = None) -> Quantized:
        """Quantize latents (B, D, *spatial) or (N, D) at a step.

        Raises:
            TypeError: if the latents are not floating point.
            ValueError: if the latents' shape or values are refused, or if `step`
                is missing while training with a ball or a margin.
        """
        check_latents(latents, self.codebook)
        scheduled: dict[str, Tensor | float] = {}
        now = self._note(step) if self.training else 0
        if self.training and self.radius is not None:
            scheduled["radius"] = self.radius(now)
            project_to_ball_(self.codebook, self.radius(now))

        tokens = to_tokens(latents)  # (N, D)
        indices = nearest_cosine(tokens, self.codebook)  # (N,)
        codes = F.embedding(indices, self.codebook)  # (N, D)

        codebook = mean_squared_error(codes, tokens.detach())
        commitment = mean_squared_error(codes.detach(), tokens)
        loss = self.codebook_weight * codebook + self.commitment_weight * commitment

        if self.training and self.margin is not None:
            weight = self.margin_weight(now)
            margin = self.margin(tokens, self.codebook)
            scheduled |= {"margin": margin, "margin_weight": weight}
            loss = loss + weight * margin

        return Quantized(
            quantized=straight_through(latents, like_latents(codes, latents)),
            indices=like_indices(indices, latents),
            loss=loss.float(),
            terms=detached(codebook=codebook, commitment=commitment, **scheduled),
        )

    def assign(self, latents: Tensor) -> Tensor:
        """Indices (B, *spatial) or (N,) of the codes that the latents take."""
        check_latents(latents, self.codebook)
        indices = nearest_cosine(to_tokens(latents), self.codebook)
        return like_indices(indices, latents)

    def embed(self, indices: Tensor) -> Tensor:
        """Codes (B, D, *spatial) or (N, D) of the indices."""
        return look_up(self.codebook, indices)

    def _note(self, step: int | None) -> int:
        """The step to train at, remembered in `last_step`."""
        if step is None:
            if self.radius is None and self.margin is None:
                return 0
            raise ValueError(
                "step is missing: training with a ball or a margin needs the number "
                "of the batch, quantizer(latents, step=t); pass radius=None and "
                "margin=None for plain cosine matching"
            )
        step = checked_step(step)
        if step < self.last_step:
            warnings.warn(
                f"step={step} is below the last one trained, {int(self.last_step)}: "
                "the ball and the margin's weight start again from there",
                stacklevel=5,  # past nn.Module, to the line that calls the quantizer
            )
        self.last_step.fill_(step)
        return step


def _check_callables(**parts: object) -> None:
    for name, part in parts.items():
        if not callable(part) and (part is not None or name == "margin_weight"):
            raise TypeError(
                f"{name}={part!r} must be called like a function of the step; "
                f"wrap a number as Constant({part!r}) or ConstantRadius({part!r})"
                if name != "margin"
                else f"margin={part!r} must be a loss such as ArcMarginLoss(margin=0.1)"
            )
