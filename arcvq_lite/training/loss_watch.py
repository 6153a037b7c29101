"""LossWatch: at a loss that is no number all ranks stop, and before the update."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from arcvq_lite.layout import NonFiniteLatentsError
from arcvq_lite.models import Reconstruction
from arcvq_lite.training.divergence import DivergenceError
from arcvq_lite.training.processes import Processes


class Finding(NamedTuple):
    """What one rank had in hand when the loss ceased to be a number.

    Attributes:
        reason: what it found itself, or that another rank did.
        terms: the step's terms so far, by name.
    """

    reason: str
    terms: dict[str, float]


class LossWatch:
    """Asks every rank, before anything is changed, whether its loss is finite.

    A rank must not stop alone: the others would wait for its gradients until their
    patience ends. So every rank answers at the same places, and one NaN stops all.

    Args:
        processes: the ranks.

    Attributes:
        terms: the terms of the present step, by name.
    """

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self.terms: dict[str, Tensor] = {}

    @contextmanager
    def following(self, autoencoder: nn.Module) -> Iterator[None]:
        """Check the quantizer's loss at each output of an autoencoder."""
        handle = autoencoder.register_forward_hook(self._see_output)
        try:
            yield
        finally:
            handle.remove()

    def check(self, total: Tensor, terms: dict[str, Tensor]) -> None:
        """Take down the terms; go on if the total is finite on every rank.

        Raises:
            DivergenceError: on every rank, if it is not.
        """
        self.terms |= terms
        self._agree(torch.isfinite(total).item() is True, "the loss is not finite")

    def check_gradient(self, name: str, norm: Tensor) -> None:
        """Go on if a network's gradient, the same on every rank, is finite.

        Raises:
            DivergenceError: if it is not.
        """
        self.terms[f"gradient_{name}"] = norm
        if not torch.isfinite(norm):
            raise DivergenceError(f"the gradient of the {name} is not finite")

    def check_weights(self, network: nn.Module) -> None:
        """Go on if a network's weights, the same on every rank, are finite.

        A finite gradient times a high learning rate can be too much for them.

        Raises:
            DivergenceError: if they are not; this is after the update.
        """
        if not all(weight.isfinite().all() for weight in network.parameters()):
            raise DivergenceError("the weights are not finite after the update")

    def during(self, act: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """Train a step, and make of latents that are no numbers an answer to all.

        Raises:
            DivergenceError: on every rank, before the update.
        """
        self.terms = {}
        try:
            return act()
        except NonFiniteLatentsError as error:
            self._agree(False, str(error))
            raise

    def finding(self, error: DivergenceError) -> Finding:
        """What this rank has to report."""
        terms = {name: value.item() for name, value in self.terms.items()}
        return Finding(str(error), terms)

    def _see_output(
        self, module: nn.Module, inputs: tuple[object, ...], output: Reconstruction
    ) -> None:
        quantized = output.quantized
        terms = {"quantizer": quantized.loss.detach(), **quantized.terms}
        self.check(quantized.loss, terms)

    def _agree(self, finite: bool, reason: str) -> None:
        [stop] = self._processes.any_rank(not finite)
        if stop:
            raise DivergenceError(
                reason if not finite else "the loss of another rank is not finite"
            )
