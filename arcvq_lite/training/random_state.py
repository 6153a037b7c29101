"""The random states of every rank: what dropout and restarts of codes draw from."""

from __future__ import annotations

from typing import Any

import torch

from arcvq_lite.training.processes import Processes


def begin_random(seed: int, processes: Processes, step: int = 0) -> None:
    """Seed this rank from the run's seed, its number, and the step it begins at.

    Args:
        seed: of the run.
        processes: the ranks.
        step: where the rank begins; a rank that joins a resumed run must not draw
            again what others drew at the start.
    """
    drawn = torch.Generator().manual_seed(seed)
    for salt in (processes.rank, step):
        word = torch.randint(2**62, (), generator=drawn).item()
        drawn.manual_seed(int(word) ^ salt)
    torch.manual_seed(int(torch.randint(2**62, (), generator=drawn).item()))


def random_states(processes: Processes) -> list[dict[str, Any]]:
    """The state of every rank, in the order of ranks; called by all of them."""
    own = {"cpu": torch.get_rng_state()}
    if processes.device.type == "cuda":
        own["cuda"] = torch.cuda.get_rng_state(processes.device)
    return processes.gather(own)


def restore_random(
    states: list[dict[str, Any]], seed: int, processes: Processes, step: int
) -> None:
    """Put this rank's generators back; a rank that was not there begins anew.

    Args:
        states: of `random_states`, from a checkpoint.
        seed: of the run.
        processes: the ranks now.
        step: of the checkpoint.
    """
    begin_random(seed, processes, step)
    if processes.rank < len(states):
        own = states[processes.rank]
        torch.set_rng_state(own["cpu"])
        if processes.device.type == "cuda" and "cuda" in own:
            torch.cuda.set_rng_state(own["cuda"], processes.device)
