"""The official VQ-VAE variant: its weights' names, and the sizes they tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from arcvq_lite.models.official_checkpoint import told_size
from arcvq_lite.models.vqvae import VQVAE
from arcvq_lite.quantizers import ArcVQ

_CODEBOOK = "_vq_vae.embedding.weight"

# Official prefix → position in our nn.Sequential, without the residual blocks,
# whose number shifts what stands behind them.
_ENCODER = {"_conv_1": 0, "_conv_2": 2, "_conv_3": 4}
_FIRST_BLOCK = {"encoder": 5, "decoder": 1}

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


def empty_vqvae(state: Mapping[str, Tensor], options: Mapping[str, Any]) -> VQVAE:
    """A model of the sizes that the shapes tell, with its own initial weights.

    Raises:
        ValueError: if no model has such sizes, naming the keys that tell them.
    """
    sizes = {size: told_size(state, places) for size, places in _SIZES.items()}
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
        telling = [key for places in _SIZES.values() for key, _ in places]
        told = ", ".join(
            f"{key} {tuple(state[key].shape)}" for key in telling if key in state
        )
        raise ValueError(f"{error} (sizes read from the checkpoint: {told})") from error


def vqvae_names(model: VQVAE) -> dict[str, str]:
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
