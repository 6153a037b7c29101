"""Chapter 01's checkers pass right answers and name the usual wrong ideas."""

import math

import torch
from torch.nn import functional as F

from arcvq_lite import check


def border(first, second, between):
    return math.atan2(first - second * math.cos(between), second * math.sin(between))


def border_by_search(first, second, between):
    theta = torch.linspace(-math.pi / 2, math.pi / 2, 2_000_001, dtype=torch.float64)
    lead = first * theta.cos() - second * (between - theta).cos()
    return theta[lead.abs().argmin()]


def row_losses(logits, labels):
    return F.cross_entropy(logits, labels, reduction="none")


def by_hand(logits, labels):
    largest = logits.amax(dim=1)
    total = (logits - largest[:, None]).exp().sum(dim=1).log()
    return largest + total - logits[torch.arange(len(labels)), labels]


def plain(logits, labels):
    return logits.exp().sum(dim=1).log() - logits.gather(1, labels[:, None])[:, 0]


def shifted_by(logits, labels, largest):
    total = (logits - largest).exp().sum(dim=1, keepdim=True).log() + largest
    return (total - logits).gather(1, labels[:, None])[:, 0]


def of_columns(logits, labels):
    right = logits.gather(1, labels[:, None])[:, 0]
    return logits.logsumexp(dim=0)[labels] - right


def heat_by_autograd(logits, labels, temperature):
    tau = torch.tensor(temperature, requires_grad=True)
    F.cross_entropy(logits / tau, labels).backward()
    return tau.grad


def heat(logits, labels, temperature, *, of=None, power=2, weights=None):
    p = (logits / (of or temperature)).softmax(dim=1) if weights is None else weights
    mean = (p * logits).sum(dim=1)
    right = logits.gather(1, labels[:, None])[:, 0]
    return ((right - mean) / temperature**power).mean().item()


RIGHT = [
    (check.longer_embedding, lambda p, f: p**f / (p**f).sum(dim=1, keepdim=True)),
    (check.longer_embedding, lambda p, f: (f * p.log()).softmax(dim=1)),
    (check.border_of_lengths, border),
    (check.border_of_lengths, border_by_search),
    (check.stable_cross_entropy, row_losses),
    (check.stable_cross_entropy, by_hand),
    (check.temperature_gradient, heat),
    (check.temperature_gradient, heat_by_autograd),
]

WRONG = [
    (check.longer_embedding, lambda p, f: p, "Nothing has changed"),
    (check.longer_embedding, lambda p, f: p**f, "no longer sum to one"),
    (check.longer_embedding, lambda p, f: (f * p).softmax(dim=1), "as if they were"),
    (
        check.longer_embedding,
        lambda p, f: (p.log() / f).softmax(dim=1),
        "That is the temperature",
    ),
    (check.longer_embedding, lambda p, f: p**f / (p**f).sum(dim=0), "dimension 1"),
    (check.longer_embedding, lambda p, f: p.flip(1), "twice the logits"),
    (
        check.longer_embedding,
        lambda p, f: (f * p.log()).nan_to_num(0, 0, 0).softmax(dim=1),
        "logarithm of 0",
    ),
    (check.longer_embedding, lambda p, f: p[0], "shape should be (2, 3)"),
    (check.border_of_lengths, lambda a, b, c: c / 2, "Half-way"),
    (check.border_of_lengths, lambda a, b, c: border(b, a, c), "exchanged"),
    (check.border_of_lengths, lambda a, b, c: c * a / (a + b), "in proportion"),
    (
        check.border_of_lengths,
        lambda a, b, c: math.degrees(border(a, b, c)),
        "in degrees",
    ),
    (check.border_of_lengths, lambda a, b, c: math.tan(border(a, b, c)), "tangent"),
    (check.border_of_lengths, lambda a, b, c: 3.0, "Solve 2 cos"),
    (
        check.border_of_lengths,
        lambda a, b, c: max(border(a, b, c), 0.0),
        "in the second's territory",
    ),
    (check.border_of_lengths, lambda a, b, c: torch.zeros(2), "one number"),
    (check.border_of_lengths, lambda a, b, c: "half", "one number"),
    (check.stable_cross_entropy, F.cross_entropy, "one number for the batch"),
    (check.stable_cross_entropy, lambda a, y: -row_losses(a, y), "sign"),
    (check.stable_cross_entropy, lambda a, y: row_losses(a, y).exp(), "1/p"),
    (check.stable_cross_entropy, lambda a, y: a.logsumexp(dim=1), "subtracted"),
    (check.stable_cross_entropy, of_columns, "dimension 1"),
    (check.stable_cross_entropy, lambda a, y: a[:, 0], "label 0 the loss is"),
    (check.stable_cross_entropy, plain, "Subtract the row's largest"),
    (
        check.stable_cross_entropy,
        lambda a, y: -a.softmax(dim=1).gather(1, y[:, None])[:, 0].log(),
        "become 0 before its logarithm",
    ),
    (
        check.stable_cross_entropy,
        lambda a, y: -(a.softmax(dim=1).gather(1, y[:, None])[:, 0] + 1e-9).log(),
        "added or clamped",
    ),
    (
        check.stable_cross_entropy,
        lambda a, y: shifted_by(a, y, a.max()),
        "each row needs its own",
    ),
    (check.temperature_gradient, lambda a, y, t: -heat(a, y, t), "sign"),
    (check.temperature_gradient, lambda a, y, t: heat(a, y, t, power=0), "is missing"),
    (check.temperature_gradient, lambda a, y, t: heat(a, y, t, power=1), "not −1/τ"),
    (check.temperature_gradient, lambda a, y, t: heat(a, y, t, of=1.0), "τ = 1"),
    (
        check.temperature_gradient,
        lambda a, y, t: heat(a, y, t, weights=1 / 3),
        "counted alike",
    ),
    (check.temperature_gradient, lambda a, y, t: len(a) * heat(a, y, t), "mean"),
    (check.temperature_gradient, lambda a, y, t: 7.0, "chain rule"),
    (check.temperature_gradient, lambda a, y, t: a, "one number"),
]
