"""RunState: everything that makes a run's next step what it would have been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from arcvq_lite.training.processes import Processes
from arcvq_lite.training.random_state import (
    begin_random,
    random_states,
    restore_random,
)
from arcvq_lite.training.recipe import Recipe
from arcvq_lite.training.training_set import TrainingSet

AVERAGE = "average"


@dataclass
class RunState:
    """What changes while a run trains, and is saved and put back as one.

    Schedules are functions of the step, and a batch is one of its number, so
    neither has a state beside the step.

    Args:
        recipe: networks with their optimisers; statistics of norms and counts of
            quantizers are buffers of the networks.
        average: the running mean of the wanted network's weights, or None.
        processes: the ranks, each with random states of its own.
        seed: of the run.
        images: what it trains on, images or tokens of images; another number of
            them would be other batches.
        substituted: unreadable images that this rank has replaced.
    """

    recipe: Recipe
    average: AveragedModel | None
    processes: Processes
    seed: int
    images: TrainingSet
    substituted: int = 0

    def begin(self) -> None:
        """Seed this rank for the first step."""
        begin_random(self.seed, self.processes)

    def collect(self, substituted: int, log_bytes: int) -> dict[str, object]:
        """What to save, by name; called by every rank.

        Args:
            substituted: images replaced, over all ranks.
            log_bytes: length of the log.
        """
        networks, optimizers = self.recipe.networks, self.recipe.optimizers
        average = {} if self.average is None else {AVERAGE: self.average.state_dict()}
        return {
            **{name: network.state_dict() for name, network in networks.items()},
            **{
                f"optimizer_{name}": optimizer.state_dict()
                for name, optimizer in optimizers.items()
            },
            **average,
            "random": random_states(self.processes),
            "progress": {
                "images": len(self.images),
                **self.images.identity(),
                "substituted": substituted,
                "log_bytes": log_bytes,
            },
        }

    def restore(self, state: dict[str, Any], step: int) -> None:
        """Put back what was saved at a step.

        Raises:
            ValueError: if the set has another number of images than it had, of
                another shape, or tokens of another codebook.
        """
        progress = state["progress"]
        if progress["images"] != len(self.images):
            raise ValueError(
                f"data.source has {len(self.images)} images, and when the run was "
                f"saved it had {progress['images']}; give it the same set, or train "
                "into another run.folder"
            )
        for name, value in self.images.identity().items():
            if progress[name] != value:
                raise ValueError(
                    f"data.source has {name}={value}, and when the run was saved it "
                    f"had {progress[name]}; give it the same set, or train into "
                    "another run.folder"
                )
        for name, network in self.recipe.networks.items():
            network.load_state_dict(state[name])
        for name, optimizer in self.recipe.optimizers.items():
            optimizer.load_state_dict(state[f"optimizer_{name}"])
        if self.average is not None:
            self._restore_average(state)
        # Summed over the ranks it is the number that was saved.
        self.substituted = progress["substituted"] if self.processes.first else 0
        restore_random(state["random"], self.seed, self.processes, step)

    def _restore_average(self, state: dict[str, Any]) -> None:
        assert self.average is not None
        if AVERAGE in state:
            self.average.load_state_dict(state[AVERAGE])
        else:  # the run had none so far: it begins with the weights as they are
            self.average.module.load_state_dict(state[self.recipe.wanted])


def running_mean(network: nn.Module, decay: float) -> AveragedModel:
    """An average that follows a network: w̄ ← decay · w̄ + (1 − decay) · w.

    Buffers are copied: a mean of counts or of means would be none of anything.
    """
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))
