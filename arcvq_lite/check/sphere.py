"""Checkers of chapter 02: the floor's scale, a step's turn, directions, a simplex."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.check.verdict import (
    WrongAnswerError,
    ask,
    ask_for_tensor,
    close,
    exercise,
    name_mistake,
)

DRAWS = 20_000


@exercise
def scale_for_loss(answer: Any) -> str:
    """(loss, num_classes) → the smallest scale whose floor is that loss."""
    loss, classes = 0.2, 10
    reply = ask(answer, loss, classes)
    try:
        number = float(reply)
    except (TypeError, ValueError, RuntimeError):
        raise WrongAnswerError(
            f"Return one number, not {type(reply).__name__}."
        ) from None
    odds = (classes - 1) / math.expm1(loss)
    shrink = (classes - 1) / classes
    at_probability = (classes - 1) * loss / (1 - loss)
    mistakes = {
        math.log(odds) / 2: (
            "That is the scale for cosines that reach −1, which C > 2 classes cannot "
            "all do. The wrong arrows of a simplex stand at −1/(C − 1)."
        ),
        math.log(odds): (
            "The exponent of the floor is −s C/(C − 1), not −s; the factor C/(C − 1) "
            "is missing."
        ),
        math.log(odds) / shrink: (
            "The factor is upside down: s C/(C − 1) = log(…), so the logarithm is "
            "multiplied by (C − 1)/C."
        ),
        shrink * math.log((classes - 1) / math.exp(loss)): (
            "The 1 inside the floor's logarithm is lost: (C − 1) exp(−sC/(C − 1)) is "
            "exp(loss) − 1."
        ),
        shrink * math.log(at_probability): (
            "You take the loss for a confidence. The confidence is exp(−loss)."
        ),
        shrink * math.log((classes - 1) * (1 - loss) / loss): (
            "You take the loss for the doubt 1 − p. The confidence is exp(−loss)."
        ),
        shrink * math.log2(odds): "That is the logarithm to base 2; nats need ln.",
        shrink * math.log10(odds): "That is the logarithm to base 10; nats need ln.",
        shrink * odds: "The logarithm is missing: s stands in an exponent.",
        -shrink * math.log(odds): "The sign is wrong: a scale is positive.",
    }
    if close(number, shrink * math.log(odds), 1e-4):
        return "The floor, turned around: classes count by their logarithm only."
    name_mistake(number, mistakes.items(), 1e-4)
    raise WrongAnswerError(
        f"For a loss of {loss} with {classes} classes you return {number:.4g}. Put it "
        f"into log(1 + {classes - 1}·exp(−s·{classes}/{classes - 1})): it gives "
        f"{_floor(number, classes):.4g}, and should give {loss}."
    )


def _floor(scale: float, classes: int) -> float:
    exponent = min(700.0, max(-700.0, -scale * classes / (classes - 1)))
    return math.log1p((classes - 1) * math.exp(exponent))


@exercise
def turned_by_a_step(answer: Any) -> str:
    """(x (N, D), gradient at the directions (N, D), rate) → turn in radians (N,)."""
    x = torch.tensor([[3.0, 0.0], [0.0, 0.5], [1.2, 1.6]])
    gradient = torch.tensor([[1.0, 2.0], [0.8, -0.3], [-1.0, 0.5]])
    rate, before = 0.5, x.clone()
    reply = ask_for_tensor(answer, (3,), x, gradient, rate)
    if not torch.equal(x, before):
        raise WrongAnswerError(
            "Your function has moved the caller's x; work on a new tensor."
        )
    wanted = _turn(x, x - rate * _taken_back(x, gradient))
    length = x.norm(dim=1)
    sideways = rate * _taken_back(x, gradient).norm(dim=1)
    mistakes = [
        (
            _turn(x, x - rate * gradient),
            "You step along the gradient at the direction. It must first be taken "
            "back to x: its part along x removed, the rest divided by the length.",
        ),
        (
            _turn(x, x - rate * gradient / length[:, None]),
            "The gradient still has its part along x; a normalisation lets none of "
            "it through.",
        ),
        (
            torch.atan2(sideways * length, length),
            "A length is missing: the gradient is divided by ‖x‖ on the way back, and "
            "the step, seen from the origin at the end of x, once more.",
        ),
        (
            sideways,
            "That is how far the step goes, not how far it turns; divide by ‖x‖.",
        ),
        (torch.rad2deg(wanted), "These are degrees; the exercise asks for radians."),
        (
            wanted.cos(),
            "That is the cosine of the turn; take its arc cosine.",
        ),
        (
            sideways / length,
            "That is the tangent of the turn. It is close to the turn only while it "
            "is small; row 1 turns by far more.",
        ),
    ]
    if close(reply, wanted, 1e-3):
        return (
            "Sideways over length, and the sideways step has one length in it: 1/‖x‖²."
        )
    name_mistake(reply, mistakes, 1e-3)
    raise WrongAnswerError(
        f"For x = {x[0].tolist()}, gradient = {gradient[0].tolist()} and rate = {rate} "
        f"the turn is {wanted[0]:.4f} rad, yours is {reply[0]:.4f}."
    )


def _taken_back(x: Tensor, gradient: Tensor) -> Tensor:
    x_hat = F.normalize(x, dim=1)
    along = (x_hat * gradient).sum(dim=1, keepdim=True)
    back: Tensor = (gradient - along * x_hat) / x.norm(dim=1, keepdim=True)
    return back


def _turn(before: Tensor, after: Tensor) -> Tensor:
    cosine = F.cosine_similarity(before.double(), after.double(), dim=1)
    angle: Tensor = cosine.clamp(-1, 1).acos().float()
    return angle


@exercise
def uniform_directions(answer: Any) -> str:
    """(count, dim) → directions (count, dim), uniform on the sphere."""
    torch.manual_seed(0)
    rows = ask_for_tensor(answer, (DRAWS, 3), DRAWS, 3)
    if not rows.is_floating_point():
        raise WrongAnswerError(f"Directions are floating point, not {rows.dtype}.")
    rows = rows.detach().double()
    lengths = rows.norm(dim=1)
    if not bool(torch.isfinite(rows).all()):
        raise WrongAnswerError("Some rows are not finite; you divide by a zero length.")
    if close(rows.norm(dim=0), torch.ones(3), 1e-3):
        raise WrongAnswerError(
            "Wrong axis: your columns have length 1. Each direction is a row, dim=1."
        )
    if not close(lengths, torch.ones(DRAWS), 1e-3):
        raise WrongAnswerError(
            f"Directions have length 1; yours are {lengths.min():.3f} to "
            f"{lengths.max():.3f} long. Divide each row by its own length."
        )
    if len(rows.unique(dim=0)) < DRAWS / 2:
        raise WrongAnswerError("Most of your rows are the same; draw each one anew.")
    if bool((rows >= 0).all()):
        raise WrongAnswerError(
            "All coordinates are positive: that is one of eight pieces of the sphere. "
            "torch.rand draws from [0, 1]; use numbers that are symmetric about 0."
        )
    _refuse_uneven(rows)
    return "Gaussian numbers know no direction, and normalising adds none."


def _refuse_uneven(rows: Tensor) -> None:
    """Look at means, at corners against axes, and at each axis by itself."""
    mean = rows.mean(dim=0)
    if mean.norm() > 0.05:
        raise WrongAnswerError(
            "Your directions do not balance: their mean is "
            f"{[round(value, 2) for value in mean.tolist()]}, and should be near 0."
        )
    to_corner = (rows.abs().sum(dim=1) / math.sqrt(3)).mean()
    if to_corner > 0.5 * 3 / math.sqrt(3) + 0.01:
        raise WrongAnswerError(
            "Your directions lean to the corners of a cube: their mean cosine with "
            f"the nearest corner is {to_corner:.3f}, and should be 0.866. Draw "
            "Gaussian numbers instead of even ones."
        )
    # On the sphere in space each coordinate is even in [-1, 1], as Archimedes found.
    for axis, column in enumerate(rows.T):
        expected = torch.linspace(-1, 1, DRAWS, dtype=torch.float64)
        worst = (column.sort().values - expected).abs().max()
        if worst > 0.06:
            raise WrongAnswerError(
                f"Coordinate {axis} is not spread as on a sphere. Even angles of "
                "latitude, for one, crowd at the poles; draw Gaussian numbers and "
                "normalise."
            )


@exercise
def simplex_arrows(answer: Any) -> str:
    """num_classes → arrows (C, C) of length 1, each pair at cosine −1/(C − 1)."""
    for classes in (4, 2, 7):
        arrows = ask_for_tensor(answer, (classes, classes), classes)
        if not arrows.is_floating_point():
            raise WrongAnswerError(f"Arrows are floating point, not {arrows.dtype}.")
        _judge_simplex(arrows.detach().double(), classes)
    return "Centred and normalised: as far apart as arrows can be, all at once."


def _judge_simplex(arrows: Tensor, classes: int) -> None:
    wanted = -1 / (classes - 1)
    lengths = arrows.norm(dim=1)
    gram = F.normalize(arrows, dim=1) @ F.normalize(arrows, dim=1).T
    pairs = gram[~torch.eye(classes, dtype=torch.bool)]
    if not bool(torch.isfinite(arrows).all()):
        raise WrongAnswerError("Some arrows are not finite; you divide by zero.")
    if close(arrows, torch.zeros_like(arrows), 1e-6):
        raise WrongAnswerError(
            "All arrows are zero. Subtract the mean of the arrows, dim=0, from each "
            "of them, and not each from itself."
        )
    if close(pairs, torch.full_like(pairs, wanted), 1e-3):
        if not close(lengths, torch.ones(classes), 1e-3):
            raise WrongAnswerError(
                f"The angles are right, but your arrows are {lengths.min():.3f} long "
                "instead of 1. Centring has shortened them; normalise afterwards."
            )
        return
    if close(pairs, torch.zeros_like(pairs), 1e-3):
        raise WrongAnswerError(
            "Your arrows stand at right angles, cosine 0. They still have something "
            "in common, their mean; take it away."
        )
    if close(pairs, torch.full_like(pairs, -wanted), 1e-3):
        raise WrongAnswerError(
            f"The cosines are {-wanted:.3f}, with the sign turned round: these arrows "
            "have come together. Subtract the mean, do not add it."
        )
    raise WrongAnswerError(
        f"For C = {classes} each pair should have the cosine {wanted:.3f}; yours "
        f"range from {pairs.min():.3f} to {pairs.max():.3f}."
    )
