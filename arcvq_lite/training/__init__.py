"""Trainers: one for images in memory, one for any set on one or many processes.

The second is not imported here, so that a chapter which trains a small model waits
for nothing else: its parts are `arcvq_lite.training.options`, where a run is
described, and `arcvq_lite.training.command`, which trains it.
"""

from arcvq_lite.training.divergence import DivergenceError
from arcvq_lite.training.history import History
from arcvq_lite.training.in_memory import evaluate_vqvae, train_vqvae

__all__ = ["DivergenceError", "History", "evaluate_vqvae", "train_vqvae"]
