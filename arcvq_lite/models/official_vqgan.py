"""The official VQGAN variant: its weights' names, and the sizes they tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from arcvq_lite.losses import ArcMarginLoss
from arcvq_lite.models.critic import PatchCritic
from arcvq_lite.models.official_checkpoint import told_size
from arcvq_lite.models.residual_attention import GROUPS
from arcvq_lite.models.vqgan import VQGAN
from arcvq_lite.quantizers import ArcVQ
from arcvq_lite.schedules import ExponentialDecay, ExponentialRadius

# The options of this variant; the two mse weights are the other variant's, swapped.
OFFICIAL_OPTIONS: Mapping[str, Any] = {
    "commitment_weight": 1.0,
    "codebook_weight": 0.25,
    "radius": ExponentialRadius(5e-5),
    "margin": ArcMarginLoss(scale=10.0),
    "margin_weight": ExponentialDecay(1.0, 1e-4),
}

_CODEBOOK = "quantize.embedding.weight"

_SIZES = {
    "in_channels": (("encoder.conv_in.weight", 1), ("decoder.conv_out.weight", 0)),
    "latent_channels": (("encoder.conv_out.weight", 0), ("decoder.conv_in.weight", 1)),
    "num_codes": ((_CODEBOOK, 0),),
    "dim": ((_CODEBOOK, 1), ("quant_conv.weight", 0)),
}

_CHANNELS = (
    ("encoder.conv_in.weight", 0),
    ("encoder.down.0.block.0.norm1.weight", 0),
)

_BLOCK = re.compile(r"(encoder\.down|decoder\.up)\.(\d+)\.block\.(\d+)\.")
_ATTENTION = re.compile(r"(?:encoder\.down|decoder\.up)\.(\d+)\.attn\.")


def is_vqgan(state: Mapping[str, Tensor]) -> bool:
    """Whether the names are of this variant."""
    return any(_BLOCK.match(key) for key in state)


def empty_vqgan(
    state: Mapping[str, Tensor], options: Mapping[str, Any], resolution: int
) -> VQGAN:
    """A model of the sizes that the shapes tell, with its own initial weights.

    Raises:
        ValueError: if no model has such sizes, naming the keys that tell them.
    """
    sizes = {size: told_size(state, places) for size, places in _SIZES.items()}
    channels = told_size(state, _CHANNELS, otherwise=GROUPS)
    blocks = [match for key in state if (match := _BLOCK.match(key))]
    # Names are counted, never trusted as numbers: a far one builds nothing.
    levels = len({match[2] for match in blocks})
    widths = [_width(state, level, channels) for level in range(levels)]
    attended = {int(match[1]) for key in state if (match := _ATTENTION.match(key))}
    try:
        return VQGAN(
            sizes["in_channels"],
            ArcVQ(sizes["num_codes"], sizes["dim"], **{**OFFICIAL_OPTIONS, **options}),
            channels=channels,
            multipliers=[max(width // max(channels, 1), 1) for width in widths],
            residual_blocks=_blocks_a_level(blocks),
            attention_resolutions=[
                resolution // 2**level for level in attended if level < levels
            ],
            resolution=resolution,
            latent_channels=sizes["latent_channels"],
        )
    except ValueError as error:
        telling = [key for places in (*_SIZES.values(), _CHANNELS) for key, _ in places]
        told = ", ".join(
            f"{key} {tuple(state[key].shape)}" for key in telling if key in state
        )
        raise ValueError(f"{error} (sizes read from the checkpoint: {told})") from error


def vqgan_names(model: VQGAN) -> dict[str, str]:
    """Our state-dict key → the official one, for every weight that both have."""
    shared = ("encoder.", "decoder.", "quant_conv.", "post_quant_conv.")
    names = {key: key for key in model.state_dict() if key.startswith(shared)}
    return {**names, "quantizer.codebook": _CODEBOOK}


def empty_critic(state: Mapping[str, Tensor]) -> PatchCritic:
    """A critic of the sizes that the shapes tell, with its own initial weights.

    Raises:
        ValueError: if no critic has such sizes.
    """
    norms = {key for key in state if key.endswith(".running_mean")}
    first = "main.0.weight"
    return PatchCritic(
        told_size(state, ((first, 1),)),
        told_size(state, ((first, 0), ("main.2.weight", 1))),
        layers=max(len(norms), 1),
    )


def _width(state: Mapping[str, Tensor], level: int, channels: int) -> int:
    """The channels of a level, the first convolution's if no key tells them."""
    places = [
        (f"{half}.{level}.block.0.conv{conv}.weight", 0)
        for half in ("encoder.down", "decoder.up")
        for conv in (1, 2)
    ]
    return told_size(state, places, otherwise=channels)


def _blocks_a_level(blocks: list[re.Match[str]]) -> int:
    """Residual blocks of an encoder's level, one less than of a decoder's."""
    counts = {
        half: len({match[3] for match in blocks if match[1] == half})
        for half in ("encoder.down", "decoder.up")
    }
    return counts["encoder.down"] or max(counts["decoder.up"] - 1, 1)
