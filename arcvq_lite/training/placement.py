"""A network as it trains: on its device, in its layout, compiled, with its ranks."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from arcvq_lite.training.options import RunOptions
from arcvq_lite.training.processes import Processes

_CONVOLUTIONS = ("encoder", "decoder", "main")


def place(network: nn.Module, run: RunOptions, processes: Processes) -> nn.Module:
    """Bring a network to where and how it trains.

    The network itself is moved, and stays the one that is saved.

    Args:
        network: an autoencoder, a critic or a prior.
        run: layout and compilation.
        processes: the ranks, and this one's device.

    Returns:
        What to call: the network, or a wrapper that averages its gradients over the
        ranks.
    """
    network.to(processes.device)
    if run.channels_last:
        network.to(memory_format=torch.channels_last)
    if run.compile:
        # Convolutions take the time. Around them a quantizer's schedules change with
        # every step, which would compile anew each time.
        for name, part in network.named_children():
            if name in _CONVOLUTIONS:
                part.compile()
    if processes.world_size == 1:
        return network
    return DistributedDataParallel(
        network,
        device_ids=None if processes.device.type == "cpu" else [processes.device],
    )
