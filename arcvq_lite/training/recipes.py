"""The recipe of a run, built from its options."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import nn

from arcvq_lite.models import VQGAN, VQVAE, HypersphericalVAE, PatchCritic
from arcvq_lite.objective import VQGANObjective
from arcvq_lite.perceptual import PerceptualDistance
from arcvq_lite.training.batch_losses import (
    hyperspherical_loss,
    prior_loss,
    unconditional_prior_loss,
    vqvae_loss,
)
from arcvq_lite.training.build import build_autoencoder, build_prior
from arcvq_lite.training.images import TrainingImages
from arcvq_lite.training.loss_watch import LossWatch
from arcvq_lite.training.model_options import VQGANOptions
from arcvq_lite.training.one_network_recipe import OneNetworkRecipe
from arcvq_lite.training.options import TrainOptions
from arcvq_lite.training.placement import place
from arcvq_lite.training.processes import Processes
from arcvq_lite.training.recipe import Recipe
from arcvq_lite.training.stepper import Stepper
from arcvq_lite.training.tokens import TokensInMemory
from arcvq_lite.training.vqgan_recipe import VQGANRecipe
from arcvq_lite.updates import fast_update, official_update


def build_recipe(
    options: TrainOptions,
    examples: TrainingImages | TokensInMemory,
    processes: Processes,
    watch: LossWatch,
) -> Recipe:
    """Networks with their first weights, placed, and their optimisers.

    Args:
        options: of the run; `run.seed` decides the weights.
        examples: what it trains on.
        processes: the ranks.
        watch: checks every loss.

    Raises:
        ValueError: if a size is out of its range.
        ModuleNotFoundError: if a VQGAN lacks the package of its perceptual loss.
    """
    torch.manual_seed(options.run.seed)
    if isinstance(examples, TokensInMemory):
        return _prior_recipe(options, examples, processes, watch)
    autoencoder = build_autoencoder(options, examples.channels, examples.size)
    if isinstance(autoencoder, VQGAN):
        return _vqgan_recipe(options, autoencoder, processes, watch)
    return _autoencoder_recipe(options, autoencoder, examples, processes, watch)


def _autoencoder_recipe(
    options: TrainOptions,
    autoencoder: VQVAE | HypersphericalVAE,
    images: TrainingImages,
    processes: Processes,
    watch: LossWatch,
) -> Recipe:
    section = options.vqvae or options.hyperspherical_vae
    assert section is not None
    loss = vqvae_loss if isinstance(autoencoder, VQVAE) else hyperspherical_loss
    placed = place(autoencoder, options.run, processes)
    return OneNetworkRecipe(
        network=autoencoder,
        placed=placed,
        stepper=_stepper("autoencoder", autoencoder, options, watch),
        watch=watch,
        loss=partial(loss, variance=_variance(section.variance, images, processes)),
        precision=_precision(options),
    )


def _vqgan_recipe(
    options: TrainOptions,
    autoencoder: VQGAN,
    processes: Processes,
    watch: LossWatch,
) -> Recipe:
    assert options.vqgan is not None
    vqgan = options.vqgan
    critic = PatchCritic(
        autoencoder.in_channels, vqgan.critic.channels, vqgan.critic.layers
    )
    objective = VQGANObjective(
        perceptual=_perceptual(vqgan, processes),
        perceptual_weight=vqgan.perceptual_weight,
        critic_start=vqgan.critic.start,
        critic_weight=vqgan.critic.weight,
        watch=watch.check,
    )
    placed = [place(part, options.run, processes) for part in (autoencoder, critic)]
    return VQGANRecipe(
        autoencoder=autoencoder,
        critic=critic,
        placed=(placed[0], placed[1]),
        steppers=(
            _stepper("autoencoder", autoencoder, options, watch),
            _stepper("critic", critic, options, watch),
        ),
        objective=objective,
        watch=watch,
        order=official_update if vqgan.update == "official" else fast_update,
        precision=_precision(options),
    )


def _prior_recipe(
    options: TrainOptions,
    examples: TokensInMemory,
    processes: Processes,
    watch: LossWatch,
) -> Recipe:
    assert options.prior is not None
    tokens = examples.tokens
    prior = build_prior(
        options.prior, tokens.num_codes, examples.length, len(tokens.class_names)
    )
    return OneNetworkRecipe(
        network=prior,
        placed=place(prior, options.run, processes),
        stepper=_stepper("prior", prior, options, watch),
        watch=watch,
        loss=unconditional_prior_loss if prior.classes is None else prior_loss,
        precision=_precision(options),
    )


def _variance(
    given: float | None, images: TrainingImages, processes: Processes
) -> float:
    """What the squared error is divided by; None measures it, on one rank."""
    return processes.by_first(images.variance) if given is None else given


def _perceptual(
    options: VQGANOptions, processes: Processes
) -> PerceptualDistance | None:
    """LPIPS, whose weights one rank fetches and the others find there."""
    weights = options.perceptual
    if weights is None:
        return None
    made: list[PerceptualDistance] = []

    def make() -> None:
        dropout = options.update == "official"
        made.append(PerceptualDistance(weights, dropout=dropout))

    processes.by_first(make)
    if not processes.first:
        make()
    return made[0].to(processes.device)


def _stepper(
    name: str, network: nn.Module, options: TrainOptions, watch: LossWatch
) -> Stepper:
    """A network's AdamW; the network is on its device already."""
    weights = list(network.parameters())
    clip = options.optimizer.clip
    adam = torch.optim.AdamW(
        weights,
        lr=options.optimizer.rate(options.data.batch_size),
        betas=options.optimizer.betas,
        weight_decay=options.optimizer.weight_decay,
    )
    return Stepper(name, weights, adam, watch, math.inf if clip is None else clip)


def _precision(options: TrainOptions) -> torch.dtype:
    return torch.bfloat16 if options.run.precision == "bfloat16" else torch.float32
