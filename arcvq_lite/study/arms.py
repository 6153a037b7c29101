"""One run of an arm, all that decides it, and the autoencoder that it trains."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from arcvq_lite.losses import ArcMarginLoss
from arcvq_lite.models import VQVAE
from arcvq_lite.quantizers import ArcVQ, Quantizer
from arcvq_lite.schedules import Constant, ConstantRadius, PiecewiseSchedule
from arcvq_lite.study.clock import clocked
from arcvq_lite.study.controls import SwappedAxisMargin, freeze_codebook
from arcvq_lite.study.options import ArmOptions, SettingOptions, StudyOptions
from arcvq_lite.training.build import build_quantizer

# Streams of random numbers of one seed, so that an arm whose codebook draws more than
# another's leaves encoder, decoder and the noise of training as they are.
_CODEBOOK, _NETWORK, _TRAINING = 0, 1, 2
_STREAMS = 3


@dataclass(frozen=True)
class RunPlan:
    """One arm and one seed.

    Args:
        setting: what all arms share.
        arm: the arm's name.
        options: the arm's, its schedules on their clock.
        seed: of weights, codes, order and noise.
    """

    setting: SettingOptions
    arm: str
    options: ArmOptions
    seed: int

    @property
    def name(self) -> str:
        """What its files are called."""
        return f"{self.arm}-seed{self.seed}"

    @property
    def training_seed(self) -> int:
        """Of whatever is drawn while training: restarts, noise."""
        return self.seed * _STREAMS + _TRAINING


def plan_runs(study: StudyOptions) -> list[RunPlan]:
    """All runs, seed by seed, so that a study cut short has whole pairs."""
    return [
        plan_run(study, arm, seed) for seed in study.setting.seeds for arm in study.arms
    ]


def plan_run(study: StudyOptions, arm: str, seed: int) -> RunPlan:
    """One arm at one seed, its schedules on their clock."""
    setting, options = study.setting, study.arms[arm]
    quantizer = clocked(
        options.quantizer,
        options.clock or setting.budget.clock,
        steps=setting.budget.steps,
        learning_rate=setting.optimizer.rate(setting.data.batch_size),
    )
    return RunPlan(setting, arm, replace(options, quantizer=quantizer), seed)


def build_model(plan: RunPlan, channels: int, dimensions: int = 2) -> VQVAE:
    """The autoencoder of a run with its first weights.

    Encoder and decoder of one seed are the same in all arms, and so are the random
    numbers that the codebook is made of. The global random state is left as it was.

    Args:
        plan: of the run.
        channels: of the images or signals.
        dimensions: 2 for images, 1 for signals.
    """
    model = plan.setting.model
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(plan.seed * _STREAMS + _CODEBOOK)
        quantizer = build_quantizer(plan.options.quantizer)
        _compose(quantizer, plan)
        torch.default_generator.manual_seed(plan.seed * _STREAMS + _NETWORK)
        return VQVAE(
            channels,
            quantizer,
            hidden=model.hidden,
            residual_layers=model.residual_layers,
            residual_hidden=model.residual_hidden,
            dimensions=dimensions,
        )


def _compose(quantizer: Quantizer, plan: RunPlan) -> None:
    """Change what only a study changes of a codebook."""
    options, steps = plan.options, plan.setting.budget.steps
    if options.control == "frozen_codebook":
        freeze_codebook(quantizer)
    if not isinstance(quantizer, ArcVQ):
        return  # the options refuse the parts below of any other kind
    if options.control == "swapped_axis" and isinstance(
        quantizer.margin, ArcMarginLoss
    ):
        quantizer.margin = SwappedAxisMargin(quantizer.margin)
    if options.radius_fixed_after is not None and quantizer.radius is not None:
        step = at_share(options.radius_fixed_after, steps)
        settled = ConstantRadius(quantizer.radius(step))
        quantizer.radius = PiecewiseSchedule((quantizer.radius, settled), (step,))
    if options.margin_dropped_after is not None:
        step = at_share(options.margin_dropped_after, steps)
        quantizer.margin_weight = PiecewiseSchedule(
            (quantizer.margin_weight, Constant(0.0)), (step,)
        )


def at_share(share: float, steps: int) -> int:
    """The step that lies at a share of a run, at least the second one."""
    return max(1, round(share * steps))
