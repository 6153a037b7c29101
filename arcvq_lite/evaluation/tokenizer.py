"""tokenizer_of: the model of a run, refused where it has no codes."""

from __future__ import annotations

from pathlib import Path

from arcvq_lite.models import VQGAN, VQVAE, HypersphericalVAE
from arcvq_lite.training.run_folder import TrainedModel


def tokenizer_of(trained: TrainedModel, run: Path) -> VQVAE | VQGAN:
    """A run's autoencoder, for what needs its codebook.

    Args:
        trained: of `load_trained`.
        run: the folder that it was read from, for the refusal.

    Raises:
        ValueError: if the model has no codebook, saying what else can be done.
    """
    model = trained.autoencoder
    if isinstance(model, HypersphericalVAE):
        raise ValueError(
            f"{run} is the run of a hyperspherical_vae, which has no codes: at each "
            "place it has a direction on the sphere, and tokens are numbers of codes; "
            "pass the run of a vqvae or vqgan, or look at this one with `arcvq "
            "evaluate` or `arcvq reconstruct`"
        )
    return model
