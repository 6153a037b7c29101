"""How fast the schedules of a run go: the paper's clock, or one for a short run."""

from __future__ import annotations

import math
from dataclasses import replace

from arcvq_lite.study.options import Clock
from arcvq_lite.training.model_options import QuantizerOptions

# 500 epochs of CIFAR-10 at batch 1,024, 49 batches an epoch.
PAPER_STEPS = 24_500
# α / (η √D) of the official VQ-VAE: 3e-4 / (3e-4 · √64).
PAPER_PACE = 1 / 8


def clocked(
    quantizer: QuantizerOptions, clock: Clock, *, steps: int, learning_rate: float
) -> QuantizerOptions:
    """A codebook's options with its schedules on a clock.

    "paper" leaves all rates as they are written. "stretched" does two things.

        λ ← λ · 24,500 / steps: the margin's weight fades over the run as it does
            over the official one. So does a temperature, whose rate is taken to
            be of a run of that length.
        α ← min(α · 24,500 / steps, η √D / 8): the ball grows so, too, but no faster
            beside the codes than in the official run. Adam moves a code by about
            η √D a step at most, however short the run; a ball with a greater α
            outruns every code and never binds, and its arm is the one without it.

    At the official budget, learning rate and D both clocks are the same. A shrinking
    ball closes at the end of the run on either: its own definition says so.

    Args:
        quantizer: α and λ as the paper's run has them.
        clock: "paper" or "stretched".
        steps: of the run.
        learning_rate: η of Adam.
    """
    radius, margin = quantizer.radius, quantizer.margin
    temperature = quantizer.temperature
    faster = PAPER_STEPS / steps if clock == "stretched" else 1.0
    if radius is not None:
        radius = replace(radius, total_steps=steps)
        if clock == "stretched":
            limit = PAPER_PACE * learning_rate * math.sqrt(quantizer.dim)
            radius = replace(radius, alpha=min(radius.alpha * faster, limit))
    if margin is not None:
        margin = replace(margin, decay=margin.decay * faster)
    if temperature is not None:
        temperature = replace(temperature, rate=temperature.rate * faster)
    return replace(quantizer, radius=radius, margin=margin, temperature=temperature)
