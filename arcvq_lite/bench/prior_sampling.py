"""Drawing 256 tokens from a prior: keys and values remembered, or all read anew."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from arcvq_lite.bench.benchmark import Benchmark, Call, Contestant, Target
from arcvq_lite.prior import TokenPrior, sample

LENGTH, CODES, COUNT = 256, 1_024, 4


def prior() -> TokenPrior:
    """A prior of the default size, as it begins."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return TokenPrior(CODES, LENGTH).eval()


def sampling(cached: bool) -> Call:
    """The library's `sample`, with or without the memory of keys and values."""
    trained = prior()

    def call() -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(0)
        return {"codes": sample(trained, COUNT, cached=cached, generator=generator)}

    return call


def floor() -> Call:
    """Every matrix of the prior applied once a token; no attention and no draw."""
    trained = prior()
    blocks: list[Any] = list(trained.blocks)
    x = torch.randn(COUNT, trained.position.shape[1])

    @torch.no_grad()
    def call() -> None:
        for _ in range(LENGTH):
            for block in blocks:
                block.attention.query_key_value(x)
                block.network(block.attention.project(x))
            trained.head(x)

    return call


BENCHMARKS = (
    Benchmark(
        name="prior_sampling",
        says="Four sequences of 256 tokens from a prior of the default size.",
        contestants=(
            Contestant("uncached", partial(sampling, cached=False)),
            Contestant("floor", floor, compared=False),
            Contestant("arcvq_lite", partial(sampling, cached=True)),
        ),
        targets=(Target("arcvq_lite", "uncached", "seconds", 1 / 5),),
        tolerance=0.0,
        quick=True,
    ),
)
