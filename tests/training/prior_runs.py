"""Small runs of a prior, and tokens to train them on."""

import numpy as np

from arcvq_lite.data.token_file import TokenSet
from arcvq_lite.training.model_options import PriorOptions
from arcvq_lite.training.options import (
    DataOptions,
    OptimizerOptions,
    RunOptions,
    TrainOptions,
)

CODES, COUNT = 8, 40
TINY = PriorOptions(width=16, layers=1, heads=2, dropout=0.1, classes="labels")


def counting_tokens(path, codebook_sha256="0" * 64, count=COUNT, num_codes=CODES):
    """Pictures of 2×2 tokens that count on from a number, by 1 or 3 by their class."""
    numbers = np.arange(count)
    labels = numbers % 2
    places = np.arange(4).reshape(1, 2, 2)
    by = (1 + 2 * labels)[:, None, None]
    indices = (numbers[:, None, None] // 2 + by * places) % CODES
    TokenSet(
        indices=indices.astype(np.uint16),
        labels=labels.astype(np.int64),
        names=tuple(f"{number}.png" for number in numbers),
        class_names=("ones", "threes"),
        num_codes=num_codes,
        codebook_sha256=codebook_sha256,
    ).save(path)
    return path


def prior_run(tokens, folder, *, prior=TINY, rate=1e-3, weight_decay=0.0, **run):
    run = {"steps": 8, "log_every": 1, "save_every": 3, "ema_decay": 0.9} | run
    return TrainOptions(
        data=DataOptions(source=str(tokens), batch_size=8),
        optimizer=OptimizerOptions(
            learning_rate=rate, clip=1.0, weight_decay=weight_decay
        ),
        run=RunOptions(folder=str(folder), device="cpu", patience_s=30, **run),
        prior=prior,
    )
