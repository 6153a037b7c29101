"""Checkers of chapter 03: borders, CosFace's logits, an angular margin that holds."""

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
from arcvq_lite.margins import add_angular_margin


@exercise
def arcface_border(answer: Any) -> str:
    """(between, margin) → the largest angle to the own arrow, all in radians."""
    between, margin = 1.2, 0.5
    reply = ask(answer, between, margin)
    mistakes = {
        between / 2: "That is the border without a margin, half-way.",
        between / 2 - margin: (
            "Too strict: the margin is taken once from the whole arc, so each of the "
            "two borders moves by half of it."
        ),
        (between + margin) / 2: (
            "The border has moved the wrong way: a margin makes the class smaller."
        ),
        between - margin: (
            "That would be the border if the rival's angle were the whole arc; "
            "it is between − θ for a point at θ."
        ),
    }
    if close(reply, (between - margin) / 2, 1e-6):
        return "θ + m < between − θ, so θ < (between − m)/2."
    name_mistake(reply, mistakes.items(), 1e-6)
    raise WrongAnswerError(
        f"For between={between} and margin={margin} you return {reply}. "
        "Write the condition θ₁ + m < θ₂ with θ₂ = between − θ₁ and solve for θ₁."
    )


@exercise
def cosface_logits(answer: Any) -> str:
    """(cosine, labels, scale, margin) → CosFace's logits, (N, C)."""
    cosine = torch.tensor([[0.9, 0.6, -0.2], [0.2, 0.7, 0.1]])
    labels, scale, margin = torch.tensor([0, 2]), 10.0, 0.35
    before = cosine.clone()
    logits = ask_for_tensor(answer, (2, 3), cosine, labels, scale, margin)
    if not torch.equal(cosine, before):
        raise WrongAnswerError(
            "Your function has changed the caller's cosine; clone it first."
        )
    right = F.one_hot(labels, 3)
    wanted = scale * (cosine - margin * right)
    mistakes: list[tuple[Tensor, str]] = [
        (
            scale * (cosine - margin),
            "The margin is on every class, which the softmax does not see at all; "
            "take it from the right class only.",
        ),
        (
            scale * (cosine - margin * (1 - right)),
            "The margin is on the wrong classes, which makes the task easier; "
            "take it from the right one.",
        ),
        (
            scale * (cosine + margin * right),
            "The margin is added, which makes the task easier; subtract it.",
        ),
        (
            scale * cosine - margin * right,
            "The margin is taken after scaling, so it is worth 1/scale of what it "
            "should be; take it from the cosine.",
        ),
        (cosine - margin * right, "The scale is missing."),
    ]
    if close(logits, wanted, 1e-5):
        return "The right class of each row pays the margin, and nobody else does."
    name_mistake(logits, mistakes, 1e-5)
    raise WrongAnswerError(
        f"For cosine row {cosine[0].tolist()} with label 0, scale 10 and margin 0.35 "
        f"the logits are {wanted[0].tolist()}, yours are {logits[0].tolist()}."
    )


@exercise
def cosface_in_radians(answer: Any) -> str:
    """(theta, margin) → by how many radians the rival must be further away, (N,)."""
    theta, margin = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.5]), 0.35
    extra = ask_for_tensor(answer, (5,), theta, margin)
    rival = theta.cos() - margin
    wanted = rival.clamp(min=-1).acos() - theta
    reachable = rival >= -1
    if close(extra[reachable], rival[reachable].acos(), 1e-4):
        raise WrongAnswerError(
            "That is the rival's own angle; the exercise asks how much further away "
            "it must be than theta."
        )
    if not close(extra[reachable], wanted[reachable], 1e-4):
        raise WrongAnswerError(
            f"At theta=0 and margin=0.35 the rival must be {wanted[0]:.4f} rad further "
            f"away, yours is {extra[0]:.4f}. Solve cos θ − m = cos(θ + extra)."
        )
    if not bool(torch.isinf(extra[~reachable]).all()):
        raise WrongAnswerError(
            "At theta=2.5 the demand is cos θ − m < −1, which no rival can meet; "
            "return inf there."
        )
    return "Constant in cosines is not constant in angles: it asks most at the arrow."


@exercise
def angular_margin(answer: Any) -> str:
    """(cosine, margin) → cos(θ + m), falling with θ, with a finite gradient."""
    margin = 0.5
    inside = torch.linspace(-0.85, 0.99, 50)
    reply = ask_for_tensor(answer, (50,), inside, margin)
    angle = inside.acos()
    if close(reply, (angle - margin).cos(), 1e-4):
        raise WrongAnswerError("The margin is subtracted from the angle; add it.")
    if close(reply, inside - margin, 1e-4):
        raise WrongAnswerError(
            "That is CosFace: the margin is taken from the cosine. Add it to the angle."
        )
    if close(reply, (angle + math.radians(margin)).cos(), 1e-4):
        raise WrongAnswerError("The margin is read as degrees; it is in radians.")
    if not close(reply, (angle + margin).cos(), 1e-4):
        raise WrongAnswerError(
            f"cos(acos(0.99) + 0.5) is {math.cos(math.acos(0.99) + 0.5):.4f}, "
            f"yours is {reply[-1].item():.4f}."
        )
    _falls_past_pi(answer, margin)
    _has_a_gradient(answer, margin)
    return "Right value, falling past π, and a finite gradient on the arrow."


def _falls_past_pi(answer: Any, margin: float) -> None:
    theta = torch.linspace(0.05, math.pi - 0.05, 200)
    curve = ask_for_tensor(answer, (200,), theta.cos(), margin)
    rising = curve.diff() > 1e-5
    if rising.any():
        where = theta[:-1][rising].min().item()
        raise WrongAnswerError(
            f"From θ ≈ {where:.2f} on the result rises again, past θ + m = π; a point "
            "there would be taught to move away. Replace that piece by a falling one."
        )


def _has_a_gradient(answer: Any, margin: float) -> None:
    ends = torch.tensor([1.0, -1.0], requires_grad=True)
    values = ask_for_tensor(answer, (2,), ends, margin)
    if not values.requires_grad:
        raise WrongAnswerError(
            "No gradient reaches the cosine; work with tensors throughout, without "
            ".item(), .detach() or torch.no_grad()."
        )
    (gradient,) = torch.autograd.grad(values.sum(), ends)
    if not bool(torch.isfinite(gradient).all()):
        raise WrongAnswerError(
            f"The gradient at cosine 1 and −1 is {gradient.tolist()}; avoid the arc "
            "cosine and put a floor under the root."
        )
    if not close(values[0], add_angular_margin(torch.tensor(1.0), margin), 1e-4):
        raise WrongAnswerError(
            f"At cosine 1 the value should be cos m = {math.cos(margin):.4f}, yours is "
            f"{values[0].item():.4f}; the floor is too high."
        )
