"""Networks in eval mode for a while, and back in whatever mode each part was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(*networks: nn.Module) -> Iterator[None]:
    """Put networks into eval mode, and every part of them back into its own."""
    modes = [
        (part, part.training) for network in networks for part in network.modules()
    ]
    for network in networks:
        network.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
