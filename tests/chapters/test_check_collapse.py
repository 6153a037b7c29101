"""Chapter 06's checkers pass right answers and name the usual wrong ideas."""

import math

import torch
from torch.nn import functional as F

from arcvq_lite import check


def by_search(codes, usage):
    draws = 1
    while 1 - (1 - 1 / codes) ** draws < usage:
        draws += 1
    return draws


def along(latents, direction):
    return latents @ F.normalize(direction, dim=0)


def parts(latents, codebook):
    """Distances, their minima and the differences of length, each (N, K) or (N, 1)."""
    distance = torch.cdist(latents, codebook)
    gap = latents.norm(dim=1)[:, None] - codebook.norm(dim=1)
    return distance, distance.min(dim=1).values[:, None], gap


def lost(latents, codebook):
    _, delta, gap = parts(latents, codebook)
    return (gap.abs() > delta).all(dim=0)


def lost_one_by_one(latents, codebook):
    found = []
    for code in codebook:
        reach = [
            abs(z.norm() - code.norm()) <= (z - codebook).norm(dim=1).min()
            for z in latents
        ]
        found.append(not any(reach))
    return torch.tensor(found)


def dead(latents, codebook):
    winners = torch.cdist(latents, codebook).argmin(dim=1)
    return winners.bincount(minlength=len(codebook)) == 0


def by_means(latents, codebook):
    _, delta, gap = parts(latents, codebook)
    return gap.mean(dim=0).abs() > delta.mean()


RIGHT = [
    (
        check.tokens_needed,
        lambda k, u: math.ceil(math.log(1 - u) / math.log(1 - 1 / k)),
    ),
    (check.tokens_needed, by_search),
    (check.best_length, lambda z, d: along(z, d).mean().clamp(min=0)),
    (
        check.best_length,
        lambda z, d: max(0.0, (z.mean(dim=0) @ d / d.norm()).item()),
    ),
    (check.restart_threshold, lambda d, p: d ** (p - 1)),
    (check.restart_threshold, lambda d, p: math.exp((p - 0.5) * math.log(d))),
    (check.lost_by_length, lost),
    (check.lost_by_length, lost_one_by_one),
]

WRONG = [
    (check.tokens_needed, lambda k, u: k, "ever repeated"),
    (check.tokens_needed, lambda k, u: k * u, "ever repeated"),
    (
        check.tokens_needed,
        lambda k, u: math.ceil(math.log(u) / math.log(1 - 1 / k)),
        "usage itself",
    ),
    (
        check.tokens_needed,
        lambda k, u: math.log(1 - u) / math.log(1 - 1 / k),
        "round up to",
    ),
    (
        check.tokens_needed,
        lambda k, u: math.floor(math.log(1 - u) / math.log(1 - 1 / k)),
        "one token short",
    ),
    (
        check.tokens_needed,
        lambda k, u: math.ceil(-k * math.log(1 - u)),
        "approximation",
    ),
    (check.tokens_needed, lambda k, u: 10**6, "expected to show"),
    (check.tokens_needed, lambda k, u: math.inf, "finite"),
    (check.best_length, lambda z, d: along(z, d).sum(), "divided by"),
    (check.best_length, lambda z, d: (z @ d).mean(), "normalise it"),
    (check.best_length, lambda z, d: z.norm(dim=1).mean(), "mean length"),
    (check.best_length, lambda z, d: z.mean(dim=0).norm(), "direction were free"),
    (check.best_length, lambda z, d: along(z, d).max(), "single latent"),
    (check.best_length, lambda z, d: 2 * along(z, d).mean(), "Twice too long"),
    (check.best_length, lambda z, d: along(z, d).mean() / 2, "not 2‖e‖"),
    (check.best_length, lambda z, d: 7.0, "is largest at"),
    (check.best_length, lambda z, d: along(z, d).mean(), "never negative"),
    (check.best_length, lambda z, d: along(z, d), "one number"),
    (check.restart_threshold, lambda d, p: d**p, "one batch late"),
    (check.restart_threshold, lambda d, p: 1 - d**p, "forgotten"),
    (check.restart_threshold, lambda d, p: d * p, "added up"),
    (check.restart_threshold, lambda d, p: 1 / p, "not as 1/t"),
    (check.restart_threshold, lambda d, p: 1 - d, "depend on the patience"),
    (check.restart_threshold, lambda d, p: math.exp(-p), "not by 1/e"),
    (check.restart_threshold, lambda d, p: 0.0, "never"),
    (check.restart_threshold, lambda d, p: 0.2, "after 16 batches"),
    (check.lost_by_length, dead, "point away"),
    (check.lost_by_length, lambda z, e: ~lost(z, e), "Upside down"),
    (
        check.lost_by_length,
        lambda z, e: (parts(z, e)[2] > parts(z, e)[1]).all(dim=0),
        "too long as well",
    ),
    (
        check.lost_by_length,
        lambda z, e: (-parts(z, e)[2] > parts(z, e)[1]).all(dim=0),
        "too short as well",
    ),
    (
        check.lost_by_length,
        lambda z, e: (parts(z, e)[2].abs() > parts(z, e)[1]).any(dim=0),
        "not enough",
    ),
    (check.lost_by_length, by_means, "decide nothing"),
    (check.lost_by_length, lambda z, e: lost(z, e).float(), "booleans"),
    (check.lost_by_length, lambda z, e: torch.zeros(len(z)), "shape"),
    (check.lost_by_length, lambda z, e: torch.arange(8) < 1, "Code 0 is 3.5 long"),
]
