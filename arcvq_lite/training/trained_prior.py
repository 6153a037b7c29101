"""load_prior: the prior of a run's folder, and which codes it speaks of."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch

from arcvq_lite.prior import TokenPrior
from arcvq_lite.training.build import build_prior
from arcvq_lite.training.run_folder import fill, read_options, read_weights


class TrainedPrior(NamedTuple):
    """A prior read from a run's folder.

    Attributes:
        prior: in eval mode, on the CPU.
        grid: (h, w), the tokens of a picture; their product is the prior's length.
        class_names: of the token file, a class number each.
        codebook_sha256: of the codebook that its tokens point into.
        step: how many steps it was trained.
        source: "average" for the running mean of its weights, or "prior".
        damaged: of each newer checkpoint that was passed over, its name and why.
    """

    prior: TokenPrior
    grid: tuple[int, int]
    class_names: tuple[str, ...]
    codebook_sha256: str
    step: int
    source: str
    damaged: tuple[str, ...]


def load_prior(folder: Path, *, average: bool = True) -> TrainedPrior:
    """Read the prior of a run from its newest whole checkpoint.

    Args:
        folder: of the run.
        average: take the running mean of the weights where the run has one.

    Raises:
        FileNotFoundError: if the folder is no run's, or has no checkpoint yet.
        ValueError: if the run trains an autoencoder.
        CheckpointError: if every checkpoint is damaged.
    """
    options = read_options(folder)
    if options.prior is None:
        raise ValueError(
            f"{folder} is the run of an autoencoder, wanted that of a prior; pass the "
            "run.folder of `arcvq train` with a section prior"
        )
    read = read_weights(folder, "prior", average=average)
    about = read.progress
    height, width = about["grid"]
    with torch.random.fork_rng(devices=[]):
        prior = build_prior(
            options.prior, about["num_codes"], height * width, len(about["class_names"])
        )
    fill(prior, read.weights, folder)
    return TrainedPrior(
        prior=prior.eval(),
        grid=(height, width),
        class_names=tuple(about["class_names"]),
        codebook_sha256=about["codebook_sha256"],
        step=read.step,
        source=read.source,
        damaged=read.damaged,
    )
