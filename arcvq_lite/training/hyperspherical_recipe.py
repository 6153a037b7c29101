"""HypersphericalVAERecipe: squared error and divergence, the negative ELBO."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arcvq_lite.models import HypersphericalReconstruction, HypersphericalVAE
from arcvq_lite.training.loss_watch import LossWatch
from arcvq_lite.training.recipe import apart, mean_terms
from arcvq_lite.training.stepper import Stepper


@dataclass(frozen=True)
class HypersphericalVAERecipe:
    """One network, one optimiser.

        loss = mse(reconstruction, images) / 2σ²
               + kl_weight · Σ_places KL(vMF(μ, κ) ‖ uniform) / values of the images

    With a weight of 1 it is the negative evidence lower bound of a Gaussian decoder,
    in nats over the number of image values B · C · H · W, without the constant
    ½ ln 2πσ². One direction is drawn for each place, from torch's random state, which
    the checkpoint holds for every rank.

    Args:
        autoencoder: the network.
        placed: the same as it trains, from `place`.
        stepper: moves its weights.
        watch: checks every loss.
        variance: σ² of the decoder, for images in [−1, 1].
        precision: of the forward pass; directions, draws and divergence stay in
            float32 or above.

    Source: hyperspherical VAE (Davidson et al., 2018), section 3, whose decoder of
        binary images is a Bernoulli's.
    """

    autoencoder: HypersphericalVAE
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
                terms.append(self._walk(images))
        self.stepper.take(len(parts))
        return mean_terms(terms)

    def _walk(self, images: Tensor) -> dict[str, Tensor]:
        """Forward and back through (b, C, H, W)."""
        mixed = self.precision != torch.float32
        with torch.autocast(images.device.type, self.precision, enabled=mixed):
            output: HypersphericalReconstruction = self.placed(images)
        squared_error = F.mse_loss(output.reconstruction.float(), images)
        reconstruction = squared_error / (2 * self.variance)
        total = reconstruction + output.loss
        terms = {
            "total": total.detach(),
            "reconstruction": reconstruction.detach(),
            **output.terms,
        }
        self.watch.check(total, terms)
        total.backward()
        return terms
