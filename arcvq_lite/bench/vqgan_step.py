"""A training step of a small VQGAN and its critic, with every part of the large one.

Sizes and options are those of the shipped imagenet_vqgan_smoke, with the critic in the
game from the first step on. A call is several steps, as a run is.
"""

from __future__ import annotations

from functools import partial
from itertools import count, islice
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from arcvq_lite.bench.benchmark import Benchmark, Call, Contestant, Target
from arcvq_lite.bench.first_gradients import FirstGradients
from arcvq_lite.bench.plain_quantizers import OfficialArcVQ
from arcvq_lite.kept_memory import freed_memory_kept
from arcvq_lite.losses import ArcMarginLoss
from arcvq_lite.models import VQGAN, PatchCritic
from arcvq_lite.objective import VQGANObjective
from arcvq_lite.perceptual import PerceptualDistance
from arcvq_lite.quantizers import ArcVQ, Quantizer
from arcvq_lite.schedules import ExponentialDecay, ExponentialRadius
from arcvq_lite.training.loss_watch import LossWatch
from arcvq_lite.training.processes import Processes
from arcvq_lite.training.stepper import Stepper
from arcvq_lite.training.vqgan_recipe import Update, VQGANRecipe
from arcvq_lite.updates import fast_update, official_update

BATCH, SIDE, STEPS = 8, 64, 4
SCALE = 10.0  # of the margin
CRITIC_WEIGHT = 0.8
# Adam's first steps are as large for a gradient that is nothing but rounding as for any
# other. At this rate they are not seen in what the critic is shown.
LEARNING_RATE = 1e-7


class Game(NamedTuple):
    """Both networks, what is between them, and both optimisers.

    Attributes:
        images: (B, 3, H, W).
    """

    autoencoder: VQGAN
    critic: PatchCritic
    perceptual: PerceptualDistance
    optimizers: tuple[torch.optim.AdamW, torch.optim.AdamW]
    images: Tensor


def build(*, batch: int, side: int, dropout: bool, official: bool) -> Game:
    """The same first weights and images for everyone.

    Args:
        batch: B.
        side: H and W.
        dropout: of LPIPS, as the official code leaves it.
        official: whether the quantizer is written as the official code has it.
    """
    torch.manual_seed(0)
    arcvq = ArcVQ(
        64,
        16,
        codebook_weight=0.25,
        commitment_weight=1.0,
        radius=ExponentialRadius(5e-3),
        margin=ArcMarginLoss(SCALE),
        margin_weight=ExponentialDecay(1.0, 1e-2),
    )
    written = OfficialArcVQ(arcvq, SCALE) if official else arcvq
    quantizer = cast("Quantizer", written)
    autoencoder = VQGAN(
        3,
        quantizer,
        channels=32,
        multipliers=(1, 1, 2, 2),
        residual_blocks=1,
        attention_resolutions=(side // 8,),
        resolution=side,
    )
    critic = PatchCritic(3, channels=8, layers=3)
    generator = torch.Generator().manual_seed(1)
    return Game(
        autoencoder,
        critic,
        PerceptualDistance("random", dropout=dropout),
        (_adam(autoencoder), _adam(critic)),
        torch.rand(batch, 3, side, side, generator=generator) * 2 - 1,
    )


def official_order(batch: int = BATCH, side: int = SIDE, steps: int = STEPS) -> Call:
    """The official order of operations, written down.

    Each of the two optimisers has a pass of its own, in which the autoencoder runs and
    the reconstruction is judged, LPIPS included, while the other's weights rest. λ
    takes two gradients at the last layer, and the total a third one.
    """
    game = build(batch=batch, side=side, dropout=True, official=True)
    autoencoder, critic, perceptual, (first, second), images = game
    of_autoencoder = FirstGradients(autoencoder, first)
    of_critic = FirstGradients(critic, second)

    def judged(reconstruction: Tensor) -> Tensor:
        error = (images - reconstruction).abs()
        mean: Tensor = (error + perceptual(images, reconstruction)).mean()
        return mean

    counted = count()

    def call() -> dict[str, Tensor]:
        totals, hinges = [], []
        for step in islice(counted, steps):
            torch.manual_seed(step)  # of LPIPS's dropout
            _only(autoencoder, critic)
            output = autoencoder(images, step=step)
            nll = judged(output.reconstruction)
            gan = -critic(output.reconstruction).mean()
            last = autoencoder.last_layer
            pull = torch.autograd.grad(nll, last, retain_graph=True)[0].norm()
            against = torch.autograd.grad(gan, last, retain_graph=True)[0].norm()
            weight = (pull / (against + 1e-4)).clamp(0, 1e4).detach()
            total = nll + CRITIC_WEIGHT * weight * gan + output.quantized.loss
            _move(total, first)

            _only(critic, autoencoder)
            output = autoencoder(images, step=step)
            judged(output.reconstruction)
            real, fake = critic(images), critic(output.reconstruction.detach())
            hinge = (F.relu(1 - real).mean() + F.relu(1 + fake).mean()) / 2
            _move(hinge, second)
            totals.append(total.detach())
            hinges.append(hinge.detach())
        return _results(totals, hinges, of_autoencoder, of_critic)

    return call


def ours(
    order: Update, batch: int = BATCH, side: int = SIDE, steps: int = STEPS
) -> Call:
    """What `arcvq train` does with a batch, by either update."""
    dropout = order is official_update
    game = build(batch=batch, side=side, dropout=dropout, official=False)
    of_autoencoder = FirstGradients(game.autoencoder, game.optimizers[0])
    of_critic = FirstGradients(game.critic, game.optimizers[1])
    recipe = _recipe(game, order)
    counted = count()

    def call() -> dict[str, Tensor]:
        totals, hinges = [], []
        with freed_memory_kept():
            for step in islice(counted, steps):
                torch.manual_seed(step)
                terms = recipe.update([game.images], step)
                totals.append(terms["total"])
                hinges.append(terms["critic"])
        return _results(totals, hinges, of_autoencoder, of_critic)

    return call


def floor(batch: int = BATCH, side: int = SIDE, steps: int = STEPS) -> Call:
    """Every network once forward and once back for each loss, λ being 1."""
    game = build(batch=batch, side=side, dropout=False, official=False)
    autoencoder, critic, perceptual, (first, second), images = game
    counted = count()

    def step_once(step: int) -> None:
        _only(autoencoder, critic)
        output = autoencoder(images, step=step)
        error = (images - output.reconstruction).abs()
        error = error + perceptual(images, output.reconstruction)
        gan = -critic(output.reconstruction).mean()
        _move(error.mean() + gan + output.quantized.loss, first)
        _only(critic, autoencoder)
        fake = critic(output.reconstruction.detach())
        _move(fake.mean() - critic(images).mean(), second)

    def call() -> None:
        with freed_memory_kept():
            for step in islice(counted, steps):
                step_once(step)

    return call


def _only(trained: nn.Module, resting: nn.Module) -> None:
    """Let one network have gradients and the other none."""
    trained.requires_grad_(True)
    resting.requires_grad_(False)


def _move(total: Tensor, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad()
    total.backward()
    optimizer.step()


def _adam(network: nn.Module) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        network.parameters(), LEARNING_RATE, betas=(0.5, 0.9), weight_decay=0.0
    )


def _recipe(game: Game, order: Update) -> VQGANRecipe:
    """As a run on one process has it."""
    watch = LossWatch(Processes(rank=0, world_size=1, device=torch.device("cpu")))
    networks = {"autoencoder": game.autoencoder, "critic": game.critic}
    steppers = [
        Stepper(name, list(network.parameters()), optimizer, watch)
        for (name, network), optimizer in zip(
            networks.items(), game.optimizers, strict=True
        )
    ]
    return VQGANRecipe(
        autoencoder=game.autoencoder,
        critic=game.critic,
        placed=(game.autoencoder, game.critic),
        steppers=(steppers[0], steppers[1]),
        objective=VQGANObjective(
            perceptual=game.perceptual,
            critic_start=0,
            critic_weight=CRITIC_WEIGHT,
            watch=watch.check,
        ),
        watch=watch,
        order=order,
    )


def _results(
    totals: list[Tensor], hinges: list[Tensor], *gradients: FirstGradients
) -> dict[str, Tensor]:
    results = {"totals": torch.stack(totals), "critic's losses": torch.stack(hinges)}
    for whose, one in zip(("autoencoder", "critic"), gradients, strict=True):
        # Many are 0 but for rounding: a group norm takes the bias before it away. So
        # each is held beside the network's largest, not beside its own.
        flat = [gradient.flatten() for gradient in one.found.values()]
        results[f"gradients of the {whose}"] = torch.cat(flat)
    return results


OFFICIAL, FAST = "arcvq_lite, official", "arcvq_lite, fast"
ORDER = "official order"

BENCHMARKS = (
    Benchmark(
        name="vqgan_step",
        says=(
            f"{STEPS} training steps of a small VQGAN and its critic, with LPIPS, on "
            f"{BATCH} images of {SIDE}×{SIDE}."
        ),
        contestants=(
            Contestant(ORDER, official_order, package="lpips"),
            Contestant(OFFICIAL, partial(ours, official_update), package="lpips"),
            # Its λ is another one by design, so its gradients are, too; where λ is
            # equal they are, which tests/unit/test_updates.py holds.
            Contestant(
                FAST, partial(ours, fast_update), compared=False, package="lpips"
            ),
            Contestant("floor", floor, compared=False, package="lpips"),
        ),
        targets=(Target(FAST, ORDER, "seconds", at_most=1 / 1.25),),
        tolerance=1e-3,
    ),
)
