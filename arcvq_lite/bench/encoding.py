"""The tokens of a whole set, against what the model alone takes for them."""

from __future__ import annotations

import torch
from torch import Tensor

from arcvq_lite.bench.benchmark import Benchmark, Call, Contestant, Target
from arcvq_lite.bench.photograph_folder import (
    PHOTOGRAPHS,
    photograph_folder,
    removed_with,
)
from arcvq_lite.data.batches import one_pass
from arcvq_lite.data.source import open_source
from arcvq_lite.evaluation.coding import encode
from arcvq_lite.models import VQVAE
from arcvq_lite.quantizers import ArcVQ

SIZE, BATCH_SIZE, EACH = 256, 8, 24
CODES, DIM = 512, 64
SHARE = 0.9  # of the model's own rate


def model() -> VQVAE:
    """The official VQ-VAE, as it begins."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return VQVAE(3, ArcVQ(CODES, DIM)).eval()


def forward() -> Call:
    """The model's own rate: batches that lie in memory, nothing read or written."""
    photographs = photograph_folder(EACH)
    source, tokenizer = open_source(photographs), model()
    batches = [
        batch.images for batch in one_pass(source, size=SIZE, batch_size=BATCH_SIZE)
    ]

    @torch.no_grad()
    def call() -> dict[str, Tensor]:
        return {"tokens": torch.cat([tokenizer.encode(images) for images in batches])}

    return removed_with(call, photographs)


def reading() -> Call:
    """The images alone, which `arcvq encode` reads beside the model's work."""
    photographs = photograph_folder(EACH)
    source = open_source(photographs)

    def call() -> None:
        for _ in one_pass(source, size=SIZE, batch_size=BATCH_SIZE):
            pass

    return removed_with(call, photographs)


def ours() -> Call:
    """What `arcvq encode` does once it has the model: read, encode, write the file."""
    photographs = photograph_folder(EACH)
    source, tokenizer = open_source(photographs), model()
    out = photographs / "tokens.npz"

    def call() -> dict[str, Tensor]:
        written = encode(tokenizer, source, out, size=SIZE, batch_size=BATCH_SIZE)
        return {"tokens": torch.from_numpy(written.indices.astype("int64"))}

    return removed_with(call, photographs)


BENCHMARKS = (
    Benchmark(
        name="encoding",
        says="96 JPEGs of 500×375 pixels to tokens of a VQ-VAE of the official size.",
        contestants=(
            Contestant("forward alone", forward, package=PHOTOGRAPHS),
            Contestant("reading alone", reading, compared=False, package=PHOTOGRAPHS),
            Contestant("arcvq_lite", ours, package=PHOTOGRAPHS),
        ),
        targets=(Target("arcvq_lite", "forward alone", "seconds", 1 / SHARE),),
        tolerance=0.0,
    ),
)
