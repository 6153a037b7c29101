"""Stepper: one network's weights moved by their gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from arcvq_lite.training.loss_watch import LossWatch


@dataclass(frozen=True)
class Stepper:
    """Takes a step of an optimiser once the parts of a batch have gone back.

    Args:
        name: of the network.
        weights: its parameters.
        optimizer: over them.
        watch: stops the run if their gradient is not finite.
        clip: the largest norm of the gradient; infinite to leave it.
    """

    name: str
    weights: Sequence[nn.Parameter]
    optimizer: torch.optim.Optimizer
    watch: LossWatch
    clip: float = math.inf

    def take(self, parts: int) -> None:
        """Average the gradients of the parts, check, clip, step, and empty them.

        Raises:
            DivergenceError: if the gradient is not finite; no weight has moved.
        """
        gradients = [weight.grad for weight in self.weights if weight.grad is not None]
        if parts > 1:
            for gradient in gradients:
                gradient.div_(parts)
        norm = get_total_norm(gradients)
        self.watch.check_gradient(self.name, norm)
        if self.clip < math.inf:
            clip_grads_with_norm_(self.weights, self.clip, norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
