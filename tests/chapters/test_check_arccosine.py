"""Chapter 09's checkers pass right answers and name the usual wrong ideas."""

import math

import torch
from torch.nn import functional as F

from arcvq_lite import ArcMarginLoss, arc_margin_loss, check


def library(z, e, s, m, k):
    return arc_margin_loss(z, e, scale=s, margin=m, top_k=k)


def turned(cosine, margin):
    past_pi = cosine < -math.cos(margin)
    lowered = cosine - margin * math.sin(margin)
    return torch.where(past_pi, lowered, (cosine.acos() + margin).cos())


def by_cross_entropy(z, e, s, m, k):
    """Row by row: the positives' own softmaxes, joined by a log-sum-exp."""
    losses = []
    for code in e.detach():
        cosine = F.cosine_similarity(code[None], z, dim=1)
        wanted = cosine.topk(k).indices
        called = torch.zeros(len(z), dtype=torch.bool)
        called[wanted] = True
        logits = s * torch.where(called, turned(cosine, m), cosine)
        losses.append(-torch.logsumexp(logits.log_softmax(dim=0)[called], dim=0))
    return torch.stack(losses).mean()


def with_logits(z, e, s, m, k, called, others, *, among=True, each=False):
    cosine = F.normalize(e.detach(), dim=1) @ F.normalize(z, dim=1).T
    values, places = cosine.topk(k, dim=1)
    wanted = called(values, s, m)
    fill = wanted if among else torch.full_like(wanted, -torch.inf)
    logits = others(cosine, s, m).scatter(1, places, fill)
    won = wanted.mean(dim=1) if each else wanted.logsumexp(dim=1)
    return (logits.logsumexp(dim=1) - won).mean()


def moved(c, s, m):
    return s * turned(c, m)


def plain(c, s, m):
    return s * c


def variant(called=moved, others=plain, **options):
    return lambda z, e, s, m, k: with_logits(z, e, s, m, k, called, others, **options)


def over_codes(z, e, s, m, k):
    cosine = F.normalize(z, dim=1) @ F.normalize(e.detach(), dim=1).T
    label = cosine.argmax(dim=1)
    right = F.one_hot(label, len(e)).bool()
    logits = s * torch.where(right, turned(cosine, m), cosine)
    return F.cross_entropy(logits, label)


def top_k_over_codes(z, e, s, m, k):
    return library(e, z, s, m, k) + 0 * z.sum()


def farthest(z, e, s, m, k):
    cosine = F.normalize(e.detach(), dim=1) @ F.normalize(z, dim=1).T
    values, places = cosine.topk(k, dim=1, largest=False)
    wanted = moved(values, s, m)
    logits = (s * cosine).scatter(1, places, wanted)
    return (logits.logsumexp(dim=1) - wanted.logsumexp(dim=1)).mean()


def attached(z, e, s, m, k):
    codes = F.normalize(e, dim=1)
    cosine = codes @ F.normalize(z, dim=1).T
    values, places = cosine.topk(k, dim=1)
    wanted = moved(values, s, m)
    logits = (s * cosine).scatter(1, places, wanted)
    return (logits.logsumexp(dim=1) - wanted.logsumexp(dim=1)).mean()


def overflowing(z, e, s, m, k):
    cosine = F.normalize(e.detach(), dim=1) @ F.normalize(z, dim=1).T
    values, places = cosine.topk(k, dim=1)
    powers = (s * cosine).exp().scatter(1, places, moved(values, s, m).exp())
    wanted = powers.gather(1, places).sum(dim=1)
    return -(wanted / powers.sum(dim=1)).log().mean()


def half_detached(z, e, s, m, k):
    loss = library(z, e, s, m, k)
    return loss.detach() + 0.5 * (loss - loss.detach())


def q_of(logits, called):
    return logits.masked_fill(~called, -torch.inf).softmax(dim=1)


def by_autograd(logits, called):
    leaf = logits.clone().requires_grad_()
    won = leaf.masked_fill(~called, -torch.inf).logsumexp(dim=1)
    (slope,) = torch.autograd.grad((leaf.logsumexp(dim=1) - won).mean(), leaf)
    return slope


RIGHT = [
    (
        check.arc_start,
        lambda n, k, s, m: math.log1p((n - k) / k * math.exp(s * math.sin(m))),
    ),
    (
        check.arc_start,
        lambda n, k, s, m: (
            torch.tensor(
                [math.cos(math.pi / 2 + m) * s] * k + [0.0] * (n - k)
            ).logsumexp(dim=0)
            - math.log(k)
            + s * math.sin(m)
        ),
    ),
    (
        check.arc_floor,
        lambda n, k, s, m: math.log1p(
            (n - k) / k * math.exp(-s * (math.cos(m) + k / (n - k)))
        ),
    ),
    (
        check.arc_floor,
        lambda n, k, s, m: (
            -math.log(k / (k + (n - k) * math.exp(-s * math.cos(m) - s * k / (n - k))))
        ),
    ),
    (check.code_budget, by_autograd),
    (check.code_budget, lambda x, c: (x.softmax(dim=1) - q_of(x, c)) / len(x)),
    (check.code_margin, library),
    (check.code_margin, by_cross_entropy),
    (check.code_margin, lambda z, e, s, m, k: ArcMarginLoss(s, m, k)(z, e)),
]


def start(ratio, share):
    return math.log1p(ratio * math.exp(share))


WRONG = [
    (check.arc_start, lambda n, k, s, m: math.log(n / k), "share is missing"),
    (
        check.arc_start,
        lambda n, k, s, m: math.log(n / k) + s * math.sin(m),
        "approximation",
    ),
    (
        check.arc_start,
        lambda n, k, s, m: start((n - k) / k, -s * math.sin(m)),
        "wrong sign",
    ),
    (
        check.arc_start,
        lambda n, k, s, m: start((n - k) / k, -s * math.cos(m)),
        "at cosine 0",
    ),
    (
        check.arc_start,
        lambda n, k, s, m: math.log((n - k) / k) + s * math.sin(m),
        "missing from the denominator",
    ),
    (
        check.arc_start,
        lambda n, k, s, m: start(n / k, s * math.sin(m)),
        "counted twice",
    ),
    (
        check.arc_start,
        lambda n, k, s, m: start(n - k, s * math.sin(m)),
        "over k positives",
    ),
    (check.arc_start, lambda n, k, s, m: 7.0, "you return 7.0"),
    (check.arc_start, lambda n, k, s, m: torch.zeros(2), "Return one number"),
    (
        check.arc_floor,
        lambda n, k, s, m: start((n - k) / k, -s * (1 + math.cos(m))),
        "every negative at θ = π",
    ),
    (
        check.arc_floor,
        lambda n, k, s, m: start((n - k) / k, -s * math.cos(m)),
        "approximation",
    ),
    (
        check.arc_floor,
        lambda n, k, s, m: start((n - k) / k, -s * (math.cos(m) - k / (n - k))),
        "wrong sign",
    ),
    (
        check.arc_floor,
        lambda n, k, s, m: start((n - k) / k, -s * (1 + k / (n - k))),
        "margin is missing",
    ),
    (
        check.arc_floor,
        lambda n, k, s, m: start(n / k, -s * (math.cos(m) + k / (n - k))),
        "among the negatives",
    ),
    (
        check.arc_floor,
        lambda n, k, s, m: start(n - k, -s * (math.cos(m) + k / (n - k))),
        "over k positives",
    ),
    (
        check.arc_floor,
        lambda n, k, s, m: math.log((n - k) / k) - s * (math.cos(m) + k / (n - k)),
        "missing from the denominator",
    ),
    (check.arc_floor, lambda n, k, s, m: 7.0, "you return 7.0"),
    (
        check.code_budget,
        lambda x, c: (q_of(x, c) - x.softmax(dim=1)) / len(x),
        "sign is turned",
    ),
    (check.code_budget, lambda x, c: x.softmax(dim=1) - q_of(x, c), "mean over the K"),
    (check.code_budget, lambda x, c: x.softmax(dim=1) / 2, "denominator alone"),
    (
        check.code_budget,
        lambda x, c: (x.softmax(dim=1) - c / c.sum(dim=1, keepdim=True)) / 2,
        "shared evenly",
    ),
    (
        check.code_budget,
        lambda x, c: (x.softmax(dim=1) - c.float()) / 2,
        "whole budget",
    ),
    (
        check.code_budget,
        lambda x, c: x.softmax(dim=1) * ~c / 2,
        "Only the pushes",
    ),
    (
        check.code_budget,
        lambda x, c: (x.softmax(dim=0) - q_of(x, c)) / 2,
        "over the latents",
    ),
    (check.code_budget, lambda x, c: torch.zeros(2, 4), "yours is (0.000"),
    (check.code_budget, lambda x, c: torch.zeros(4, 2), "shape should be (2, 4)"),
    (check.code_margin, over_codes, "runs over the codes"),
    (check.code_margin, top_k_over_codes, "runs over the codes"),
    (check.code_margin, variant(moved, moved), "on the negatives too"),
    (check.code_margin, variant(plain, moved), "called latents should pay"),
    (
        check.code_margin,
        variant(lambda c, s, m: s * (c.acos() - m).cos()),
        "subtracted from the angle",
    ),
    (check.code_margin, variant(lambda c, s, m: s * (c - m)), "CosFace"),
    (check.code_margin, variant(plain), "margin is missing"),
    (check.code_margin, lambda z, e, s, m, k: library(z, e, 1.0, m, k), "scale is"),
    (check.code_margin, farthest, "least similar"),
    (check.code_margin, variant(among=False), "missing from the denominator"),
    (check.code_margin, variant(each=True), "own logarithm"),
    (
        check.code_margin,
        lambda z, e, s, m, k: len(e) * library(z, e, s, m, k),
        "not the sum",
    ),
    (check.code_margin, lambda z, e, s, m, k: -library(z, e, s, m, k), "sign"),
    (check.code_margin, attached, "codebook receives a gradient"),
    (
        check.code_margin,
        lambda z, e, s, m, k: library(z.detach(), e, s, m, k),
        "No gradient reaches",
    ),
    (
        check.code_margin,
        lambda z, e, s, m, k: library(z.detach(), e, s, m, k) + 0 * e.sum(),
        "No gradient reaches",
    ),
    (check.code_margin, half_detached, "something on the way"),
    (check.code_margin, overflowing, "overflows"),
    (check.code_margin, lambda z, e, s, m, k: z.sum() * 0 + 7.0, "yours is 7.0"),
    (check.code_margin, lambda z, e, s, m, k: torch.zeros(5), "should be ()"),
    (check.code_margin, lambda z, e, s, m, k: 7.0, "Return a tensor"),
]
