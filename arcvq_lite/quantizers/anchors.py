"""Anchors: for each code a latent of all processes, the more similar the likelier."""

from __future__ import annotations

import torch
from torch import Tensor
from torch import distributed as dist
from torch.nn import functional as F

from arcvq_lite.layout import float32_island
from arcvq_lite.quantizers.gumbel import gumbel_noise
from arcvq_lite.quantizers.processes import several_processes, sum_over_processes


def cosines(tokens: Tensor, codebook: Tensor) -> Tensor:
    """cos(z_i, e_k) (N, K) of tokens (N, D) and codes (K, D)."""
    with float32_island(tokens) as exact:
        directions = F.normalize(exact(codebook), dim=1)
        return F.normalize(exact(tokens), dim=1) @ directions.T


def negative_squared_distances(tokens: Tensor, codebook: Tensor) -> Tensor:
    """−‖z_i − e_k‖² (N, K), but for a term of each code, which no softmax sees.

    That term, ‖e_k‖², would cost the digits of a code far away.
    """
    with float32_island(tokens) as exact:
        centre = exact(codebook).mean(dim=0)
        codes, rows = exact(codebook) - centre, exact(tokens) - centre
        return 2 * rows @ codes.T - rows.square().sum(dim=1, keepdim=True)


def drawn_anchors(tokens: Tensor, similarities: Tensor) -> Tensor:
    """For each code a token of all processes, the more similar the likelier.

    The largest similarity with Gumbel noise falls on a token with the softmax's
    probability, and is found on each process and then among them: no token travels.

    Args:
        tokens: (N, D) of this process.
        similarities: s (N, K) of this process's tokens and the codes.

    Returns:
        (K, D), the same on all processes.
    """
    # The difference of two infinities is no number, and never the largest.
    scores = torch.nan_to_num(similarities + gumbel_noise(similarities), nan=-torch.inf)
    best, winners = scores.max(dim=0)  # (K,) both
    offers = tokens[winners].to(best.dtype)  # (K, D)
    if several_processes():
        offers = offers * _won_here(best)[:, None]
        sum_over_processes(offers)
    return offers


def _won_here(best: Tensor) -> Tensor:
    """Whether this process has the largest score of each code (K,), it alone."""
    largest, rank = best.clone(), dist.get_rank()
    dist.all_reduce(largest, dist.ReduceOp.MAX)
    first = torch.where(best == largest, rank, dist.get_world_size())
    dist.all_reduce(first, dist.ReduceOp.MIN)
    return first == rank
