"""The part of a run's description that says how latents are quantized."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal

from arcvq_lite.training.option_checks import check_above_zero, check_at_least


@dataclass(frozen=True)
class RadiusOptions:
    """The ball around the codebook: M(t).

    Args:
        kind: exponential is the paper's growing ball.
        alpha: growth a step of the exponential ball.
        radius: of the constant ball, and where the shrinking one begins.
        total_steps: where the shrinking ball reaches 0.
    """

    kind: Literal["exponential", "constant", "shrinking"] = "exponential"
    alpha: float = 3e-4
    radius: float = 1.0
    total_steps: int = 1


@dataclass(frozen=True)
class MarginOptions:
    """The ArcCosine margin loss and its fading weight γ(t) = γ₀ exp(−λ t).

    Args:
        scale: s.
        margin: m in radians.
        top_k: positives of each code.
        weight: γ₀.
        decay: λ.
    """

    scale: float = 5.0
    margin: float = 0.1
    top_k: int = 3
    weight: float = 1.0
    decay: float = 5e-4


@dataclass(frozen=True)
class TemperatureOptions:
    """The temperature of random draws: τ(t) = max(lowest, initial · exp(−rate · t)).

    Args:
        initial: τ at step 0.
        rate: how fast it falls a step.
        lowest: where it stays.
    """

    initial: float = 1.0
    rate: float = 1e-4
    lowest: float = 0.5

    def __post_init__(self) -> None:
        for name in ("initial", "lowest"):
            check_above_zero(f"quantizer.temperature.{name}", getattr(self, name))
        if not 0 <= self.rate < math.inf:
            raise ValueError(
                f"quantizer.temperature.rate={self.rate} must be at least 0 and finite"
            )


# Which options belong to which kinds; those not named here belong to all.
KINDS_OF = {
    "codebook_weight": ("arc", "vq", "cvq", "factorized"),
    "commitment_weight": ("arc", "vq", "ema", "cvq", "factorized"),
    "radius": ("arc",),
    "margin": ("arc",),
    "levels": ("fsq",),
    "code_dim": ("factorized",),
    "decay": ("ema", "cvq"),
    "matching": ("cvq",),
    "temperature": ("gumbel", "sq"),
    "estimator": ("gumbel",),
    "kl_weight": ("gumbel",),
    "weight": ("sq",),
    "transport_weight": ("wasserstein",),
}


@dataclass(frozen=True)
class QuantizerOptions:
    """The codebook, or several. An option of one kind is None for its own default.

    Args:
        num_codes: K of a codebook.
        dim: D.
        kind: arc is ArcVQ, vq is VQ, ema is EMAVQ, cvq is CVQ, factorized is
            FactorizedVQ, fsq is FSQ, gumbel is GumbelVQ, sq is SQVQ, wasserstein is
            WassersteinVQ.
        codebook_weight: how strongly codes are drawn to latents; of arc, vq, cvq and
            factorized.
        commitment_weight: how strongly latents are drawn to codes; of these and ema.
        radius: the ball of arc; None leaves it out.
        margin: the margin loss of arc; None leaves it out.
        levels: of each channel of fsq, which needs them; their product is num_codes.
        code_dim: dimensions in which factorized looks codes up.
        decay: of the running averages of ema and cvq.
        matching: of cvq.
        temperature: of the draws of gumbel and sq.
        estimator: of gumbel.
        kl_weight: of gumbel's divergence from the uniform prior.
        weight: of sq's whole term.
        transport_weight: of wasserstein's transport.
        groups: cut the channels into so many groups with a codebook each; None does
            not.
        stages: so many codebooks one after another, each for what the ones before
            have left; None is one.
    """

    num_codes: int
    dim: int
    kind: Literal[
        "arc",
        "vq",
        "ema",
        "cvq",
        "factorized",
        "fsq",
        "gumbel",
        "sq",
        "wasserstein",
    ] = "arc"
    codebook_weight: float = 1.0
    commitment_weight: float = 0.25
    radius: RadiusOptions | None = None
    margin: MarginOptions | None = None
    levels: tuple[int, ...] | None = None
    code_dim: int | None = None
    decay: float | None = None
    matching: Literal["cosine", "euclidean"] | None = None
    temperature: TemperatureOptions | None = None
    estimator: Literal["straight-through", "soft"] | None = None
    kl_weight: float | None = None
    weight: float | None = None
    transport_weight: float | None = None
    groups: int | None = None
    stages: int | None = None

    def __post_init__(self) -> None:
        for name, kinds in KINDS_OF.items():
            usual = _default(name)
            if self.kind not in kinds and getattr(self, name) != usual:
                raise ValueError(
                    f"quantizer.{name} belongs to kind: {_one_of(kinds)}, and kind is "
                    f"{self.kind}; write {name}: {_yaml(usual)}"
                )
        for name in ("groups", "stages"):
            if getattr(self, name) is not None:
                check_at_least(f"quantizer.{name}", getattr(self, name), 1)
        if self.dim % (self.groups or 1):
            raise ValueError(
                f"quantizer.dim={self.dim} must be a multiple of "
                f"quantizer.groups={self.groups}"
            )
        if self.kind == "fsq":
            self._check_levels()

    @property
    def group_dim(self) -> int:
        """Channels of one group."""
        return self.dim // (self.groups or 1)

    def _check_levels(self) -> None:
        if self.levels is None:
            raise ValueError(
                "quantizer.levels is missing: kind: fsq needs how many levels each "
                f"of {self.group_dim} channels has, such as levels: [8, 5, 5, 5]"
            )
        product = math.prod(self.levels)
        if len(self.levels) != self.group_dim or product != self.num_codes:
            raise ValueError(
                f"quantizer.levels={list(self.levels)} make {product} codes in "
                f"{len(self.levels)} channels, and there must be "
                f"num_codes={self.num_codes} in {self.group_dim}"
            )


def _default(name: str) -> object:
    fields = {field.name: field for field in dataclasses.fields(QuantizerOptions)}
    return fields[name].default


def _one_of(kinds: tuple[str, ...]) -> str:
    return " or ".join([", ".join(kinds[:-1]), kinds[-1]] if kinds[1:] else kinds)


def _yaml(value: object) -> str:
    return "null" if value is None else str(value)
