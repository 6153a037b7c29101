"""OneNetworkRecipe: a network, its optimiser, and a loss that comes with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from arcvq_lite.models import Autoencoder
from arcvq_lite.objective import Losses
from arcvq_lite.training.loss_watch import LossWatch
from arcvq_lite.training.recipe import apart, mean_terms
from arcvq_lite.training.stepper import Stepper

# Runs the network, in the precision of the run, on whatever the network takes.
Forward = Callable[..., Any]
# Of the forward pass, a part of a batch (b, …), and the step.
BatchLoss = Callable[[Forward, Tensor, int], Losses]


@dataclass(frozen=True)
class OneNetworkRecipe:
    """One network, one optimiser, one loss.

    Args:
        network: what is wanted; its name is the stepper's.
        placed: the same as it trains, from `place`.
        stepper: moves its weights.
        watch: checks every loss.
        loss: of a part of a batch; see `arcvq_lite.training.batch_losses`.
        precision: of the forward pass; the loss is computed in float32.
    """

    network: nn.Module
    placed: nn.Module
    stepper: Stepper
    watch: LossWatch
    loss: BatchLoss
    precision: torch.dtype = torch.float32

    @property
    def wanted(self) -> str:
        """The network's name."""
        return self.stepper.name

    @property
    def autoencoder(self) -> Autoencoder | None:
        """The network, if it makes pictures."""
        return self.network if isinstance(self.network, Autoencoder) else None

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The network alone."""
        return {self.wanted: self.network}

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The network's."""
        return {self.wanted: self.stepper.optimizer}

    def update(self, parts: Sequence[Tensor], step: int) -> dict[str, Tensor]:
        """Train on a batch; see `Recipe`."""
        terms = []
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            with nullcontext() if last else apart(self.placed):
                terms.append(self._walk(part, step))
        self.stepper.take(len(parts))
        return mean_terms(terms)

    def _walk(self, part: Tensor, step: int) -> dict[str, Tensor]:
        """Forward and back through a part of a batch."""
        total, others = self.loss(self._forward, part, step)
        terms = {"total": total.detach(), **others}
        self.watch.check(total, terms)
        total.backward()
        return terms

    def _forward(self, *inputs: Any, **options: Any) -> Any:
        mixed = self.precision != torch.float32
        device = inputs[0].device.type
        with torch.autocast(device, self.precision, enabled=mixed):
            return self.placed(*inputs, **options)
