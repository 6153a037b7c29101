"""Checkpoints of the official ArcVQ-VAE code, read and written by their names."""

from __future__ import annotations

import os
import re
import warnings
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
    with torch.device("meta"):  # shapes alone, whatever sizes a damaged file claims
        sketch = _empty_model(state, arcvq_options)
    names = _official_names(sketch)
    shapes = {key: value.shape for key, value in sketch.state_dict().items()}
    _check_keys(state, {names[key]: shapes[key] for key in names})
    with torch.random.fork_rng(devices=[]):  # the initial weights are replaced
        model = _empty_model(state, arcvq_options)
    own = model.state_dict()
    model.load_state_dict({**own, **{key: state[name] for key, name in names.items()}})
    return model


def official_state_dict(model: VQVAE) -> dict[str, Tensor]:
    """The model's weights under the official names, detached copies.

    Args:
        model: a `VQVAE` with the official `relu_skip`. Only weights are kept:
            whatever the quantizer, the official code matches by cosine.

    Returns:
        A state dict that the official code's VQ-VAE variant loads.

    Raises:
        ValueError: if the model has relu_skip=False, which no name records.
    """
    if not model.relu_skip:
        raise ValueError(
            "model has relu_skip=False; the official code would load its weights "
            "into another function"
        )
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
        ValueError: if the model has relu_skip=False.
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
    """The weights by official name, out of whatever they are wrapped in."""
    content: Any = checkpoint
    if isinstance(checkpoint, str | os.PathLike):
        content = _read(Path(checkpoint))
    if not isinstance(content, Mapping):
        raise ValueError(
            f"checkpoint must be a file or a state dict, got {type(content).__name__}"
        )
    for wrapper in ("state_dict", "model"):
        if isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    state = {str(key).removeprefix("module."): content[key] for key in content}
    state = {key: state[key] for key in state if not key.startswith("loss.")}
    foreign = [
        f"{key} is {type(value).__name__}"
        for key, value in state.items()
        if not (isinstance(value, Tensor) and value.is_floating_point())
    ]
    if foreign:
        raise ValueError(
            "checkpoint is not a plain state dict of weights: " + "; ".join(foreign)
        )
    return state


def _read(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint={str(path)!r} is no file")
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's doubts about a file that it refuses
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        # A damaged or hostile file fails in many ways: on whichever byte is wrong.
        except Exception as error:
            raise ValueError(
                f"checkpoint={str(path)!r} is damaged or not a plain state dict, and "
                "was not executed; have its author save model.state_dict() alone"
            ) from error


# Where each size stands in the shapes, more than once in case a key is missing.
_SIZES = {
    "in_channels": (
        ("_encoder._conv_1.weight", 1),
        ("_decoder._conv_trans_2.weight", 1),
    ),
    "hidden": (("_encoder._conv_2.weight", 0), ("_encoder._conv_3.weight", 0)),
    "residual_hidden": (
        ("_encoder._residual_stack._layers.0._block.1.weight", 0),
        ("_decoder._residual_stack._layers.0._block.1.weight", 0),
    ),
    "num_codes": ((_CODEBOOK, 0),),
    "dim": ((_CODEBOOK, 1), ("_pre_vq_conv.weight", 0)),
}


def _empty_model(state: dict[str, Tensor], options: dict[str, Any]) -> VQVAE:
    """A model of the sizes that the checkpoint's shapes tell.

    A size that no key tells is 2: the missing keys are named afterwards.
    """
    sizes = {
        size: next((n for n in _told(state, places)), 2)
        for size, places in _SIZES.items()
    }
    layer = re.compile(r"_\w+coder\._residual_stack\._layers\.(\d+)\.")
    layers = {match[1] for key in state if (match := layer.match(key))}
    try:
        return VQVAE(
            sizes["in_channels"],
            ArcVQ(sizes["num_codes"], sizes["dim"], **options),
            hidden=sizes["hidden"],
            residual_layers=len(layers),
            residual_hidden=sizes["residual_hidden"],
        )
    except ValueError as error:
        told = ", ".join(f"{key} {tuple(state[key].shape)}" for key in _telling(state))
        raise ValueError(f"{error} (sizes read from the checkpoint: {told})") from error


def _told(state: dict[str, Tensor], places: tuple[tuple[str, int], ...]) -> list[int]:
    return [
        state[key].shape[axis]
        for key, axis in places
        if key in state and state[key].dim() > axis
    ]


def _telling(state: dict[str, Tensor]) -> list[str]:
    return [key for places in _SIZES.values() for key, _ in places if key in state]


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
