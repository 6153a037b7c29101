"""Networks from options: a codebook, an autoencoder around it, a prior."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from arcvq_lite.losses import ArcMarginLoss
from arcvq_lite.models import VQGAN, VQVAE, Autoencoder, HypersphericalVAE
from arcvq_lite.prior import TokenPrior
from arcvq_lite.quantizers import (
    CVQ,
    EMAVQ,
    FSQ,
    SQVQ,
    VQ,
    ArcVQ,
    FactorizedVQ,
    GroupedVQ,
    GumbelVQ,
    Quantizer,
    ResidualVQ,
    WassersteinVQ,
)
from arcvq_lite.schedules import (
    Constant,
    ConstantRadius,
    ExponentialDecay,
    ExponentialRadius,
    PiecewiseSchedule,
    Schedule,
    ShrinkingRadius,
)
from arcvq_lite.training.model_options import (
    HypersphericalVAEOptions,
    MarginOptions,
    PriorOptions,
    QuantizerOptions,
    RadiusOptions,
    VQGANOptions,
    VQVAEOptions,
)
from arcvq_lite.training.options import TrainOptions
from arcvq_lite.training.quantizer_options import KINDS_OF, TemperatureOptions

# FSQ has levels in place of a number of codes.
_CLASSES: dict[str, Callable[..., Quantizer]] = {
    "arc": ArcVQ,
    "vq": VQ,
    "ema": EMAVQ,
    "cvq": CVQ,
    "factorized": FactorizedVQ,
    "gumbel": GumbelVQ,
    "sq": SQVQ,
    "wasserstein": WassersteinVQ,
}


def build_autoencoder(
    options: TrainOptions, channels: int, resolution: int
) -> Autoencoder:
    """The autoencoder of a run, with weights drawn from torch's random state.

    Args:
        options: of the run.
        channels: of the images.
        resolution: height of the images.

    Raises:
        ValueError: if a size is out of its range.
    """
    if options.hyperspherical_vae is not None:
        return _hyperspherical_vae(options.hyperspherical_vae, channels)
    assert options.quantizer is not None
    quantizer = build_quantizer(options.quantizer)
    if options.vqvae is not None:
        return _vqvae(options.vqvae, channels, quantizer)
    assert options.vqgan is not None
    return _vqgan(options.vqgan, channels, resolution, quantizer)


def build_prior(
    options: PriorOptions, num_codes: int, length: int, classes: int
) -> TokenPrior:
    """The prior of a run, with weights drawn from torch's random state.

    Args:
        options: of the prior.
        num_codes: K.
        length: L, tokens of a picture.
        classes: of the token file; a prior that is not told them has none.

    Raises:
        ValueError: if a size is out of its range.
    """
    return TokenPrior(
        num_codes,
        length,
        classes=classes if options.classes == "labels" else None,
        width=options.width,
        layers=options.layers,
        heads=options.heads,
        dropout=options.dropout,
        class_drop=options.class_drop,
    )


def build_quantizer(options: QuantizerOptions) -> Quantizer:
    """The codebook that the options describe, or several: groups of stages.

    Raises:
        ValueError: if an option is out of its range.
    """
    if options.groups is None:
        return _stages(options)
    return GroupedVQ([_stages(options) for _ in range(options.groups)])


def _stages(options: QuantizerOptions) -> Quantizer:
    """One codebook, or one after another."""
    if options.stages is None:
        return _one_codebook(options)
    return ResidualVQ([_one_codebook(options) for _ in range(options.stages)])


def _one_codebook(options: QuantizerOptions) -> Quantizer:
    """A quantizer of the channels of a group."""
    if options.levels is not None:
        return FSQ(options.levels)
    return _CLASSES[options.kind](
        options.num_codes, options.group_dim, **_keywords(options)
    )


def _keywords(options: QuantizerOptions) -> dict[str, Any]:
    """What the options say of the kind's own arguments."""
    given = {
        name: getattr(options, name)
        for name, kinds in KINDS_OF.items()
        if options.kind in kinds and getattr(options, name) is not None
    }
    if options.kind == "arc":
        given |= {
            "radius": _radius(options.radius),
            "margin": _margin(options.margin),
            "margin_weight": _margin_weight(options.margin),
        }
    if options.temperature is not None:
        given["temperature"] = _temperature(options.temperature)
    return given


def _radius(options: RadiusOptions | None) -> Schedule | None:
    if options is None:
        return None
    if options.kind == "constant":
        return ConstantRadius(options.radius)
    if options.kind == "shrinking":
        return ShrinkingRadius(options.radius, options.total_steps)
    return ExponentialRadius(options.alpha)


def _margin(options: MarginOptions | None) -> ArcMarginLoss | None:
    if options is None:
        return None
    return ArcMarginLoss(options.scale, options.margin, options.top_k)


def _margin_weight(options: MarginOptions | None) -> Schedule:
    if options is None:
        return Constant(0.0)
    return ExponentialDecay(options.weight, options.decay)


def _temperature(options: TemperatureOptions) -> Schedule:
    falling = ExponentialDecay(options.initial, options.rate)
    if options.initial <= options.lowest:
        return Constant(options.lowest)
    if options.rate == 0:
        return falling
    arrival = math.log(options.initial / options.lowest) / options.rate
    return PiecewiseSchedule(
        (falling, Constant(options.lowest)), boundaries=(math.ceil(arrival),)
    )


def _vqvae(options: VQVAEOptions, channels: int, quantizer: Quantizer) -> VQVAE:
    return VQVAE(
        channels,
        quantizer,
        hidden=options.hidden,
        residual_layers=options.residual_layers,
        residual_hidden=options.residual_hidden,
    )


def _hyperspherical_vae(
    options: HypersphericalVAEOptions, channels: int
) -> HypersphericalVAE:
    return HypersphericalVAE(
        channels,
        options.dim,
        hidden=options.hidden,
        residual_layers=options.residual_layers,
        residual_hidden=options.residual_hidden,
        kl_weight=options.kl_weight,
    )


def _vqgan(
    options: VQGANOptions, channels: int, resolution: int, quantizer: Quantizer
) -> VQGAN:
    model = VQGAN(
        channels,
        quantizer,
        channels=options.channels,
        multipliers=options.multipliers,
        residual_blocks=options.residual_blocks,
        attention_resolutions=options.attention_resolutions,
        resolution=resolution,
        latent_channels=options.latent_channels,
    )
    if options.activation_checkpointing:
        model.recompute_activations()
    return model
