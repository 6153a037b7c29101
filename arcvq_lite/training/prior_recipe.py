"""PriorRecipe: the mean surprise of tokens, each given those before it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from arcvq_lite.prior import TokenPrior, token_loss
from arcvq_lite.training.loss_watch import LossWatch
from arcvq_lite.training.recipe import apart, mean_terms
from arcvq_lite.training.stepper import Stepper


@dataclass(frozen=True)
class PriorRecipe:
    """One transformer, one optimiser.

        loss = mean over tokens of −ln p(k_t | class, k_1 … k_(t−1)),   in nats

    Args:
        prior: the network.
        placed: the same as it trains, from `place`.
        stepper: moves its weights.
        watch: checks every loss.
        precision: of the forward pass.

    Source: VQGAN (Esser et al., 2021), section 3.2.
    """

    prior: TokenPrior
    placed: nn.Module
    stepper: Stepper
    watch: LossWatch
    precision: torch.dtype = torch.float32

    @property
    def wanted(self) -> str:
        """The prior."""
        return "prior"

    @property
    def autoencoder(self) -> None:
        """None: the pictures of tokens are another run's."""
        return None

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The prior alone."""
        return {"prior": self.prior}

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The prior's."""
        return {"prior": self.stepper.optimizer}

    def update(self, parts: Sequence[Tensor], step: int) -> dict[str, Tensor]:
        """Train on a batch; see `Recipe`."""
        terms = []
        for number, sequences in enumerate(parts):
            last = number == len(parts) - 1
            with nullcontext() if last else apart(self.placed):
                terms.append(self._walk(sequences))
        self.stepper.take(len(parts))
        return mean_terms(terms)

    def _walk(self, sequences: Tensor) -> dict[str, Tensor]:
        """Forward and back through int64 (b, 1 + L), a class and its tokens."""
        indices = sequences[:, 1:]  # (b, L)
        classes = None if self.prior.classes is None else sequences[:, 0]  # (b,)
        mixed = self.precision != torch.float32
        with torch.autocast(indices.device.type, self.precision, enabled=mixed):
            logits = self.placed(indices, classes)  # (b, L, K)
        total = token_loss(logits, indices)
        terms = {"total": total.detach()}
        self.watch.check(total, terms)
        total.backward()
        return terms
