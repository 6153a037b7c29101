"""Checkpoints of unknown origin: unwrapped, checked, and never executed."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from arcvq_lite.written_aside import written_aside

Checkpoint = str | os.PathLike[str] | Mapping[str, Any]


def read_weights(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """The autoencoder's weights by official name, without the `loss.*` keys.

    Args:
        checkpoint: a file, or a state dict, alone or under the key "state_dict" or
            "model", with or without "module." before every key.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a plain state dict of weights.
    """
    state = {
        key: value
        for key, value in _unwrapped(checkpoint).items()
        if not key.startswith("loss.")
    }
    return _of_tensors(state)


def read_weights_under(prefix: str, checkpoint: Checkpoint) -> dict[str, Tensor]:
    """The entries whose names begin with a prefix, without it.

    Args:
        prefix: such as "loss.discriminator.".
        checkpoint: as of `read_weights`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the entries are not plain tensors.
    """
    state = _unwrapped(checkpoint)
    found = {key: value for key, value in state.items() if key.startswith(prefix)}
    counters = {key for key in found if key.endswith(".num_batches_tracked")}
    tensors = _of_tensors(found, whole_numbers=counters)
    return {key.removeprefix(prefix): tensors[key] for key in tensors}


def read_plain(path: Path, *, argument: str) -> Any:
    """What a file holds, read without executing anything in it.

    Args:
        path: a file that `torch.save` wrote.
        argument: what the caller calls the path, for the errors.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is damaged, or holds more than plain data.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{argument}={str(path)!r} is no file")
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's doubts about a file that it refuses
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        # A damaged or hostile file fails in many ways: on whichever byte is wrong.
        except Exception as error:
            raise ValueError(
                f"{argument}={str(path)!r} is damaged or not a plain state dict, and "
                "was not executed; have its author save model.state_dict() alone"
            ) from error


def check_keys(state: Mapping[str, Tensor], wanted: Mapping[str, torch.Size]) -> None:
    """Refuse weights that a model of these names and shapes cannot take.

    Raises:
        ValueError: naming every key that is missing, unknown or misshapen.
    """
    problems = [f"missing {name}" for name in wanted if name not in state]
    problems += [f"unknown {name}" for name in state if name not in wanted]
    problems += [
        f"{name} is {tuple(state[name].shape)}, wanted {tuple(shape)}"
        for name, shape in wanted.items()
        if name in state and state[name].shape != shape
    ]
    if problems:
        raise ValueError("checkpoint does not fit: " + "; ".join(problems))


# Where a size stands in the shapes, more than once in case a key is missing.
Places = Iterable[tuple[str, int]]


def told_size(
    state: Mapping[str, Tensor], places: Places, *, otherwise: int = 2
) -> int:
    """The size that the first key present tells.

    Where no key tells it, a small size stands in: the missing keys are named
    afterwards.
    """
    for key, axis in places:
        if key in state and state[key].dim() > axis:
            return state[key].shape[axis]
    return otherwise


def write_whole(state: Mapping[str, Tensor], path: str | os.PathLike[str]) -> None:
    """Write a state dict to a file, whole or not at all.

    Raises:
        FileNotFoundError: if the folder does not exist.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"path={str(path)!r}: its folder does not exist")
    with written_aside(target) as file:
        torch.save(dict(state), file)


def _unwrapped(checkpoint: Checkpoint) -> dict[str, Any]:
    """The entries by name, out of whatever they are wrapped in."""
    content: Any = checkpoint
    if isinstance(checkpoint, str | os.PathLike):
        content = read_plain(Path(checkpoint), argument="checkpoint")
    if not isinstance(content, Mapping):
        raise ValueError(
            f"checkpoint must be a file or a state dict, got {type(content).__name__}"
        )
    for wrapper in ("state_dict", "model"):
        if isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    return {str(key).removeprefix("module."): content[key] for key in content}


def _of_tensors(
    state: Mapping[str, Any], whole_numbers: Iterable[str] = ()
) -> dict[str, Tensor]:
    """The entries, floating point tensors but for the named whole numbers."""
    foreign = [
        f"{key} is {type(value).__name__}"
        for key, value in state.items()
        if not isinstance(value, Tensor)
        or value.is_floating_point() == (key in whole_numbers)
    ]
    if foreign:
        raise ValueError(
            "checkpoint is not a plain state dict of weights: " + "; ".join(foreign)
        )
    return dict(state)
