"""A training step of the official VQ-VAE on images of CIFAR-10's shape.

A call is several steps, as a run is: what a run sets up once counts once a call.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from itertools import count, islice
from time import perf_counter
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arcvq_lite.bench.benchmark import Benchmark, Call, Contestant, Target
from arcvq_lite.bench.first_gradients import FirstGradients
from arcvq_lite.bench.plain_quantizers import (
    OfficialArcVQ,
    PlainArcVQ,
    Unquantized,
)
from arcvq_lite.kept_memory import freed_memory_kept
from arcvq_lite.losses import ArcMarginLoss
from arcvq_lite.models import VQVAE
from arcvq_lite.quantizers import ArcVQ, Quantizer
from arcvq_lite.training.batch_losses import vqvae_loss
from arcvq_lite.training.loss_watch import LossWatch
from arcvq_lite.training.one_network_recipe import OneNetworkRecipe
from arcvq_lite.training.processes import Processes
from arcvq_lite.training.stepper import Stepper

CODES, DIM = 512, 64
SCALE = 5.0  # of the margin
VARIANCE = 0.25  # of the images, by which the error is divided
LEARNING_RATE = 3e-4
# Steps of a call, by batch size.
STEPS = {128: 8, 1024: 4}
_PART_ROUNDS = 5


def arcvq() -> ArcVQ:
    """The quantizer of the paper's CIFAR-10 model."""
    return ArcVQ(CODES, DIM)


def build(quantizer: Callable[[], Quantizer], hidden: int = 128) -> VQVAE:
    """The model, with the same first weights whatever is between its halves."""
    torch.manual_seed(0)
    return VQVAE(3, quantizer(), hidden=hidden)


def images(batch: int) -> Tensor:
    """Noise (B, 3, 32, 32) in [−1, 1]."""
    generator = torch.Generator().manual_seed(1)
    return torch.rand(batch, 3, 32, 32, generator=generator) * 2 - 1


def plain(
    batch: int, steps: int, quantizer: Callable[[], Quantizer], hidden: int = 128
) -> Call:
    """The usual loop around a quantizer that is written down as its formulas are."""
    model, real = build(quantizer, hidden), images(batch)
    optimizer = _adam(model)
    gradients = FirstGradients(model, optimizer)
    counted = count()

    def call() -> dict[str, Tensor]:
        losses = []
        for step in islice(counted, steps):
            output = model(real, step=step)
            error = F.mse_loss(output.reconstruction, real) / VARIANCE
            total = error + output.quantized.loss
            optimizer.zero_grad()
            total.backward()
            optimizer.step()
            losses.append(total.detach())
        return {"losses": torch.stack(losses), **gradients.found}

    return call


def ours(batch: int, steps: int, hidden: int = 128) -> Call:
    """What `arcvq train` does with a batch."""
    model, real = build(arcvq, hidden), images(batch)
    recipe = _recipe(model)
    gradients = FirstGradients(model, recipe.stepper.optimizer)
    counted = count()

    def call() -> dict[str, Tensor]:
        with freed_memory_kept():
            losses = [
                recipe.update([real], step)["total"] for step in islice(counted, steps)
            ]
        return {"losses": torch.stack(losses), **gradients.found}

    return call


def floor(batch: int, steps: int, hidden: int = 128) -> Call:
    """The convolutions of both halves, forward and backward, and Adam."""
    model, real = build(_nothing, hidden), images(batch)
    optimizer = _adam(model)
    counted = count()

    def call() -> None:
        with freed_memory_kept():
            for step in islice(counted, steps):
                F.mse_loss(model(real, step=step).reconstruction, real).backward()
                optimizer.step()
                optimizer.zero_grad()

    return call


def parts(batch: int, hidden: int = 128) -> dict[str, float]:
    """Seconds of each part of the library's step, the medians of a few."""
    quantizer = arcvq()
    model, real = VQVAE(3, quantizer, hidden=hidden), images(batch)
    without_margin = ArcVQ(CODES, DIM, margin=None)
    without_margin.codebook = quantizer.codebook
    optimizer = _adam(model)
    laps: list[dict[str, float]] = []

    with freed_memory_kept():
        for step in range(_PART_ROUNDS + 1):
            clock = _Laps()
            latents = model.latents(real)
            clock.lap("encoder")
            quantized = without_margin(latents, step=step)
            clock.lap("quantizer")
            margin = ArcMarginLoss(SCALE)(latents, without_margin.codebook)
            clock.lap("margin")
            reconstruction = model.decoder(quantized.quantized)
            clock.lap("decoder")
            error = F.mse_loss(reconstruction, real) / VARIANCE
            (error + quantized.loss + margin).backward()
            clock.lap("backward")
            optimizer.step()
            optimizer.zero_grad()
            clock.lap("optimiser")
            laps.append(clock.seconds)
    # The first step brings what stays: code, work space, memory.
    return {name: statistics.median(lap[name] for lap in laps[1:]) for name in laps[0]}


class _Laps:
    """Seconds between one lap and the next."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._before = perf_counter()

    def lap(self, name: str) -> None:
        now = perf_counter()
        self.seconds[name], self._before = now - self._before, now


def plain_quantizer() -> Quantizer:
    """The same, written down as its formulas are."""
    return cast("Quantizer", PlainArcVQ(arcvq(), SCALE))


def official_quantizer() -> Quantizer:
    """The same, as the official code goes about it."""
    return cast("Quantizer", OfficialArcVQ(arcvq(), SCALE))


def _nothing() -> Quantizer:
    return cast("Quantizer", Unquantized(DIM))


def _adam(model: nn.Module) -> torch.optim.AdamW:
    return torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=0.0)


def _recipe(model: VQVAE) -> OneNetworkRecipe:
    """As a run on one process has it."""
    watch = LossWatch(Processes(rank=0, world_size=1, device=torch.device("cpu")))
    weights = list(model.parameters())
    return OneNetworkRecipe(
        network=model,
        placed=model,
        stepper=Stepper("autoencoder", weights, _adam(model), watch),
        watch=watch,
        loss=partial(vqvae_loss, variance=VARIANCE),
    )


def _benchmark(batch: int) -> Benchmark:
    steps = STEPS[batch]
    contestants = (
        Contestant("plain way", partial(plain, batch, steps, plain_quantizer)),
        Contestant("official way", partial(plain, batch, steps, official_quantizer)),
        Contestant("floor", partial(floor, batch, steps), compared=False),
        Contestant(OURS, partial(ours, batch, steps)),
    )
    return Benchmark(
        name=f"vqvae_step_{batch}",
        says=(
            f"{steps} training steps of the official VQ-VAE, K = {CODES}, D = {DIM}, "
            f"on {batch} images of 32×32."
        ),
        contestants=contestants,
        targets=(Target(OURS, "plain way", "seconds", at_most=1 / 1.5),),
        tolerance=1e-3,
        parts=partial(parts, batch),
    )


OURS = "arcvq_lite"
BENCHMARKS = tuple(_benchmark(batch) for batch in STEPS)
