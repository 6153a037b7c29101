"""VQGANObjective: what autoencoder and critic each minimise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from arcvq_lite.adversarial import (
    adaptive_weight,
    hinge_critic_loss,
    hinge_generator_loss,
)
from arcvq_lite.layout import float32_island
from arcvq_lite.models import Reconstruction
from arcvq_lite.perceptual import PerceptualDistance
from arcvq_lite.quantizers import Quantized


class Losses(NamedTuple):
    """What is minimised, and its parts.

    Attributes:
        total: a float32 scalar with a gradient.
        terms: the parts as detached scalars by name, for logging.
    """

    total: Tensor
    terms: dict[str, Tensor]


@dataclass(frozen=True)
class VQGANObjective:
    """The two losses of the game, from images, reconstructions and scores alone.

        autoencoder: mean(|x − x̂| + perceptual_weight · LPIPS(x, x̂))
                     + quantizer's loss + critic_weight · λ · hinge(critic(x̂))
        critic:      hinge(critic(x), critic(x̂))

    The last term of the first line, and the second line, count from the step
    `critic_start` on. λ is `adaptive_weight`. The quantizer's loss has the margin
    in it already; the official code adds it outside, to the same total.

    Args:
        perceptual: LPIPS; None leaves it out.
        perceptual_weight: of LPIPS beside the absolute error, at least 0.
        critic_start: the first step with the critic, at least 0.
        critic_weight: a factor on λ, at least 0.
        watch: called with the scalar total and the terms of a loss before anyone walks
            back from it, to stop a training that has lost its way; None lets all pass.

    Raises:
        ValueError: if a weight or the step is out of its range.

    Source: VQGAN (Esser et al., 2021), equation 5 and following; the numbers of
        the official ArcVQ-VAE code, VQGAN variant.
    """

    perceptual: PerceptualDistance | None = None
    perceptual_weight: float = 1.0
    critic_start: int = 250_001
    critic_weight: float = 0.8
    watch: Callable[[Tensor, dict[str, Tensor]], None] | None = None

    def __post_init__(self) -> None:
        for name in ("perceptual_weight", "critic_weight"):
            if not 0 <= (weight := getattr(self, name)) < math.inf:
                raise ValueError(f"{name}={weight} must be at least 0 and finite")
        if self.critic_start < 0:
            raise ValueError(f"critic_start={self.critic_start} must be at least 0")

    def critic_factor(self, step: int) -> float:
        """1 from `critic_start` on, 0 before."""
        return float(step >= self.critic_start)

    def generator_losses(
        self,
        images: Tensor,
        output: Reconstruction,
        scores: Tensor,
        step: int,
        *,
        last_layer: Tensor,
    ) -> Losses:
        """What the autoencoder minimises, in the official code's order.

        Args:
            images: (B, C, H, W) in [−1, 1].
            output: the autoencoder's, with its graph.
            scores: the critic's, of the reconstruction, with their graph.
            step: the number of the batch.
            last_layer: the weight at which λ is taken.
        """
        reconstruction = self.reconstruction_losses(images, output.reconstruction)
        gan = hinge_generator_loss(scores)
        weight = adaptive_weight(reconstruction.total, gan, last_layer)
        return self.combined(reconstruction, output.quantized, gan, weight, step)

    def reconstruction_losses(self, images: Tensor, others: Tensor) -> Losses:
        """mean(|x − x̂| + perceptual_weight · LPIPS(x, x̂)), as "nll", and its parts.

        Args:
            images: x, (B, C, H, W) in [−1, 1].
            others: x̂, of the same shape.
        """
        with float32_island(images) as exact:
            error = (exact(images) - exact(others)).abs()  # (B, C, H, W)
            terms = {"l1": error.mean().detach()}
            if self.perceptual is not None:
                distance = self.perceptual(images, others)  # (B, 1, 1, 1)
                terms[self.perceptual.term] = distance.mean().detach()
                error = error + self.perceptual_weight * distance
            total = error.mean()
        return self._watched(Losses(total, {"nll": total.detach(), **terms}))

    def combined(
        self,
        reconstruction: Losses,
        quantized: Quantized,
        gan: Tensor,
        weight: Tensor,
        step: int,
    ) -> Losses:
        """The autoencoder's total where λ is known.

        Args:
            reconstruction: of `reconstruction_losses`.
            quantized: the quantizer's output.
            gan: the scalar of `hinge_generator_loss`.
            weight: λ.
            step: the number of the batch.
        """
        weight = self.critic_weight * weight
        begun = without_critic(reconstruction, quantized)
        total = begun.total + weight * self.critic_factor(step) * gan
        terms = {
            **begun.terms,
            "total": total.detach(),
            "gan": gan.detach(),
            "adaptive_weight": weight.detach(),
        }
        return self._watched(Losses(total, terms))

    def critic_losses(self, real: Tensor, fake: Tensor, step: int) -> Losses:
        """What the critic minimises: 0 before `critic_start`.

        Args:
            real: its scores of images.
            fake: its scores of detached reconstructions.
            step: the number of the batch.
        """
        total = self.critic_factor(step) * hinge_critic_loss(real, fake)
        terms = {
            "critic": total.detach(),
            "score_real": real.detach().float().mean(),
            "score_fake": fake.detach().float().mean(),
        }
        return self._watched(Losses(total, terms))

    def _watched(self, losses: Losses) -> Losses:
        if self.watch is not None:
            self.watch(losses.total, losses.terms)
        return losses


def without_critic(reconstruction: Losses, quantized: Quantized) -> Losses:
    """The autoencoder's total as long as there is no critic.

    Args:
        reconstruction: of `VQGANObjective.reconstruction_losses`.
        quantized: the quantizer's output.
    """
    total = reconstruction.total + quantized.loss
    terms = {
        "total": total.detach(),
        **reconstruction.terms,
        "quantizer": quantized.loss.detach(),
        **quantized.terms,
    }
    return Losses(total, terms)
