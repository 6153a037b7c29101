"""VQGANRecipe: an autoencoder and a critic, each with an optimiser of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from arcvq_lite.models import VQGAN, PatchCritic
from arcvq_lite.objective import VQGANObjective
from arcvq_lite.training.loss_watch import LossWatch
from arcvq_lite.training.recipe import apart, mean_terms
from arcvq_lite.training.stepper import Stepper

Update = Callable[..., dict[str, Tensor]]


@dataclass(frozen=True)
class VQGANRecipe:
    """Two networks, two optimisers, and one of the two updates.

    In parts, the gradients of both networks are collected over all of them, and the
    two steps are taken in the last part, as the official trainer does.

    Args:
        autoencoder: the network.
        critic: the other network.
        placed: autoencoder and critic as they train, from `place`.
        steppers: of autoencoder and critic.
        objective: of both, with the watch in it.
        watch: checks every loss.
        order: `official_update` or `fast_update`.
        precision: of the forward passes.

    Source: VQGAN (Esser et al., 2021); the official ArcVQ-VAE code.
    """

    autoencoder: VQGAN
    critic: PatchCritic
    placed: tuple[nn.Module, nn.Module]
    steppers: tuple[Stepper, Stepper]
    objective: VQGANObjective
    watch: LossWatch
    order: Update
    precision: torch.dtype = torch.float32

    @property
    def wanted(self) -> str:
        """The autoencoder."""
        return "autoencoder"

    @property
    def networks(self) -> dict[str, nn.Module]:
        """Autoencoder and critic."""
        return {"autoencoder": self.autoencoder, "critic": self.critic}

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The autoencoder's and the critic's."""
        return {stepper.name: stepper.optimizer for stepper in self.steppers}

    def update(self, parts: Sequence[Tensor], step: int) -> dict[str, Tensor]:
        """Train on a batch; see `Recipe`."""
        terms = []
        for number, images in enumerate(parts):
            last = number == len(parts) - 1
            with nullcontext() if last else apart(*self.placed):
                terms.append(self._walk(images, step, len(parts) if last else 0))
        return mean_terms(terms)

    def _walk(self, images: Tensor, step: int, parts: int) -> dict[str, Tensor]:
        """Forward and back through (b, C, H, W); steps are taken for `parts` > 0."""
        take = [self._step(stepper, parts) for stepper in self.steppers]
        mixed = self.precision != torch.float32
        autocast = torch.autocast(images.device.type, self.precision, enabled=mixed)
        with self.watch.following(self.autoencoder), autocast:
            return self.order(
                *self.placed,
                self.objective,
                images,
                step,
                last_layer=self.autoencoder.last_layer,
                step_autoencoder=take[0],
                step_critic=take[1],
            )

    @staticmethod
    def _step(stepper: Stepper, parts: int) -> Callable[[], None]:
        return (lambda: stepper.take(parts)) if parts else (lambda: None)
