"""The gradients with which a network moves for the first time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class FirstGradients:
    """Copies a network's gradients when its optimiser is about to take a first step.

    Args:
        network: whose gradients; their names are its parameters'.
        optimizer: that moves it.

    Attributes:
        found: the gradients by name, empty until then.
    """

    def __init__(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.found: dict[str, Tensor] = {}
        self._network = network
        self._hook = optimizer.register_step_pre_hook(self._copy)

    def _copy(self, optimizer: torch.optim.Optimizer, *given: Any) -> None:
        self._hook.remove()
        for name, weight in self._network.named_parameters():
            if weight.grad is not None:
                self.found[name] = weight.grad.clone()
