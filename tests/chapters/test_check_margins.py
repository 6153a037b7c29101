"""Chapter 03's checkers pass right answers and name the usual wrong ideas."""

import math

import torch
from torch.nn import functional as F

from arcvq_lite import add_angular_margin, check


def right_mask(cosine, labels):
    return F.one_hot(labels, cosine.shape[1]).bool()


def naive(cosine, margin):
    return torch.cos(cosine.acos() + margin)


def unguarded(cosine, margin):
    sine = ((1 - cosine) * (1 + cosine)).clamp(min=1e-38).sqrt()
    return cosine * math.cos(margin) - sine * math.sin(margin)


def guarded_by_loops(cosine, margin):
    rows = [add_angular_margin(value, margin) for value in cosine.flatten()]
    return torch.stack(rows).reshape(cosine.shape)


def radians_beyond(theta, margin):
    rival = math.cos(theta) - margin
    return torch.tensor(math.inf if rival < -1 else math.acos(rival) - theta)


RIGHT = [
    (check.arcface_border, lambda between, margin: between / 2 - margin / 2),
    (
        check.arcface_border,
        lambda between, margin: torch.tensor((between - margin) / 2),
    ),
    (
        check.cosface_logits,
        lambda c, y, s, m: s * (c - m * F.one_hot(y, c.shape[1])),
    ),
    (
        check.cosface_logits,
        lambda c, y, s, m: s * torch.where(right_mask(c, y), c - m, c),
    ),
    (
        check.cosface_in_radians,
        lambda t, m: (t.cos() - m).acos().nan_to_num(torch.inf) - t,
    ),
    (
        check.cosface_in_radians,
        lambda t, m: torch.stack([radians_beyond(float(angle), m) for angle in t]),
    ),
    (check.angular_margin, add_angular_margin),
    (check.angular_margin, guarded_by_loops),
]

WRONG = [
    (check.arcface_border, lambda b, m: b / 2, "without a margin"),
    (check.arcface_border, lambda b, m: b / 2 - m, "Too strict"),
    (check.arcface_border, lambda b, m: (b + m) / 2, "wrong way"),
    (check.arcface_border, lambda b, m: b - m, "whole arc"),
    (check.arcface_border, lambda b, m: 7.0, "solve for"),
    (check.cosface_logits, lambda c, y, s, m: s * (c - m), "every class"),
    (
        check.cosface_logits,
        lambda c, y, s, m: s * torch.where(right_mask(c, y), c, c - m),
        "wrong classes",
    ),
    (
        check.cosface_logits,
        lambda c, y, s, m: s * torch.where(right_mask(c, y), c + m, c),
        "added",
    ),
    (
        check.cosface_logits,
        lambda c, y, s, m: torch.where(right_mask(c, y), s * c - m, s * c),
        "after scaling",
    ),
    (
        check.cosface_logits,
        lambda c, y, s, m: torch.where(right_mask(c, y), c - m, c),
        "scale is missing",
    ),
    (check.cosface_logits, lambda c, y, s, m: c.sub_(m), "caller's"),
    (check.cosface_in_radians, lambda t, m: (t.cos() - m).acos(), "rival's own"),
    (check.cosface_in_radians, lambda t, m: torch.zeros(5), "Solve"),
    (
        check.cosface_in_radians,
        lambda t, m: (t.cos() - m).clamp(min=-1).acos() - t,
        "no rival can meet",
    ),
    (check.angular_margin, lambda c, m: c - m, "CosFace"),
    (check.angular_margin, lambda c, m: naive(c, -m), "subtracted"),
    (check.angular_margin, lambda c, m: naive(c, math.radians(m)), "degrees"),
    (check.angular_margin, naive, "rises again"),
    (check.angular_margin, unguarded, "rises again"),
    (
        check.angular_margin,
        lambda c, m: torch.where(c < -math.cos(m), c - m * math.sin(m), naive(c, m)),
        "The gradient at cosine 1",
    ),
    (
        check.angular_margin,
        lambda c, m: add_angular_margin(c.detach(), m),
        "No gradient",
    ),
]
