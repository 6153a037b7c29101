"""The checkers of chapter 08: right answers pass, each wrong idea has its sentence."""

import math

import torch
from torch.nn import functional as F

from arcvq_lite import (
    ConstantRadius,
    ExponentialRadius,
    PiecewiseSchedule,
    check,
    project_to_ball,
)

LARGEST = torch.finfo(torch.float32).max


def norms(codebook):
    return codebook.norm(dim=1, keepdim=True)


def blend(codebook, radius):
    outside = norms(codebook) > radius
    return torch.where(outside, radius * F.normalize(codebook), codebook)


def loop(codebook, radius):
    rows = []
    for code in codebook:
        length = code.norm().item()
        rows.append(code * (radius / length if length > radius else 1))
    return torch.stack(rows)


def in_place(codebook, radius):
    codebook.copy_(project_to_ball(codebook, radius))
    return codebook


def search_overflow(alpha):
    low, high = 0, 10**9
    while high - low > 1:
        middle = (low + high) // 2
        is_infinite = torch.tensor(alpha * middle).exp().isinf()
        low, high = (low, middle) if is_infinite else (middle, high)
    return high


def hold_by_hand(alpha, boundary):
    return lambda step: math.exp(alpha * min(step, boundary))


def hold_in_pieces(alpha, boundary):
    growing = ExponentialRadius(alpha)
    held = ConstantRadius(growing(boundary))
    return PiecewiseSchedule((growing, held), boundaries=(boundary,))


def pieces(alpha, boundary, held):
    return PiecewiseSchedule((ExponentialRadius(alpha), held), boundaries=(boundary,))


def overflow_past(limit):
    return lambda alpha: math.floor(math.log(limit) / alpha) + 1


RIGHT_BY_NAME = {
    "growth_rate": [
        lambda final, steps: math.log(final) / steps,
        lambda final, steps: torch.tensor(final, dtype=torch.float64).log() / steps,
    ],
    "ball_projection": [
        project_to_ball,
        blend,
        loop,
        lambda codebook, radius: torch.renorm(codebook, 2, 0, radius),
    ],
    "binding_share": [
        lambda e, radius: (e.norm(dim=1) >= radius * (1 - 1e-6)).float().mean(),
        lambda e, radius: (
            sum(code.norm().item() >= radius * (1 - 1e-6) for code in e) / len(e)
        ),
    ],
    "overflow_step": [
        overflow_past(LARGEST),
        lambda alpha: math.ceil(math.log(LARGEST) / alpha),
        search_overflow,
    ],
    "grow_then_hold": [hold_by_hand, hold_in_pieces],
}

WRONG_BY_NAME = {
    "growth_rate": [
        (lambda final, steps: math.log2(final) / steps, "base 2"),
        (lambda final, steps: math.log10(final) / steps, "base 10"),
        (lambda final, steps: (final - 1) / steps, "straight line"),
        (lambda final, steps: final / steps, "its logarithm should be"),
        (lambda final, steps: math.log(2) / steps, "only doubled"),
        (lambda final, steps: steps / math.log(final), "Upside down"),
        (lambda final, steps: math.log(final) * steps, "Divide by the steps"),
        (lambda final, steps: 1.0, "exponent at step 600 is 600"),
        (lambda final, steps: "fast", "one number, not str"),
    ],
    "ball_projection": [
        (lambda e, radius: e.clone(), "Nothing has changed"),
        (lambda e, radius: radius * F.normalize(e), "has been lifted"),
        (lambda e, radius: F.normalize(e), "normalises every code to length 1"),
        (lambda e, radius: e * (radius / norms(e).max()).clamp(max=1), "One factor"),
        (lambda e, radius: e * (radius / e.norm()).clamp(max=1), "whole matrix"),
        (
            lambda e, radius: e * (radius / e.norm(dim=0)).clamp(max=1),
            "along the wrong axis",
        ),
        (lambda e, radius: e.clamp(-radius, radius), "cube"),
        (
            lambda e, radius: e * (radius / norms(e) ** 2).clamp(max=1),
            "norm is squared",
        ),
        (
            lambda e, radius: torch.where(norms(e) > radius, e / norms(e), e),
            "end at length 1",
        ),
        (lambda e, radius: e * (norms(e) <= radius), "set to zero"),
        (in_place, "changed the caller's"),
        (
            lambda e, radius: torch.maximum(e / norms(e), e * 0) * radius,
            "should become",
        ),
        (
            lambda e, radius: e / norms(e) * norms(e).clamp(max=radius),
            "zero norm becomes NaN",
        ),
        (lambda e, radius: e[:, :1], "shape should be (4, 3)"),
    ],
    "binding_share": [
        (
            lambda e, radius: (e.norm(dim=1) >= radius * (1 - 1e-6)).sum(),
            "divide by K",
        ),
        (
            lambda e, radius: (e.norm(dim=1) < radius * (1 - 1e-6)).float().mean(),
            "share of free codes",
        ),
        (
            lambda e, radius: (e.norm(dim=1) == radius).float().mean(),
            "exactly equal norm",
        ),
        (
            lambda e, radius: (e.norm(dim=1) > radius).float().mean(),
            "Only norms above the radius",
        ),
        (
            lambda e, radius: (e.norm(dim=1) >= radius).float().mean(),
            "left to rounding",
        ),
        (lambda e, radius: (e >= radius).float().mean(), "Coordinates are compared"),
        (lambda e, radius: (e.norm(dim=0) >= radius).float().mean(), "wrong axis"),
        (
            lambda e, radius: (e.norm(dim=1) >= 1 - 1e-6).float().mean(),
            "radius is taken as 1",
        ),
        (lambda e, radius: 0.5, "the share is 0.4; yours is 0.5"),
        (lambda e, radius: e.norm(dim=1) >= radius, "one number, not Tensor"),
    ],
    "overflow_step": [
        (lambda alpha: math.floor(math.log(LARGEST) / alpha), "One step early"),
        (lambda alpha: math.log(LARGEST) / alpha, "whole numbers"),
        (overflow_past(torch.finfo(torch.float64).max), "float64 overflows"),
        (overflow_past(torch.finfo(torch.float16).max), "float16 overflows"),
        (lambda alpha: math.floor(math.log2(LARGEST) / alpha) + 1, "base 2"),
        (lambda alpha: math.floor(math.log(2) / alpha) + 1, "has doubled"),
        (lambda alpha: 1_774_457, "you return 1,774,457, where it is 532"),
        (lambda alpha: True, "one number, not bool"),
    ],
    "grow_then_hold": [
        (lambda alpha, end: pieces(alpha, end, ConstantRadius(1.0)), "drops to 1"),
        (lambda alpha, end: pieces(alpha, end, ConstantRadius(end)), "number of the"),
        (lambda alpha, end: pieces(alpha, end, ConstantRadius(alpha)), "drops to α"),
        (
            lambda alpha, end: hold_by_hand(alpha, end - 1),
            "One step behind",
        ),
        (lambda alpha, end: ExponentialRadius(alpha), "still grows"),
        (
            lambda alpha, end: pieces(alpha, end, ConstantRadius(2.0)),
            "should stay at 2.7183; yours is 2.0000",
        ),
        (lambda alpha, end: ConstantRadius(1.0), "Before the boundary"),
        (lambda alpha, end: math.exp(alpha * end), "called with a step, not float"),
        (lambda alpha, end: lambda step: None, "Not attempted yet"),
    ],
}

RIGHT = [
    (getattr(check, name), answer)
    for name, answers in RIGHT_BY_NAME.items()
    for answer in answers
]
WRONG = [
    (getattr(check, name), *case)
    for name, cases in WRONG_BY_NAME.items()
    for case in cases
]
