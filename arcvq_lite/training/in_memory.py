"""train_vqvae: what a chapter calls to train a small model and draw its history."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from arcvq_lite.geometry import codebook_geometry
from arcvq_lite.kept_memory import freed_memory_kept
from arcvq_lite.layout import NonFiniteLatentsError
from arcvq_lite.models.vqvae import VQVAE, check_images
from arcvq_lite.training.divergence import DivergenceError
from arcvq_lite.training.history import History
from arcvq_lite.usage import codebook_sizes, codebook_use, count_codes

_PROBE_IMAGES = 512
_SHOWN = ("psnr", "usage")


def train_vqvae(
    model: VQVAE,
    images: Tensor,
    *,
    held_out: Tensor | None = None,
    steps: int = 600,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    seed: int = 0,
    log_every: int = 50,
    progress: bool = True,
) -> History:
    """Train a VQ-VAE with Adam on images held in memory.

    The objective is mse(reconstruction, images) / variance(images) + the
    quantizer's loss, the official one with the variance of the data given. Batches
    follow a permutation a pass, drawn from the seed; the global random state is
    left as it was. Initial weights come from the model: seed before you build it.

    Logged every `log_every` steps and at the last: the batch's `total` and
    `reconstruction`, every term of the quantizer, the codebook's `norm_mean`,
    `norm_min`, `norm_max` and `nearest_angle` (degrees), and over the probe
    `psnr` (dB, for images in [−1, 1]), `usage` and `perplexity`. The probe is
    `held_out`, or else the first 512 training images.

    Args:
        model: a `VQVAE` with any quantizer, trained in place, left in eval mode.
        images: (N, C, H, W) in [−1, 1].
        held_out: (M, C, H, W), never trained on.
        steps: batches to train on, numbered from 0.
        batch_size: images a batch, at most N.
        learning_rate: of Adam.
        seed: of the order of the images and of restarted codes.
        log_every: steps between two rows of the history.
        progress: whether to show a bar.

    Returns:
        The `History`.

    Raises:
        TypeError: if the images are not floating point.
        ValueError: if an option is out of its range, or a shape is refused.
        DivergenceError: if the loss is not finite, with step and terms.
    """
    _check(model, images, held_out, steps, batch_size, learning_rate, log_every)
    probe = images[:_PROBE_IMAGES] if held_out is None else held_out
    variance = images.var()
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    batches = _batches(images, batch_size, seed)
    history = History()

    forked = torch.random.fork_rng(devices=[images.device] if images.is_cuda else [])
    with forked, freed_memory_kept():
        _seed(images, seed)
        # tqdm's notebook bar does not read its own environment variable.
        silent = not progress or os.environ.get("TQDM_DISABLE", "0") != "0"
        bar = tqdm(range(steps), leave=False, disable=silent)
        losses: dict[str, Tensor] = {}
        for step in bar:
            try:
                losses = _losses(model.train(), next(batches), variance, step)
                _stop_if_not_finite(losses["total"])
                optimizer.zero_grad(set_to_none=True)
                losses["total"].backward()
                optimizer.step()

                if step % log_every == 0 or step == steps - 1:
                    row = {name: value.item() for name, value in losses.items()}
                    row |= _codebook_row(model) | evaluate_vqvae(model, probe)
                    history.append(step, row)
                    bar.set_postfix({name: f"{row[name]:.3g}" for name in _SHOWN})
            except (NonFiniteLatentsError, FloatingPointError) as error:
                terms = ", ".join(
                    f"{name}={losses[name].item():.4g}" for name in losses
                )
                raise DivergenceError(
                    f"step {step}: {error} (last terms: {terms}); "
                    "try a smaller learning_rate"
                ) from error
    model.eval()
    return history


@torch.no_grad()
def evaluate_vqvae(
    model: VQVAE, images: Tensor, *, batch_size: int = 64
) -> dict[str, float]:
    """PSNR, usage and perplexity of a model over a whole set, in eval mode.

    Args:
        model: a `VQVAE`, left in eval mode.
        images: (N, C, H, W) in [−1, 1].
        batch_size: images a forward pass; changes nothing but memory.

    Returns:
        `psnr` in dB, from the squared error over all pixels of the set with a peak
        of 2, reconstructions clamped to [−1, 1]; `usage` in [0, 1]; `perplexity`.
    """
    model.eval()
    num_codes = model.quantizer.num_codes
    sizes = codebook_sizes(num_codes)
    counts = torch.zeros(sum(sizes), dtype=torch.int64, device=images.device)
    squared_error = 0.0
    for batch in images.split(batch_size):
        reconstruction, quantized = model(batch)
        difference = reconstruction.clamp(-1, 1) - batch
        squared_error += (
            difference.square().sum(dim=(1, 2, 3)).cpu().double().sum().item()
        )
        counts += count_codes(quantized.indices, num_codes)
    mean = max(squared_error / images.numel(), 1e-12)  # 126 dB for no error at all
    used = codebook_use(counts, len(sizes))
    return {
        "psnr": 10 * math.log10(4 / mean),
        "usage": used["usage"].item(),
        "perplexity": used["perplexity"].item(),
    }


def _batches(images: Tensor, batch_size: int, seed: int) -> Iterator[Tensor]:
    """Endless batches: a new permutation each pass, an incomplete last one left."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(images), generator=generator)
        for start in range(0, len(images) - batch_size + 1, batch_size):
            yield images[order[start : start + batch_size].to(images.device)]


def _codebook_row(model: VQVAE) -> dict[str, float]:
    geometry = codebook_geometry(model.quantizer.codebook)
    return {
        "norm_mean": geometry.norms.mean().item(),
        "norm_min": geometry.norms.min().item(),
        "norm_max": geometry.norms.max().item(),
        "nearest_angle": geometry.mean_nearest_angle,
    }


def _losses(
    model: VQVAE, batch: Tensor, variance: Tensor, step: int
) -> dict[str, Tensor]:
    """The objective of a batch (B, C, H, W) under "total", and its parts by name."""
    reconstruction, quantized = model(batch, step=step)
    squared_error = F.mse_loss(reconstruction, batch) / variance
    total = squared_error + quantized.loss
    return {"total": total, "reconstruction": squared_error, **quantized.terms}


def _stop_if_not_finite(total: Tensor) -> None:
    if not torch.isfinite(total):
        raise FloatingPointError("the loss is not finite")


def _seed(images: Tensor, seed: int) -> None:
    """Seed the generators that `fork_rng` puts back afterwards, and no other."""
    torch.default_generator.manual_seed(seed)
    if images.is_cuda:
        with torch.cuda.device(images.device):
            torch.cuda.manual_seed(seed)


def _check(
    model: VQVAE,
    images: Tensor,
    held_out: Tensor | None,
    steps: int,
    batch_size: int,
    learning_rate: float,
    log_every: int,
) -> None:
    for name, given in (("images", images), ("held_out", held_out)):
        if given is not None:
            check_images(given, model.in_channels, multiple=4, name=name)
            # The extremes carry any NaN, and need no copy of the whole set.
            if not all(map(math.isfinite, _extremes(given))):
                raise ValueError(f"{name} contain NaN or infinity")
    low, high = _extremes(images)
    if low == high:
        raise ValueError("images are all of one grey: their variance is 0")
    if not 1 <= batch_size <= len(images):
        raise ValueError(f"batch_size={batch_size} must lie in 1 … {len(images)}")
    if steps < 1 or log_every < 1:
        raise ValueError(f"steps={steps} and log_every={log_every} must be at least 1")
    if not 0 < learning_rate < math.inf:
        raise ValueError(f"learning_rate={learning_rate} must be above 0 and finite")


def _extremes(images: Tensor) -> tuple[float, float]:
    """The smallest and the largest entry; both NaN where there is one."""
    low, high = torch.aminmax(images)
    return low.item(), high.item()
