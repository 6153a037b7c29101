"""Chapter 00's checkers pass right answers and name the usual wrong ideas."""

import math

import torch
from torch.nn import functional as F

from arcvq_lite import CodebookUsage, check


def tokens(height, width, factor):
    return (height // factor) * (width // factor)


def cosine(latents, codebook):
    return F.normalize(latents, dim=1) @ F.normalize(codebook, dim=1).T


def distance_of_directions(latents, codebook):
    return torch.cdist(F.normalize(latents, dim=1), F.normalize(codebook, dim=1))


def one_by_one(latents, codebook):
    best = [
        max(
            range(len(codebook)),
            key=lambda j: F.cosine_similarity(row, codebook[j], dim=0).item(),
        )
        for row in latents
    ]
    return torch.tensor(best)


def share(counts):
    return counts / counts.sum()


def nats(counts):
    return torch.special.entr(share(counts)).sum()


def counted(batches, codes):
    return sum(batch.flatten().bincount(minlength=codes) for batch in batches)


def by_metric(batches, codes):
    metric = CodebookUsage(codes)
    for batch in batches:
        metric.update(batch)
    found = metric.compute()
    return found["usage"], found["perplexity"]


def by_set(batches, codes):
    every = torch.cat([batch.flatten() for batch in batches])
    return [len(every.unique()) / codes, math.exp(nats(every.bincount()))]


def mean_over(batches, codes, place):
    return sum(by_set([batch], codes)[place] for batch in batches) / len(batches)


RIGHT = [
    (check.bits_per_picture, lambda h, w, f, k: h * w / f**2 * math.log2(k)),
    (
        check.bits_per_picture,
        lambda h, w, f, k: tokens(h, w, f) * torch.tensor(float(k)).log2(),
    ),
    (check.nearest_by_angle, lambda z, e: cosine(z, e).argmax(dim=1)),
    (check.nearest_by_angle, lambda z, e: (e / e.norm(dim=1)[:, None] @ z.T).argmax(0)),
    (check.nearest_by_angle, lambda z, e: distance_of_directions(z, e).argmin(dim=1)),
    (check.nearest_by_angle, one_by_one),
    (check.perplexity, lambda n: nats(n).exp()),
    (
        check.perplexity,
        lambda n: 2 ** -sum(p * math.log2(p) for p in share(n).tolist() if p),
    ),
    (check.usage_and_perplexity, by_metric),
    (check.usage_and_perplexity, by_set),
]

WRONG = [
    (check.bits_per_picture, lambda h, w, f, k: tokens(h, w, f) * math.log(k), "nats"),
    (check.bits_per_picture, lambda h, w, f, k: tokens(h, w, f) * k, "not K"),
    (check.bits_per_picture, lambda h, w, f, k: tokens(h, w, f), "each of"),
    (check.bits_per_picture, lambda h, w, f, k: h * w * math.log2(k), "every pixel"),
    (check.bits_per_picture, lambda h, w, f, k: h * w / f * math.log2(k), "square"),
    (
        check.bits_per_picture,
        lambda h, w, f, k: tokens(h, w, f) * math.log2(k) / 8,
        "bytes",
    ),
    (check.bits_per_picture, lambda h, w, f, k: tokens(h, w, f) * 8, "K = 256"),
    (check.bits_per_picture, lambda h, w, f, k: h // f * math.log2(k), "one column"),
    (check.bits_per_picture, lambda h, w, f, k: w // f * math.log2(k), "one row"),
    (
        check.bits_per_picture,
        lambda h, w, f, k: tokens(h, w, f) * math.ceil(math.log2(k)),
        "round",
    ),
    (check.bits_per_picture, lambda h, w, f, k: -1, "yours is -1"),
    (check.bits_per_picture, lambda h, w, f, k: "448", "yours is 448"),
    (check.bits_per_picture, lambda h, w, f, k: "many", "one number"),
    (check.nearest_by_angle, lambda z, e: cosine(z, e).argmax(dim=0), "Wrong axis"),
    (check.nearest_by_angle, cosine, "all the cosines"),
    (check.nearest_by_angle, lambda z, e: cosine(z, e).max(dim=1).values, "argmax"),
    (check.nearest_by_angle, lambda z, e: cosine(z, e).argmax(), "one index a latent"),
    (check.nearest_by_angle, lambda z, e: cosine(z, e).argmax(1).tolist(), "not list"),
    (check.nearest_by_angle, lambda z, e: (z @ e.T).argmax(1), "not normalised"),
    (
        check.nearest_by_angle,
        lambda z, e: (F.normalize(z, dim=1) @ e.T).argmax(1),
        "not normalised",
    ),
    (check.nearest_by_angle, lambda z, e: torch.cdist(z, e).argmin(1), "Euclidean"),
    (check.nearest_by_angle, lambda z, e: torch.cdist(z, e).argmax(1), "farthest"),
    (check.nearest_by_angle, lambda z, e: cosine(z, e).argmin(1), "opposite"),
    (
        check.nearest_by_angle,
        lambda z, e: (F.normalize(z, dim=0) @ F.normalize(e, dim=0).T).argmax(1),
        "columns",
    ),
    (
        check.nearest_by_angle,
        lambda z, e: torch.zeros(len(z), dtype=torch.int64),
        "of 40 latents",
    ),
    (check.perplexity, nats, "e to its power"),
    (check.perplexity, lambda n: nats(n) / math.log(2), "2 to its power"),
    (check.perplexity, lambda n: math.exp(nats(n) / math.log(2)), "Two bases"),
    (check.perplexity, lambda n: 2 ** nats(n), "Two bases"),
    (check.perplexity, lambda n: (-nats(n)).exp(), "minus sign"),
    (check.perplexity, lambda n: (n > 0).sum(), "occur at all"),
    (check.perplexity, lambda n: 1 / share(n).square().sum(), "another effective"),
    (
        check.perplexity,
        lambda n: torch.special.entr(share(n)).mean().exp(),
        "not a mean",
    ),
    (
        check.perplexity,
        lambda n: torch.special.entr(n.double()).sum().exp(),
        "by their sum",
    ),
    (check.perplexity, lambda n: (-(share(n) * share(n).log()).sum()).exp(), "0 · ln"),
    (check.perplexity, lambda n: nats(n + 1).exp(), "yours is"),
    (
        check.perplexity,
        lambda n: nats(n).exp() + (n == 0).sum(),
        "counts [5, 0, 5, 0, 0]",
    ),
    (check.perplexity, lambda n: share(n), "one number"),
    (
        check.usage_and_perplexity,
        lambda b, k: (mean_over(b, k, 0), by_set(b, k)[1]),
        "mean of the batches' usages",
    ),
    (
        check.usage_and_perplexity,
        lambda b, k: (by_set(b, k)[0], mean_over(b, k, 1)),
        "mean of the batches' perplexities",
    ),
    (
        check.usage_and_perplexity,
        lambda b, k: (mean_over(b, k, 0) * len(b), by_set(b, k)[1]),
        "double",
    ),
    (
        check.usage_and_perplexity,
        lambda b, k: (k * by_set(b, k)[0], by_set(b, k)[1]),
        "by K",
    ),
    (
        check.usage_and_perplexity,
        lambda b, k: (4 / sum(map(torch.numel, b)), by_set(b, k)[1]),
        "not of the tokens",
    ),
    (
        check.usage_and_perplexity,
        lambda b, k: (1.0, by_set(b, k)[1]),
        "idle ones too",
    ),
    (check.usage_and_perplexity, lambda b, k: by_set(b[-1:], k), "last batch alone"),
    (check.usage_and_perplexity, lambda b, k: by_set(b[:1], k), "one batch alone"),
    (
        check.usage_and_perplexity,
        lambda b, k: (by_set(b, k)[0], by_set(b[-1:], k)[1]),
        "perplexity of the last",
    ),
    (
        check.usage_and_perplexity,
        lambda b, k: (by_set(b, k)[0], 7),
        "yours is 7",
    ),
    (check.usage_and_perplexity, lambda b, k: by_set(b, k)[0], "two numbers"),
    (check.usage_and_perplexity, lambda b, k: (None, None), "one number"),
]
