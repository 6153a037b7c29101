"""Chapter 02's checkers pass right answers and name the usual wrong ideas."""

import math

import torch
from torch.nn import functional as F

from arcvq_lite import check


def floor_scale(loss, classes):
    p = math.exp(-loss)
    return (classes - 1) / classes * math.log((classes - 1) * p / (1 - p))


def floor_scale_by_search(loss, classes):
    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        even = -middle * classes / (classes - 1)
        above = math.log1p((classes - 1) * math.exp(even)) > loss
        low, high = (middle, high) if above else (low, middle)
    return torch.tensor(middle)


def odds(loss, classes):
    return (classes - 1) / math.expm1(loss)


def turn_by_autograd(x, gradient, rate):
    moved = x.clone().requires_grad_()
    F.normalize(moved, dim=1).backward(gradient)
    return turn(x, x - rate * moved.grad)


def turn(before, after):
    return F.cosine_similarity(before, after, dim=1).clamp(-1, 1).acos()


def sideways(x, gradient):
    x_hat = F.normalize(x, dim=1)
    return gradient - (x_hat * gradient).sum(dim=1, keepdim=True) * x_hat


def turn_by_formula(x, gradient, rate):
    across = sideways(x, gradient).norm(dim=1)
    return (rate * across / x.square().sum(dim=1)).atan()


def length(x):
    return x.norm(dim=1, keepdim=True)


def moves_x(x, gradient, rate):
    x -= rate * gradient
    return torch.zeros(3)


def by_rejection(count, dim):
    cube = 2 * torch.rand(40 * count, dim) - 1
    return F.normalize(cube[cube.norm(dim=1) <= 1][:count], dim=1)


def by_latitude(count, dim):
    latitude = math.pi * (torch.rand(count) - 0.5)
    longitude = 2 * math.pi * torch.rand(count)
    flat = latitude.cos()
    columns = flat * longitude.cos(), flat * longitude.sin(), latitude.sin()
    return torch.stack(columns, dim=1)


def centred(classes):
    return torch.eye(classes) - 1 / classes


def simplex_from_gram(classes):
    values, vectors = torch.linalg.eigh(centred(classes).double())
    return vectors * (values.clamp(min=0) * classes / (classes - 1)).sqrt()


RIGHT = [
    (check.scale_for_loss, floor_scale),
    (check.scale_for_loss, floor_scale_by_search),
    (check.turned_by_a_step, turn_by_autograd),
    (check.turned_by_a_step, turn_by_formula),
    (check.uniform_directions, lambda n, d: F.normalize(torch.randn(n, d), dim=1)),
    (check.uniform_directions, by_rejection),
    (check.simplex_arrows, lambda c: F.normalize(centred(c), dim=1)),
    (check.simplex_arrows, lambda c: (c / (c - 1)) ** 0.5 * centred(c)),
    (check.simplex_arrows, simplex_from_gram),
]

WRONG = [
    (check.scale_for_loss, lambda a, c: math.log(odds(a, c)) / 2, "reach −1"),
    (check.scale_for_loss, lambda a, c: math.log(odds(a, c)), "is missing"),
    (
        check.scale_for_loss,
        lambda a, c: c / (c - 1) * math.log(odds(a, c)),
        "upside down",
    ),
    (
        check.scale_for_loss,
        lambda a, c: (c - 1) / c * (math.log(c - 1) - a),
        "The 1 inside",
    ),
    (
        check.scale_for_loss,
        lambda a, c: (c - 1) / c * math.log((c - 1) * a / (1 - a)),
        "for a confidence",
    ),
    (
        check.scale_for_loss,
        lambda a, c: (c - 1) / c * math.log((c - 1) * (1 - a) / a),
        "doubt",
    ),
    (
        check.scale_for_loss,
        lambda a, c: (c - 1) / c * math.log2(odds(a, c)),
        "base 2",
    ),
    (
        check.scale_for_loss,
        lambda a, c: (c - 1) / c * math.log10(odds(a, c)),
        "base 10",
    ),
    (check.scale_for_loss, lambda a, c: (c - 1) / c * odds(a, c), "exponent"),
    (check.scale_for_loss, lambda a, c: -floor_scale(a, c), "sign"),
    (check.scale_for_loss, lambda a, c: 3.0, "should give 0.2"),
    (check.scale_for_loss, lambda a, c: -1e6, "should give 0.2"),
    (check.scale_for_loss, lambda a, c: "much", "one number"),
    (check.turned_by_a_step, lambda x, g, r: turn(x, x - r * g), "taken back"),
    (
        check.turned_by_a_step,
        lambda x, g, r: turn(x, x - r * g / length(x)),
        "part along x",
    ),
    (
        check.turned_by_a_step,
        lambda x, g, r: turn(x, x - r * sideways(x, g)),
        "A length is missing",
    ),
    (
        check.turned_by_a_step,
        lambda x, g, r: (r * (sideways(x, g) / length(x)).norm(dim=1)).atan(),
        "A length is missing",
    ),
    (
        check.turned_by_a_step,
        lambda x, g, r: r * (sideways(x, g) / length(x)).norm(dim=1),
        "how far the step goes",
    ),
    (
        check.turned_by_a_step,
        lambda x, g, r: torch.rad2deg(turn_by_formula(x, g, r)),
        "degrees",
    ),
    (
        check.turned_by_a_step,
        lambda x, g, r: turn_by_formula(x, g, r).cos(),
        "arc cosine",
    ),
    (
        check.turned_by_a_step,
        lambda x, g, r: turn_by_formula(x, g, r).tan(),
        "tangent",
    ),
    (check.turned_by_a_step, lambda x, g, r: torch.zeros(3), "yours is 0.0000"),
    (check.turned_by_a_step, moves_x, "caller's x"),
    (check.turned_by_a_step, lambda x, g, r: sideways(x, g), "shape"),
    (
        check.uniform_directions,
        lambda n, d: F.normalize(2 * torch.rand(n, d) - 1, dim=1),
        "corners of a cube",
    ),
    (
        check.uniform_directions,
        lambda n, d: F.normalize(torch.rand(n, d), dim=1),
        "positive",
    ),
    (
        check.uniform_directions,
        lambda n, d: F.normalize(torch.randn(n, d), dim=0),
        "Wrong axis",
    ),
    (check.uniform_directions, torch.randn, "own length"),
    (check.uniform_directions, by_latitude, "latitude"),
    (
        check.uniform_directions,
        lambda n, d: F.normalize(torch.randn(n, d) + 0.5, dim=1),
        "balance",
    ),
    (
        check.uniform_directions,
        lambda n, d: F.normalize(torch.randn(1, d), dim=1).expand(n, d),
        "the same",
    ),
    (check.uniform_directions, lambda n, d: torch.full((n, d), torch.nan), "finite"),
    (check.uniform_directions, lambda n, d: torch.ones(n, d).long(), "floating"),
    (check.simplex_arrows, torch.eye, "right angles"),
    (check.simplex_arrows, centred, "normalise afterwards"),
    (
        check.simplex_arrows,
        lambda c: torch.eye(c) - torch.eye(c),
        "zero",
    ),
    (
        check.simplex_arrows,
        lambda c: F.normalize(torch.randn(c, c), dim=1),
        "should have the cosine -0.333",
    ),
    (
        check.simplex_arrows,
        lambda c: torch.linalg.cholesky(torch.eye(c) * (c - 2) + 1),
        "sign turned round",
    ),
    (check.simplex_arrows, lambda c: torch.eye(c) / 0, "finite"),
    (check.simplex_arrows, lambda c: torch.eye(c).long(), "floating"),
]
