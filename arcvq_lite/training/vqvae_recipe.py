"""VQVAERecipe: squared error over the data's variance, and the quantizer's loss."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arcvq_lite.models import VQVAE, Reconstruction
from arcvq_lite.training.loss_watch import LossWatch
from arcvq_lite.training.recipe import apart, mean_terms
from arcvq_lite.training.stepper import Stepper


@dataclass(frozen=True)
class VQVAERecipe:
    """One network, one optimiser.

        loss = mse(reconstruction, images) / variance + the quantizer's loss

    Args:
        autoencoder: the network.
        placed: the same as it trains, from `place`.
        stepper: moves its weights.
        watch: checks every loss.
        variance: of the training images.
        precision: of the forward pass.

    Source: VQ-VAE (van den Oord et al., 2017); the official ArcVQ-VAE code.
    """

    autoencoder: VQVAE
    placed: nn.Module
    stepper: Stepper
    watch: LossWatch
    variance: float
    precision: torch.dtype = torch.float32

    @property
    def wanted(self) -> str:
        """The autoencoder."""
        return "autoencoder"

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The autoencoder alone."""
        return {"autoencoder": self.autoencoder}

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The autoencoder's."""
        return {"autoencoder": self.stepper.optimizer}

    def update(self, parts: Sequence[Tensor], step: int) -> dict[str, Tensor]:
        """Train on a batch; see `Recipe`."""
        terms = []
        for number, images in enumerate(parts):
            last = number == len(parts) - 1
            with nullcontext() if last else apart(self.placed):
                terms.append(self._walk(images, step))
        self.stepper.take(len(parts))
        return mean_terms(terms)

    def _walk(self, images: Tensor, step: int) -> dict[str, Tensor]:
        """Forward and back through (b, C, H, W)."""
        mixed = self.precision != torch.float32
        with torch.autocast(images.device.type, self.precision, enabled=mixed):
            output: Reconstruction = self.placed(images, step=step)
        squared_error = F.mse_loss(output.reconstruction.float(), images)
        reconstruction = squared_error / self.variance
        total = reconstruction + output.quantized.loss
        terms = {
            "total": total.detach(),
            "reconstruction": reconstruction.detach(),
            **output.quantized.terms,
        }
        self.watch.check(total, terms)
        total.backward()
        return terms
