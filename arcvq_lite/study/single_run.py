"""train_arm: one arm at one seed, from the first weights to the last row."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor

from arcvq_lite.data.order import ShuffledOrder
from arcvq_lite.models import VQVAE
from arcvq_lite.study.arms import RunPlan, build_model
from arcvq_lite.study.ball_watch import BallWatch
from arcvq_lite.study.measures import Instruments
from arcvq_lite.study.options import logged_steps
from arcvq_lite.training.batch_losses import vqvae_loss
from arcvq_lite.training.divergence import DivergenceError
from arcvq_lite.training.history import History
from arcvq_lite.training.loss_watch import LossWatch
from arcvq_lite.training.one_network_recipe import OneNetworkRecipe
from arcvq_lite.training.processes import Processes
from arcvq_lite.training.stepper import Stepper


def train_arm(
    plan: RunPlan,
    images: Tensor,
    instruments: Instruments,
    said: Callable[[int], None] = lambda step: None,
) -> History:
    """Train one arm at one seed and measure it as it goes.

    The weights at the end are what is judged. No row chooses a checkpoint, since
    the rows are taken on the held-out set.

    The same plan and images give the same numbers, bit for bit, on one machine.
    Only what the seed decides is drawn, from generators of its own; the global
    random state is left as it was.

    Args:
        plan: of the run.
        images: (N, C, H, W), or signals (N, C, T), in [−1, 1], on the device of the
            run; their autoencoder follows from the shape.
        instruments: hold the held-out ones, on the same device.
        said: told the number of updates made, after each.

    Returns:
        A row after every `log_every` updates and after the last: what `Instruments`
        and `BallWatch` measure, and under `train_…` the means of the objective's
        terms over the updates since the row before.

    Raises:
        DivergenceError: if the loss is not finite, with the step.
        ValueError: if the sizes do not fit each other.
    """
    setting = plan.setting
    order = ShuffledOrder(len(images), setting.data.batch_size, plan.seed)
    _, channels, *sides = images.shape
    model = build_model(plan, channels, len(sides)).to(images.device)
    recipe = _recipe(model, plan, images)
    ball = BallWatch(model.quantizer)
    rows = set(logged_steps(setting.budget))
    history, terms = History(), _Means()
    with _reproducible(images.device, plan.training_seed):
        for step in range(setting.budget.steps):
            batch = images[torch.from_numpy(order.indices(step)).to(images.device)]
            model.train()
            ball.look(step)
            try:
                update = partial(recipe.update, [batch], step)
                terms.add(recipe.watch.during(update))
            except DivergenceError as error:
                raise DivergenceError(f"step {step}: {error}") from error
            if step + 1 in rows:
                row = {**instruments.measure(model), **ball.row(), **terms.row()}
                history.append(step + 1, row)
            said(step + 1)
    return history


class _Means:
    """Means of the objective's terms since the last row."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._count = 0

    def add(self, terms: dict[str, Tensor]) -> None:
        for name, value in terms.items():
            so_far = self._sums.get(name, torch.zeros((), dtype=torch.float64))
            self._sums[name] = so_far.to(value.device) + value.detach().double()
        self._count += 1

    def row(self) -> dict[str, float]:
        means = {f"train_{n}": s.item() / self._count for n, s in self._sums.items()}
        self._sums, self._count = {}, 0
        return means


def _recipe(model: VQVAE, plan: RunPlan, images: Tensor) -> OneNetworkRecipe:
    """The trainer's own recipe, alone and in float32."""
    optimizer = plan.setting.optimizer
    watch = LossWatch(Processes(rank=0, world_size=1, device=images.device))
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    adam = torch.optim.AdamW(
        weights,
        lr=optimizer.rate(plan.setting.data.batch_size),
        betas=optimizer.betas,
        weight_decay=optimizer.weight_decay,
    )
    clip = math.inf if optimizer.clip is None else optimizer.clip
    given = plan.setting.model.variance
    variance = images.var().item() if given is None else given
    return OneNetworkRecipe(
        network=model,
        placed=model,
        stepper=Stepper("autoencoder", weights, adam, watch, clip),
        watch=watch,
        loss=partial(vqvae_loss, variance=variance),
    )


@contextmanager
def _reproducible(device: torch.device, seed: int) -> Iterator[None]:
    """Deterministic algorithms and a seeded state; both are put back afterwards."""
    cuda = [device] if device.type == "cuda" else []
    strict = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict)
