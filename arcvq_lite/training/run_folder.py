"""A run's folder: what lies where, and what a run may change when it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from arcvq_lite.models import Autoencoder
from arcvq_lite.training.build import build_autoencoder
from arcvq_lite.training.checkpoint import CheckpointError, CheckpointStore
from arcvq_lite.training.configuration import flattened, parse_options, to_yaml
from arcvq_lite.training.durable import replace_durably
from arcvq_lite.training.options import TrainOptions
from arcvq_lite.training.state import AVERAGE

CONFIG = "config.yaml"
CHECKPOINTS = "checkpoints"

# Everything else decides what the next step is.
_FREE = ("data.source", "data.workers", "data.max_substituted")
_FIXED_IN_RUN = ("run.seed",)


class TrainedModel(NamedTuple):
    """An autoencoder read from a run's folder.

    Attributes:
        autoencoder: in eval mode, on the CPU.
        options: of the run.
        step: how many steps it was trained.
        source: "average" for the running mean of its weights, or "autoencoder".
        damaged: of each newer checkpoint that was passed over, its name and why.
    """

    autoencoder: Autoencoder
    options: TrainOptions
    step: int
    source: str
    damaged: tuple[str, ...]


class TrainedWeights(NamedTuple):
    """The weights of a run's wanted network, and what was saved beside them.

    Attributes:
        weights: by the network's own names.
        progress: what the checkpoint says of the run and its data.
        step: how many steps it was trained.
        source: "average" for the running mean of the weights, or the network's name.
        damaged: of each newer checkpoint that was passed over, its name and why.
    """

    weights: dict[str, Any]
    progress: dict[str, Any]
    step: int
    source: str
    damaged: tuple[str, ...]


def store_of(folder: Path, keep: int = 2) -> CheckpointStore:
    """The checkpoints of a run."""
    return CheckpointStore(folder / CHECKPOINTS, keep)


def settle_options(folder: Path, options: TrainOptions, begun: bool) -> None:
    """Write down a run's options, and refuse to go on with what makes another run.

    How long it goes, what it logs, on how many processes and where the data lie may
    change; the model, the batches and the optimiser may not.

    Args:
        folder: of the run.
        options: as they are asked for now.
        begun: whether the folder has a checkpoint.

    Raises:
        ValueError: if the folder's run was begun with others; names them.
    """
    path = folder / CONFIG
    if begun and path.is_file():
        before = flattened(parse_options(["--config", str(path)]))
        now = flattened(options)
        changed = [
            f"{name} from {before.get(name)} to {now.get(name)}"
            for name in sorted({*before, *now})
            if before.get(name) != now.get(name) and not _is_free(name)
        ]
        if changed:
            raise ValueError(
                f"{folder} holds a run with other options: {'; '.join(changed)}; "
                "train those into another run.folder"
            )
    replace_durably(path, to_yaml(options).encode())


def load_trained(folder: Path, *, average: bool = True) -> TrainedModel:
    """Read the autoencoder of a run from its newest whole checkpoint.

    Args:
        folder: of the run.
        average: take the running mean of the weights where the run has one.

    Raises:
        FileNotFoundError: if the folder is no run's, or has no checkpoint yet.
        ValueError: if the run trains a prior.
        CheckpointError: if every checkpoint is damaged.
    """
    options = read_options(folder)
    if options.prior is not None:
        raise ValueError(
            f"{folder} is the run of a prior, wanted that of an autoencoder; pass the "
            "one that encoded the prior's tokens"
        )
    read = read_weights(folder, "autoencoder", average=average)
    channels, resolution = read.progress["shape"]
    with torch.random.fork_rng(devices=[]):
        autoencoder = build_autoencoder(options, channels, resolution)
    fill(autoencoder, read.weights, folder)
    return TrainedModel(
        autoencoder.eval(), options, read.step, read.source, read.damaged
    )


def read_options(folder: Path) -> TrainOptions:
    """The options that a run was last started with.

    Raises:
        FileNotFoundError: if the folder is no run's.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} has no {CONFIG}; pass the run.folder of `arcvq train`"
        )
    return parse_options(["--config", str(path)])


def read_weights(folder: Path, name: str, *, average: bool) -> TrainedWeights:
    """A network's weights from the newest whole checkpoint of a run.

    Args:
        folder: of the run.
        name: of the network that is wanted in the end.
        average: take the running mean of its weights where the run has one.

    Raises:
        FileNotFoundError: if there is no checkpoint yet.
        CheckpointError: if every checkpoint is damaged.
    """
    loaded = store_of(folder).load_latest(only=(name, AVERAGE, "progress"))
    if loaded is None:
        raise FileNotFoundError(f"{folder} has no checkpoint yet; let the run go on")
    source = AVERAGE if average and AVERAGE in loaded.state else name
    weights = _without_prefix(loaded.state[source])
    progress = loaded.state["progress"]
    return TrainedWeights(weights, progress, loaded.step, source, loaded.damaged)


def fill(network: nn.Module, weights: dict[str, Any], folder: Path) -> None:
    """Give a network the weights that were read for it.

    Raises:
        CheckpointError: if they are another network's.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(
            f"the weights in {folder} are not those of its {CONFIG}: {error}"
        ) from error


def _without_prefix(state: dict[str, Any]) -> dict[str, Any]:
    """A network's own names, for the average too."""
    return {
        name.removeprefix("module."): value
        for name, value in state.items()
        if name != "n_averaged"
    }


def _is_free(name: str) -> bool:
    in_run = name.startswith("run.") and name not in _FIXED_IN_RUN
    return in_run or name in _FREE
