"""Recipe: what is trained, and how one step of it goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from arcvq_lite.models import Autoencoder


class Recipe(Protocol):
    """Networks, their optimisers, and the order of operations of a step."""

    @property
    def wanted(self) -> str:
        """The name of the network that is wanted in the end."""

    @property
    def autoencoder(self) -> Autoencoder | None:
        """The network whose reconstructions can be looked at, or None."""

    @property
    def networks(self) -> dict[str, nn.Module]:
        """Every network by name, unwrapped."""

    @property
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimiser of each network, by the same names."""

    def update(self, parts: Sequence[Tensor], step: int) -> dict[str, Tensor]:
        """Train on a batch, in parts whose gradients are averaged.

        Args:
            parts: images (b, C, H, W) in [−1, 1], or for a prior the sequences
                (b, 1 + L) of `TokensInMemory`; one tensor or several.
            step: the number of the batch.

        Returns:
            The terms of the losses by name, detached scalars, means over the parts.

        Raises:
            DivergenceError: before the update, if a loss is not finite.
        """


@contextmanager
def apart(*networks: nn.Module) -> Iterator[None]:
    """Keep the gradients of a part on this rank: the last part sums for all."""
    with ExitStack() as stack:
        for network in networks:
            if isinstance(network, DistributedDataParallel):
                stack.enter_context(network.no_sync())
        yield


def mean_terms(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of every term over the parts of a batch."""
    return {
        name: torch.stack([torch.as_tensor(part[name]) for part in parts]).mean()
        for name in parts[0]
    }
