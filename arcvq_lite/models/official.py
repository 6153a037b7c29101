"""Checkpoints of the official ArcVQ-VAE code, read and written by their names."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor

from arcvq_lite.models.critic import PatchCritic
from arcvq_lite.models.official_checkpoint import (
    Checkpoint,
    check_keys,
    read_weights,
    read_weights_under,
    write_whole,
)
from arcvq_lite.models.official_vqgan import (
    empty_critic,
    empty_vqgan,
    is_vqgan,
    vqgan_names,
)
from arcvq_lite.models.official_vqvae import empty_vqvae, vqvae_names
from arcvq_lite.models.vqgan import VQGAN
from arcvq_lite.models.vqvae import VQVAE

_CRITIC = "loss.discriminator."


def load_official(
    checkpoint: Checkpoint, *, resolution: int = 256, **arcvq_options: Any
) -> VQVAE | VQGAN:
    """A model with the weights of an official checkpoint, of either variant.

    The variant is told by the names of its weights, all sizes by their shapes. The
    checkpoint stores no step and no schedule: pass the ones to train on with as
    options. What is not passed is as in the official configuration of the variant.

    Args:
        checkpoint: a file, or a state dict with the official names, alone or
            under the key "state_dict" or "model"; `loss.*` keys are ignored.
        resolution: of a VQGAN's training images. It changes no weight and no
            value; it only names the levels that have attention.
        **arcvq_options: of `ArcVQ`, such as `radius` or `margin`.

    Returns:
        A `VQVAE` or a `VQGAN` with an `ArcVQ` quantizer, in training mode.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is not a plain state dict (it is then refused
            without being executed), or keys are missing, unknown or misshapen,
            each named.

    Source: the official ArcVQ-VAE repository, both variants.
    """
    state = read_weights(checkpoint)
    with torch.device("meta"):  # shapes alone, whatever sizes a damaged file claims
        sketch = _empty_model(state, arcvq_options, resolution)
    names = _official_names(sketch)
    shapes = {key: value.shape for key, value in sketch.state_dict().items()}
    check_keys(state, {names[key]: shapes[key] for key in names})
    with torch.random.fork_rng(devices=[]):  # the initial weights are replaced
        model = _empty_model(state, arcvq_options, resolution)
    own = model.state_dict()
    model.load_state_dict({**own, **{key: state[name] for key, name in names.items()}})
    return model


def load_official_critic(checkpoint: Checkpoint) -> PatchCritic:
    """The critic of an official VQGAN checkpoint, its sizes read from the shapes.

    Args:
        checkpoint: as of `load_official`; the `loss.discriminator.*` keys are read.

    Returns:
        A `PatchCritic` in training mode.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is not a plain state dict, has no critic, or its
            keys are missing, unknown or misshapen, each named.
    """
    state = read_weights_under(_CRITIC, checkpoint)
    if not state:
        raise ValueError(
            f"checkpoint has no critic: no key begins with {_CRITIC}; "
            "begin with a new PatchCritic()"
        )
    with torch.device("meta"):
        wanted = empty_critic(state).state_dict()
    check_keys(state, {key: value.shape for key, value in wanted.items()})
    with torch.random.fork_rng(devices=[]):
        critic = empty_critic(state)
    critic.load_state_dict(state)
    return critic


def official_state_dict(
    model: VQVAE | VQGAN, critic: PatchCritic | None = None
) -> dict[str, Tensor]:
    """The weights under the official names, detached copies.

    Args:
        model: a `VQGAN`, or a `VQVAE` of images with the official `relu_skip`.
            Only weights are kept: whatever the quantizer, the official code matches
            by cosine.
        critic: of a `VQGAN`, to be kept beside it.

    Returns:
        A state dict that the official code's variant loads.

    Raises:
        ValueError: if the model has relu_skip=False, which no name records, or is
            of signals, or a critic comes with a `VQVAE`.
    """
    own = {**model.state_dict(), "quantizer.codebook": model.quantizer.codebook}
    state = {name: own[key] for key, name in _official_names(model).items()}
    if critic is not None:
        if isinstance(model, VQVAE):
            raise ValueError("critic belongs to a VQGAN, but model is a VQVAE")
        judge = critic.state_dict()
        state |= {f"{_CRITIC}{key}": value for key, value in judge.items()}
    return {name: value.detach().clone() for name, value in state.items()}


def save_official(
    model: VQVAE | VQGAN,
    path: str | os.PathLike[str],
    critic: PatchCritic | None = None,
) -> None:
    """Write `official_state_dict(model, critic)` to a file, whole or not at all.

    Args:
        model: a `VQVAE` or a `VQGAN`.
        path: the file; its folder must exist. An older one is replaced.
        critic: of a `VQGAN`, to be kept beside it.

    Raises:
        FileNotFoundError: if the folder does not exist.
        ValueError: if the model has relu_skip=False or is of signals, or a critic
            comes with a `VQVAE`.
    """
    write_whole(official_state_dict(model, critic), path)


def _empty_model(
    state: dict[str, Tensor], options: dict[str, Any], resolution: int
) -> VQVAE | VQGAN:
    """A model of the variant that the names tell, with its own initial weights."""
    if is_vqgan(state):
        return empty_vqgan(state, options, resolution)
    return empty_vqvae(state, options)


def _official_names(model: VQVAE | VQGAN) -> dict[str, str]:
    """Our state-dict key → the official one, for every weight that both have."""
    if isinstance(model, VQGAN):
        return vqgan_names(model)
    if model.dimensions != 2:
        raise ValueError(
            f"model has dimensions={model.dimensions}; the official code is of images"
        )
    if not model.relu_skip:
        raise ValueError(
            "model has relu_skip=False; the official code would load its weights "
            "into another function"
        )
    return vqvae_names(model)
