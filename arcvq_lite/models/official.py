"""Checkpoints of the official ArcVQ-VAE code, read and written by their names."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from arcvq_lite.models.vqvae import VQVAE
from arcvq_lite.quantizers import ArcVQ

_CODEBOOK = "_vq_vae.embedding.weight"

# Official prefix → position in our nn.Sequential, without the residual blocks,
# whose number shifts what stands behind them.
_ENCODER = {"_conv_1": 0, "_conv_2": 2, "_conv_3": 4}
_FIRST_BLOCK = {"encoder": 5, "decoder": 1}


def load_official(
    checkpoint: str | os.PathLike[str] | Mapping[str, Any], **arcvq_options: Any
) -> VQVAE:
    """A model with the weights of an official checkpoint (VQ-VAE variant).

    Channels, codes and residual blocks are read from the shapes. The checkpoint
    stores no step and no schedule: pass the ones to train on with as options.

    Args:
        checkpoint: a file, or a state dict with the official names, alone or
            under the key "state_dict" or "model"; `loss.*` keys are ignored.
        **arcvq_options: of `ArcVQ`, such as `radius` or `margin`.

    Returns:
        A `VQVAE` with an `ArcVQ` quantizer, in training mode.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is not a plain state dict (it is then refused
            without being executed), or keys are missing, unknown or misshapen,
            each named.

    Source: the official ArcVQ-VAE repository, VQ-VAE variant.
    """
    state = _state_dict(checkpoint)
    if any(key.startswith(("encoder.down.", "decoder.up.")) for key in state):
        raise ValueError(
            "checkpoint is of the VQGAN variant (it has encoder.down.* keys); "
            "this version reads the VQ-VAE variant only"
        )
    model = _empty_model(state, arcvq_options)
    names = _official_names(model)
    own = model.state_dict()
    _check_keys(state, {names[key]: own[key].shape for key in names})
    model.load_state_dict({**own, **{key: state[name] for key, name in names.items()}})
    return model


def official_state_dict(model: VQVAE) -> dict[str, Tensor]:
    """The model's weights under the official names, detached copies.

    Args:
        model: a `VQVAE` with any quantizer that has a codebook.

    Returns:
        A state dict that the official code's VQ-VAE variant loads.
    """
    own = {**model.state_dict(), "quantizer.codebook": model.quantizer.codebook}
    return {
        name: own[key].detach().clone() for key, name in _official_names(model).items()
    }


def save_official(model: VQVAE, path: str | os.PathLike[str]) -> None:
    """Write `official_state_dict(model)` to a file, whole or not at all.

    Args:
        model: a `VQVAE`.
        path: the file; its folder must exist. An older one is replaced.

    Raises:
        FileNotFoundError: if the folder does not exist.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"path={str(path)!r}: its folder does not exist")
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            torch.save(official_state_dict(model), file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _state_dict(
    checkpoint: str | os.PathLike[str] | Mapping[str, Any],
) -> dict[str, Tensor]:
    if not isinstance(checkpoint, Mapping):
        if not Path(checkpoint).is_file():
            raise FileNotFoundError(f"checkpoint={str(checkpoint)!r} is no file")
        try:
            checkpoint = torch.load(checkpoint, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
            raise ValueError(
                f"checkpoint={str(checkpoint)!r} is not a plain state dict and was "
                "not executed; have its author save model.state_dict() alone"
            ) from error
    content: Any = checkpoint
    for wrapper in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(
        isinstance(key, str) and isinstance(value, Tensor)
        for key, value in content.items()
    ):
        raise ValueError(
            "checkpoint is not a plain state dict of tensors by name; "
            f"got {type(content).__name__}"
        )
    return {
        key.removeprefix("module."): value
        for key, value in content.items()
        if not key.removeprefix("module.").startswith("loss.")
    }


def _empty_model(state: dict[str, Tensor], options: dict[str, Any]) -> VQVAE:
    """A model of the sizes that the checkpoint's shapes tell."""
    telling = ("_encoder._conv_1.weight", "_encoder._conv_2.weight", _CODEBOOK)
    missing = [key for key in telling if key not in state]
    if missing:
        raise ValueError(
            f"checkpoint lacks {', '.join(missing)}; is it an official ArcVQ-VAE "
            "checkpoint, VQ-VAE variant?"
        )
    first, second, codebook = (state[key] for key in telling)
    if first.dim() != 4 or second.dim() != 4 or codebook.dim() != 2:
        found = ", ".join(f"{key} {tuple(state[key].shape)}" for key in telling)
        raise ValueError(f"checkpoint has misshapen keys: {found}")
    block = re.compile(r"_encoder\._residual_stack\._layers\.(\d+)\._block\.1\.weight")
    layers = [int(match[1]) for key in state if (match := block.fullmatch(key))]
    narrow = state.get("_encoder._residual_stack._layers.0._block.1.weight")
    return VQVAE(
        first.shape[1],
        ArcVQ(*codebook.shape, **options),
        hidden=second.shape[0],
        residual_layers=max(layers, default=-1) + 1,
        residual_hidden=32 if narrow is None else narrow.shape[0],
    )


def _official_names(model: VQVAE) -> dict[str, str]:
    """Our state-dict key → the official one, for every weight that both have."""
    count = sum(key.endswith("narrow.weight") for key in model.encoder.state_dict())
    behind = {"encoder": 5 + count, "decoder": 1 + count}
    modules = {
        **{f"encoder.{place}": f"_encoder.{name}" for name, place in _ENCODER.items()},
        f"encoder.{behind['encoder'] + 1}": "_pre_vq_conv",
        "decoder.0": "_decoder._conv_1",
        f"decoder.{behind['decoder'] + 1}": "_decoder._conv_trans_1",
        f"decoder.{behind['decoder'] + 3}": "_decoder._conv_trans_2",
    }
    for half, first in _FIRST_BLOCK.items():
        for layer in range(count):
            block = f"_{half}._residual_stack._layers.{layer}._block"
            modules[f"{half}.{first + layer}.narrow"] = f"{block}.1"
            modules[f"{half}.{first + layer}.widen"] = f"{block}.3"
    names = {
        f"{ours}.{kind}": f"{official}.{kind}"
        for ours, official in modules.items()
        for kind in ("weight", "bias")
    }
    return {**names, "quantizer.codebook": _CODEBOOK}


def _check_keys(state: dict[str, Tensor], wanted: dict[str, torch.Size]) -> None:
    problems = [f"missing {name}" for name in wanted if name not in state]
    problems += [f"unknown {name}" for name in state if name not in wanted]
    problems += [
        f"{name} is {tuple(state[name].shape)}, wanted {tuple(shape)}"
        for name, shape in wanted.items()
        if name in state and state[name].shape != shape
    ]
    if problems:
        raise ValueError("checkpoint does not fit: " + "; ".join(problems))
