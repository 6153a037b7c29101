"""Networks from options: a codebook, an autoencoder around it, a prior."""

from __future__ import annotations

from arcvq_lite.losses import ArcMarginLoss
from arcvq_lite.models import VQGAN, VQVAE
from arcvq_lite.prior import TokenPrior
from arcvq_lite.quantizers import EMAVQ, VQ, ArcVQ, Quantizer
from arcvq_lite.schedules import (
    Constant,
    ConstantRadius,
    ExponentialDecay,
    ExponentialRadius,
    Schedule,
    ShrinkingRadius,
)
from arcvq_lite.training.model_options import (
    MarginOptions,
    PriorOptions,
    QuantizerOptions,
    RadiusOptions,
    VQGANOptions,
    VQVAEOptions,
)
from arcvq_lite.training.options import TrainOptions


def build_autoencoder(
    options: TrainOptions, channels: int, resolution: int
) -> VQVAE | VQGAN:
    """The autoencoder of a run, with weights drawn from torch's random state.

    Args:
        options: of the run.
        channels: of the images.
        resolution: height of the images.

    Raises:
        ValueError: if a size is out of its range.
    """
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
    """The codebook that the options describe."""
    if options.kind == "ema":
        return EMAVQ(
            options.num_codes, options.dim, commitment_weight=options.commitment_weight
        )
    if options.kind == "vq":
        return VQ(
            options.num_codes,
            options.dim,
            commitment_weight=options.commitment_weight,
            codebook_weight=options.codebook_weight,
        )
    return ArcVQ(
        options.num_codes,
        options.dim,
        commitment_weight=options.commitment_weight,
        codebook_weight=options.codebook_weight,
        radius=_radius(options.radius),
        margin=_margin(options.margin),
        margin_weight=_margin_weight(options.margin),
    )


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


def _vqvae(options: VQVAEOptions, channels: int, quantizer: Quantizer) -> VQVAE:
    return VQVAE(
        channels,
        quantizer,
        hidden=options.hidden,
        residual_layers=options.residual_layers,
        residual_hidden=options.residual_hidden,
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
