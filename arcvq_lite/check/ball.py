"""Checkers of chapter 08: the ball's projection, its clock, and who is bound by it."""

from __future__ import annotations

import math
from numbers import Real
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
from arcvq_lite.geometry import project_to_ball
from arcvq_lite.schedules import LARGEST_FLOAT32


@exercise
def growth_rate(answer: Any) -> str:
    """(final_radius, steps) → the α with exp(α · steps) = final_radius."""
    final_radius, steps = 4.0, 600
    reply = _number(ask(answer, final_radius, steps))
    wanted = math.log(final_radius) / steps
    mistakes = {
        math.log2(final_radius) / steps: (
            "That is the logarithm to base 2, which counts doublings; "
            "M = exp(αt) needs the natural one."
        ),
        math.log10(final_radius) / steps: (
            "That is the logarithm to base 10; M = exp(αt) needs the natural one."
        ),
        (final_radius - 1) / steps: (
            "That α would make 1 + αt reach the radius, a straight line; "
            "the ball grows exponentially."
        ),
        final_radius / steps: (
            "The radius itself is divided by the steps; its logarithm should be."
        ),
        math.log(2) / steps: "With this α the ball has only doubled at the end.",
        steps / math.log(final_radius): (
            "Upside down: that is how many steps M takes to grow e-fold, 1/α."
        ),
        math.log(final_radius) * steps: "Divide by the steps; you multiply.",
    }
    if close(reply, wanted, 1e-9):
        return "α = ln M / steps, and the ball arrives at its last step."
    _name_mistake(reply, mistakes)
    raise WrongAnswerError(
        f"With your α = {reply:.6g} the exponent at step {steps} is "
        f"{reply * steps:.4g}; it should be ln {final_radius:g} = "
        f"{math.log(final_radius):.4f}."
    )


@exercise
def ball_projection(answer: Any) -> str:
    """(codebook, radius) → every row longer than the radius cut back to it, (K, D)."""
    codebook = torch.tensor(
        [[3.0, 4.0, 0.0], [0.3, 0.4, 0.0], [0.8, 0.8, 0.8], [0.0, -2.0, 1.5]]
    )
    radius = 1.25
    before = codebook.clone()
    projected = ask_for_tensor(answer, (4, 3), codebook, radius)
    if not torch.equal(codebook, before):
        raise WrongAnswerError(
            "Your function has changed the caller's codebook; return a new tensor."
        )
    _name_tensor_mistake(projected, _wrong_projections(codebook, radius))
    wanted = project_to_ball(codebook, radius)
    if not close(projected, wanted, 1e-5):
        row = int((projected - wanted).abs().amax(dim=1).argmax())
        raise WrongAnswerError(
            f"At radius {radius} the code {_shown(codebook[row])} should become "
            f"{_shown(wanted[row])}, yours becomes {_shown(projected[row])}."
        )
    with_zero = torch.tensor([[0.0, 0.0, 0.0], [0.0, 5.0, 0.0]])
    if not bool(torch.isfinite(ask_for_tensor(answer, (2, 3), with_zero, 1.0)).all()):
        raise WrongAnswerError(
            "A code of zero norm becomes NaN: 0 is divided by 0. Divide only where "
            "the norm exceeds the radius."
        )
    return "Long codes are cut back along their own direction, short ones are left."


def _wrong_projections(codebook: Tensor, radius: float) -> list[tuple[Tensor, str]]:
    norms = codebook.norm(dim=1, keepdim=True)
    columns = codebook.norm(dim=0, keepdim=True)
    return [
        (codebook, "Nothing has changed; the first code has norm 5 at radius 1.25."),
        (
            F.normalize(codebook, dim=1) * radius,
            "Every code now lies on the sphere, and the short one has been lifted. "
            "The ball is an upper bound: a code inside stays where it is.",
        ),
        (
            F.normalize(codebook, dim=1),
            "That normalises every code to length 1. The ball has its own radius, and "
            "it never lifts a short code.",
        ),
        (
            codebook * (radius / norms.max()).clamp(max=1),
            "One factor for the whole matrix: the longest code has shortened all the "
            "others. Each row needs its own.",
        ),
        (
            codebook * (radius / codebook.norm()).clamp(max=1),
            "That bounds the norm of the whole matrix; each code, a row, has its own.",
        ),
        (
            codebook * (radius / columns).clamp(max=1),
            "The norms are taken along the wrong axis: (K, D) has one code a row, so "
            "the norm runs over dim=1.",
        ),
        (
            codebook.clamp(-radius, radius),
            "Each coordinate is clamped, which projects onto a cube and turns the "
            "code; the ball keeps its direction.",
        ),
        (
            codebook * (radius / norms.square()).clamp(max=1),
            "The norm is squared; divide by the norm itself.",
        ),
        (
            torch.where(norms > radius, codebook / norms, codebook),
            "Long codes end at length 1 and not at the radius; multiply by it.",
        ),
        (
            torch.where(norms > radius, 0.0, codebook),
            "Long codes are set to zero; they should be shortened to the radius.",
        ),
    ]


@exercise
def binding_share(answer: Any) -> str:
    """(codebook, radius) → the share of codes on or outside the ball, to rounding."""
    # As after a projection and, for the last code, one update since: three codes lie
    # on the ball, one of them exactly, the others a rounding inside and outside.
    rounding = 2**-22
    norms = [0.2, 0.4, 0.5, 0.6, 0.7, 0.9, 1 - rounding, 1.0, 1 + rounding, 1.01]
    axes = torch.eye(3)[torch.arange(10) % 3]  # (10, 3)
    radius = 2.0
    codebook = -radius * torch.tensor(norms)[:, None] * axes
    reply = _number(ask(answer, codebook, radius))
    rounded = (
        "whether a projected code counts is left to rounding; compare with M(1 − 1e-6)."
    )
    mistakes = {
        4.0: "That is how many codes are bound; divide by K for the share.",
        0.6: "That is the share of free codes; the bound ones are the others.",
        0.1: f"Only an exactly equal norm counts: {rounded}",
        0.2: f"Only norms above the radius count: {rounded}",
        0.3: f"Norms from the radius on count, and {rounded}",
        0.0: (
            "Coordinates are compared with the radius; a code is bound by its norm, "
            "which runs over dim=1."
        ),
        1.0: (
            "The norms are taken along the wrong axis: (K, D) has one code a row, so "
            "the norm runs over dim=1."
        ),
        0.8: "The radius is taken as 1; it is the second argument.",
    }
    if close(reply, 0.4, 1e-6):
        return "Four of ten: three on the ball, one just outside after its update."
    _name_mistake(reply, mistakes)
    raise WrongAnswerError(
        f"Of these ten codes four have norm ≥ M(1 − 1e-6), so the share is 0.4; "
        f"yours is {reply:.4g}."
    )


@exercise
def overflow_step(answer: Any) -> str:
    """(alpha) → the first whole step at which exp(α t) is infinite in float32."""
    for alpha in (5e-5, 3e-4):
        reply = _number(ask(answer, alpha))
        last_finite = math.floor(math.log(LARGEST_FLOAT32) / alpha)
        mistakes = {
            last_finite: "One step early: there exp(αt) is still finite.",
            math.log(LARGEST_FLOAT32) / alpha: (
                "Steps are whole numbers: round up to the first one past the limit."
            ),
            math.floor(math.log(torch.finfo(torch.float64).max) / alpha) + 1: (
                "That is where float64 overflows; float32 ends at about 3.4e38."
            ),
            math.floor(math.log(torch.finfo(torch.float16).max) / alpha) + 1: (
                "That is where float16 overflows; float32 ends at about 3.4e38."
            ),
            math.floor(math.log2(LARGEST_FLOAT32) / alpha) + 1: (
                "That is the logarithm to base 2; exp needs the natural one."
            ),
            math.floor(math.log(2) / alpha) + 1: (
                "There the radius has doubled; float32 holds up to about 3.4e38."
            ),
        }
        if reply == last_finite + 1:
            continue
        _name_mistake(reply, mistakes, tolerance=1e-3)
        raise WrongAnswerError(
            f"At α = {alpha:g} the exponent αt passes ln 3.4028e38 ≈ 88.72 at step "
            f"{last_finite + 1:,}; you return {reply:,.0f}, where it is "
            f"{alpha * reply:.4g}."
        )
    return "Both official rates, to the step: 1,774,457 and 295,743."


@exercise
def grow_then_hold(answer: Any) -> str:
    """(alpha, boundary) → a schedule that grows up to the boundary and then stays."""
    alpha, boundary = 0.02, 50
    schedule = ask(answer, alpha, boundary)
    if not callable(schedule):
        raise WrongAnswerError(
            "Return a schedule, something to be called with a step, "
            f"not {type(schedule).__name__}."
        )
    grown = [_number(ask(schedule, step)) for step in (0, 20, 49)]
    if not close(torch.tensor(grown), (alpha * torch.tensor([0, 20, 49])).exp(), 1e-5):
        raise WrongAnswerError(
            f"Before the boundary M should be exp({alpha} t); at steps 0, 20 and 49 "
            f"yours is {', '.join(f'{radius:.3f}' for radius in grown)}."
        )
    reached = math.exp(alpha * boundary)
    held = [_number(ask(schedule, step)) for step in (boundary, boundary + 30, 10**6)]
    first, later, last = held
    if close(torch.tensor(held), torch.full((3,), reached), 1e-5):
        return "It grows for 50 steps and keeps what it has reached, without a jump."
    _name_mistake(
        first,
        {
            1.0: (
                "At the boundary the radius drops to 1 and cuts every code back; "
                "hold the radius that has been reached, exp(α · boundary)."
            ),
            boundary: "The radius jumps to the number of the step.",
            alpha: "The radius drops to α.",
            math.exp(alpha * (boundary - 1)): (
                "One step behind: at the boundary itself M should be "
                f"exp(α · {boundary})."
            ),
        },
    )
    if later > first or last > later:
        raise WrongAnswerError(
            f"The radius still grows after the boundary: {first:.3f} at step "
            f"{boundary}, {later:.3f} at step {boundary + 30}."
        )
    raise WrongAnswerError(
        f"From step {boundary} on M should stay at {reached:.4f}; yours is "
        f"{first:.4f}, then {later:.4f}, then {last:.4f}."
    )


def _number(reply: Any) -> float:
    """The reply as a float, or the sentence that it is none."""
    if isinstance(reply, Tensor) and reply.numel() == 1:
        return float(reply)
    if isinstance(reply, bool) or not isinstance(reply, Real):
        raise WrongAnswerError(f"Return one number, not {type(reply).__name__}.")
    return float(reply)


def _name_mistake(
    reply: float, mistakes: dict[float, str], tolerance: float = 1e-6
) -> None:
    name_mistake(reply, mistakes.items(), tolerance)


def _name_tensor_mistake(reply: Tensor, mistakes: list[tuple[Tensor, str]]) -> None:
    name_mistake(reply, mistakes, 1e-5)


def _shown(code: Tensor) -> str:
    return "(" + ", ".join(f"{entry:.3f}" for entry in code.tolist()) + ")"
