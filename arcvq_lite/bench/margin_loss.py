"""The margin loss of an ImageNet batch, forward and backward."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.bench.benchmark import Benchmark, Call, Contestant, Growth, Target
from arcvq_lite.losses import arc_margin_loss, margin_of_rows

TOKENS, CODES, DIM = 32_768, 1_024, 16
SCALE, MARGIN = 10.0, 0.1
# The floor's block of rows, which its caches hold as the library's does.
_FLOOR_ROWS = 32


def batch(tokens: int, codes: int) -> tuple[Tensor, Tensor]:
    """Latents (N, D) that want a gradient, and codes (K, D)."""
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(tokens, DIM, generator=generator).requires_grad_()
    return latents, torch.randn(codes, DIM, generator=generator)


def plain(tokens: int = TOKENS, codes: int = CODES, top_k: int = 3) -> Call:
    """The formula, written down: one matrix of cosines, autograd's gradient."""
    latents, codebook = batch(tokens, codes)

    def call() -> dict[str, Tensor]:
        cosine = F.normalize(codebook, dim=1) @ F.normalize(latents, dim=1).T  # (K, N)
        loss = margin_of_rows(cosine, scale=SCALE, margin=MARGIN, top_k=top_k).mean()
        return _with_gradient(loss, latents)

    return call


def official(top_k: int = 3) -> Call:
    """As the official code goes about it: arc cosines, exponentials, a mask of 0 and 1.

    No logarithm of a sum is made stable, and the angles past π are not guarded.
    """
    latents, codebook = batch(TOKENS, CODES)

    def call() -> dict[str, Tensor]:
        cosine = F.normalize(codebook, dim=1) @ F.normalize(latents, dim=1).T  # (K, N)
        bounded = cosine.clamp(-1 + 1e-7, 1 - 1e-7)
        places = bounded.topk(top_k, dim=1).indices
        mask = torch.zeros_like(bounded).scatter(1, places, 1.0)
        advanced = torch.cos(torch.acos(bounded) + MARGIN)
        called = (torch.exp(SCALE * advanced) * mask).sum(dim=1)
        uncalled = (torch.exp(SCALE * bounded) * (1 - mask)).sum(dim=1)
        loss = -torch.log(called / (called + uncalled)).mean()
        return _with_gradient(loss, latents)

    return call


def metric_learning() -> Call:
    """pytorch-metric-learning's ArcFace with the roles swapped: latents are classes."""
    from pytorch_metric_learning.losses import ArcFaceLoss

    latents, codebook = batch(TOKENS, CODES)
    arcface = ArcFaceLoss(TOKENS, DIM, margin=math.degrees(MARGIN), scale=SCALE)
    arcface.W = torch.nn.Parameter(latents.detach().T.clone())

    def call() -> dict[str, Tensor]:
        with torch.no_grad():
            cosine = F.normalize(codebook, dim=1) @ F.normalize(arcface.W, dim=0)
            nearest = cosine.argmax(dim=1)  # (K,)
        loss = arcface(codebook, nearest)
        (gradient,) = torch.autograd.grad(loss, arcface.W)
        return {"loss": loss.detach(), "gradient": gradient.T}

    return call


def ours(tokens: int = TOKENS, codes: int = CODES, top_k: int = 3) -> Call:
    """The library's loss."""
    latents, codebook = batch(tokens, codes)

    def call() -> dict[str, Tensor]:
        loss = arc_margin_loss(
            latents, codebook, scale=SCALE, margin=MARGIN, top_k=top_k
        )
        return _with_gradient(loss, latents)

    return call


def floor() -> Call:
    """Two matrix products and one exponential of K × N, in blocks that caches hold."""
    latents, codebook = batch(TOKENS, CODES)
    directions, codes = F.normalize(latents.detach()), F.normalize(codebook)

    def call() -> None:
        block = torch.empty(_FLOOR_ROWS, TOKENS)
        gradient = torch.zeros(DIM, TOKENS)
        for part in codes.split(_FLOOR_ROWS):
            torch.mm(part, directions.T, out=block).exp_()
            gradient.addmm_(part.T, block)

    return call


def _with_gradient(loss: Tensor, latents: Tensor) -> dict[str, Tensor]:
    (gradient,) = torch.autograd.grad(loss, latents)
    return {"loss": loss.detach(), "gradient": gradient}


_SAYS = (
    "The margin loss of 32,768 latents at 1,024 codes in 16 dimensions, "
    "with its gradient"
)
_LIMIT = 1.05

BENCHMARKS = (
    Benchmark(
        name="margin_loss",
        says=f"{_SAYS}.",
        contestants=(
            Contestant("plain formula", plain),
            Contestant("official code's way", official),
            Contestant("arcvq_lite", ours),
            Contestant("floor", floor, compared=False),
        ),
        targets=(
            Target("arcvq_lite", "plain formula", "seconds", 1 / 6),
            Target("arcvq_lite", "plain formula", "memory", 1 / 12),
            Target("arcvq_lite", "floor", "seconds", 1.2),
        ),
        tolerance=1e-4,
        quick=True,
        growths=(
            Growth(
                "arcvq_lite",
                "K",
                (1_024, 4_096, 16_384, 65_536),
                partial(ours, TOKENS),
                _LIMIT,
                other_sizes="N = 32,768",
            ),
            Growth(
                "plain formula",
                "K",
                (256, 512, 1_024, 2_048),
                partial(plain, TOKENS),
                other_sizes="N = 32,768",
            ),
            Growth(
                "arcvq_lite",
                "N",
                (8_192, 16_384, 32_768, 65_536),
                partial(ours, codes=CODES),
                _LIMIT,
                other_sizes="K = 1,024",
            ),
            Growth(
                "plain formula",
                "N",
                (8_192, 16_384, 32_768, 65_536),
                partial(plain, codes=CODES),
                other_sizes="K = 1,024",
            ),
        ),
    ),
    Benchmark(
        name="margin_loss_top_1",
        says=f"{_SAYS}, for one positive a code, which ArcFace with swapped roles is.",
        contestants=(
            Contestant("plain formula", partial(plain, top_k=1)),
            Contestant(
                "pytorch-metric-learning",
                metric_learning,
                package="pytorch-metric-learning",
            ),
            Contestant("arcvq_lite", partial(ours, top_k=1)),
        ),
        targets=(),
        tolerance=1e-4,
    ),
)
