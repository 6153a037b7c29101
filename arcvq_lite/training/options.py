"""TrainOptions: all that describes a run, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from arcvq_lite.training.model_options import (
    HypersphericalVAEOptions,
    PriorOptions,
    QuantizerOptions,
    VQGANOptions,
    VQVAEOptions,
)
from arcvq_lite.training.option_checks import (
    check_above_zero,
    check_at_least,
    check_share,
)


@dataclass(frozen=True)
class DataOptions:
    """Which images, or which tokens, in which batches.

    Args:
        source: a folder of images or of indexed tar shards, or a set of
            `load_images`: photos, digits, mnist, fashion-mnist, cifar10. For a
            prior, a token file of `arcvq encode`.
        batch_size: images of a step, over all processes and accumulated parts.
        size: side of the images in pixels; None keeps a named set's own.
        seed: of the order and the crops.
        crop: of a folder's images, a square at random or the central one; a named
            set is taken as it is.
        mirror_chance: share of random crops mirrored left to right.
        workers: processes that decode a folder's images, for each trainer.
        max_substituted: share of unreadable images that may be replaced.
    """

    source: str
    batch_size: int
    size: int | None = None
    seed: int = 0
    crop: Literal["random", "centre"] = "random"
    mirror_chance: float = 0.0
    workers: int = 0
    max_substituted: float = 0.01

    def __post_init__(self) -> None:
        check_at_least("data.batch_size", self.batch_size, 1)
        check_at_least("data.workers", self.workers, 0)
        if self.size is not None:
            check_at_least("data.size", self.size, 1)
        for name in ("max_substituted", "mirror_chance"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f"data.{name}={getattr(self, name)} must lie in [0, 1]"
                )


@dataclass(frozen=True)
class OptimizerOptions:
    """Adam, or AdamW, for each network one of its own.

    Args:
        learning_rate: of every step; None takes the rate an image.
        learning_rate_per_image: multiplied by `data.batch_size`.
        betas: decay of the two running means.
        clip: the largest norm of a network's gradient; None leaves it.
        weight_decay: times the learning rate, what every weight loses of itself in
            a step (AdamW); 0 is Adam.
    """

    learning_rate: float | None = None
    learning_rate_per_image: float | None = None
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float | None = None
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        given = [self.learning_rate, self.learning_rate_per_image]
        if given.count(None) != 1:
            raise ValueError(
                f"optimizer.learning_rate={given[0]} and "
                f"optimizer.learning_rate_per_image={given[1]}: give exactly one, "
                "and null for the other"
            )
        for name in ("learning_rate", "learning_rate_per_image", "clip"):
            if getattr(self, name) is not None:
                check_above_zero(f"optimizer.{name}", getattr(self, name))
        check_share("optimizer.weight_decay", self.weight_decay)

    def rate(self, batch_size: int) -> float:
        """The learning rate of Adam for a global batch."""
        if self.learning_rate is not None:
            return self.learning_rate
        assert self.learning_rate_per_image is not None
        return self.learning_rate_per_image * batch_size


@dataclass(frozen=True)
class RunOptions:
    """Where a run writes, how long it goes, and how it computes.

    Args:
        folder: of the run; one that was interrupted goes on from its checkpoint.
        steps: batches in all.
        log_every: steps between two rows of the log.
        save_every: steps between two checkpoints.
        picture_every: steps between two pictures of reconstructions and codes; a
            prior has none.
        keep: checkpoints to leave, the newest ones.
        seed: of the weights and of whatever else is drawn.
        accumulate: parts of a batch that pass one after the other.
        ema_decay: of the running mean of the weights; None keeps none.
        device: auto is a GPU where there is one.
        precision: of the networks' forward passes; matching, margins, norms and
            LPIPS stay in float32.
        channels_last: memory layout of the images and convolutions.
        compile: whether torch.compile compiles the networks.
        tensorboard: whether to write TensorBoard's events too.
        patience_s: seconds after which a process that waits for another one fails.
    """

    folder: str
    steps: int
    log_every: int = 100
    save_every: int = 1000
    picture_every: int = 1000
    keep: int = 2
    seed: int = 0
    accumulate: int = 1
    ema_decay: float | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["float32", "bfloat16"] = "float32"
    channels_last: bool = False
    compile: bool = False
    tensorboard: bool = False
    patience_s: float = 600.0

    def __post_init__(self) -> None:
        names = ("steps", "log_every", "save_every", "picture_every", "keep")
        for name in (*names, "accumulate"):
            check_at_least(f"run.{name}", getattr(self, name), 1)
        if self.ema_decay is not None:
            check_share("run.ema_decay", self.ema_decay)
        check_above_zero("run.patience_s", self.patience_s)


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """A run: its data, one of the four models, and how to train it.

    Args:
        data: which images, or which tokens.
        quantizer: the codebook of a vqvae or vqgan; None for a hyperspherical VAE,
            which has none, and for a prior, whose codes are those of its token file.
        optimizer: Adam or AdamW.
        run: where, how long, how.
        vqvae: the model, or None.
        vqgan: another model, or None.
        hyperspherical_vae: the third, or None.
        prior: the fourth, or None.
    """

    data: DataOptions
    quantizer: QuantizerOptions | None = None
    optimizer: OptimizerOptions
    run: RunOptions
    vqvae: VQVAEOptions | None = None
    vqgan: VQGANOptions | None = None
    hyperspherical_vae: HypersphericalVAEOptions | None = None
    prior: PriorOptions | None = None

    def __post_init__(self) -> None:
        models = [self.vqvae, self.vqgan, self.hyperspherical_vae, self.prior]
        if models.count(None) != len(models) - 1:
            raise ValueError(
                "give exactly one of the sections vqvae, vqgan, hyperspherical_vae "
                "and prior; the others are left out, or null"
            )
        if self.prior is not None:
            self._check_prior()
        elif self.hyperspherical_vae is not None:
            self._check_has_no_codes()
        elif self.quantizer is None:
            raise ValueError(
                "the section quantizer is missing: a vqvae or vqgan needs at least "
                "its num_codes and dim"
            )
        if self.run.compile and self.vqgan and self.vqgan.update == "official":
            raise ValueError(
                "run.compile=true needs vqgan.update=fast: the official update walks "
                "back through one graph three times, which a compiled one forbids"
            )

    def _check_has_no_codes(self) -> None:
        if self.quantizer is not None:
            raise ValueError(
                "the section quantizer belongs to a vqvae or vqgan: a "
                "hyperspherical_vae has directions in the place of codes; leave it "
                "out, or write quantizer: null"
            )

    def _check_prior(self) -> None:
        if self.quantizer is not None:
            raise ValueError(
                "the section quantizer belongs to a vqvae or vqgan: the codes of a "
                "prior are those of its token file; leave it out, or write "
                "quantizer: null"
            )
        if self.data.size is not None:
            raise ValueError(
                f"data.size={self.data.size} is of images, and a prior trains on "
                "tokens; write data.size: null"
            )
        for name in ("channels_last", "compile"):
            if getattr(self.run, name):
                raise ValueError(
                    f"run.{name}=true is for convolutions, and a prior has none; "
                    f"write run.{name}: false"
                )
