"""Processes: the ranks of a run, and what they have to agree on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import distributed as dist
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

T = TypeVar("T")


class FirstRankError(RuntimeError):
    """What the first rank alone does has failed there."""


@dataclass(frozen=True)
class Processes:
    """This process among those that train together.

    Every method is called by all of them, in the same order; a process alone is
    answered at once.

    Attributes:
        rank: its number, from 0.
        world_size: how many there are.
        device: where this one computes.
    """

    rank: int
    world_size: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def any_rank(self, *flags: bool) -> list[bool]:
        """For each flag, whether it is set on any rank."""
        if self.world_size == 1:
            return list(flags)
        raised = torch.tensor(flags, dtype=torch.int32, device=self.device)
        dist.all_reduce(raised, op=dist.ReduceOp.MAX)
        return [bool(flag) for flag in raised.tolist()]

    def mean(self, values: dict[str, torch.Tensor]) -> dict[str, float]:
        """The means over the ranks of scalars that all name alike."""
        scalars = [value.detach().double().to(self.device) for value in values.values()]
        stacked = torch.stack(scalars)
        if self.world_size > 1:
            dist.all_reduce(stacked)
        return dict(zip(values, (stacked / self.world_size).tolist(), strict=True))

    def sum(self, counts: torch.Tensor) -> torch.Tensor:
        """The sums over the ranks of whole numbers, int64 of any shape, on the CPU."""
        total = counts.detach().to(self.device, copy=True)
        if self.world_size > 1:
            dist.all_reduce(total)
        return total.cpu()

    def gather(self, thing: T) -> list[T]:
        """What every rank has, in the order of ranks, on every rank."""
        if self.world_size == 1:
            return [thing]
        everything: list[Any] = [None] * self.world_size
        dist.all_gather_object(everything, thing)
        return everything

    def by_first(self, act: Callable[[], T]) -> T:
        """What the first rank gets of something that it alone does.

        Raises:
            Exception: what it raised, there.
            FirstRankError: on the others, with the same message.
        """
        if self.world_size == 1:
            return act()
        carried: list[Any] = [None, None]
        error: Exception | None = None
        if self.first:
            try:
                carried[0] = act()
            except Exception as raised:
                error = raised
                carried[1] = str(raised)
        dist.broadcast_object_list(carried, src=0, device=self.device)
        if error is not None:
            raise error
        if carried[1] is not None:
            raise FirstRankError(carried[1])
        result: T = carried[0]
        return result


@contextmanager
def joined(device: str, patience: timedelta) -> Iterator[Processes]:
    """Join the processes that torchrun started, or be alone.

    Args:
        device: "auto", "cpu" or "cuda"; "auto" is a GPU where there is one. Each
            process of a node takes the GPU of its local rank.
        patience: how long a rank waits for the others before it fails.

    Raises:
        ValueError: if there is no GPU, or fewer than processes on this node.
    """
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    chosen = _device(device, local_rank)
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        yield Processes(0, 1, chosen)
        return
    backend = "nccl" if chosen.type == "cuda" else "gloo"
    store, rank, world_size = next(rendezvous("env://", timeout=patience))
    dist.init_process_group(
        backend,
        store=PrefixStore(_attempt(world_size), store),
        rank=rank,
        world_size=world_size,
        timeout=patience,
    )
    try:
        yield Processes(dist.get_rank(), dist.get_world_size(), chosen)
    finally:
        dist.destroy_process_group()


def _attempt(world_size: int) -> str:
    """A name for this start of the processes, the same for all of them.

    torchrun without `--standalone` keeps its store through its restarts on one node,
    and in it the addresses of processes that are gone. Over several nodes restarts
    are counted for each node, and the rendezvous makes a new store.
    """
    alone = os.environ.get("LOCAL_WORLD_SIZE") == str(world_size)
    return os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") if alone else "0"


def _device(device: str, local_rank: int) -> torch.device:
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        return torch.device("cpu")
    count = torch.cuda.device_count()
    if local_rank >= count:
        raise ValueError(
            f'run.device="{device}" needs a GPU for local rank {local_rank}, and '
            f'there are {count}; start fewer processes, or pass run.device="cpu"'
        )
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)
