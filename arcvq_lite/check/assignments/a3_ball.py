"""Tasks of A3 on the ball: a projection that can be differentiated, and its radius."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.check.examinee import Examinee
from arcvq_lite.check.replies import as_number, as_tensor, first_miss, text
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError, close, name_mistake
from arcvq_lite.geometry import project_to_ball
from arcvq_lite.schedules import LARGEST_FLOAT32


def _codes(count: int, lengths: Tensor, generator: torch.Generator) -> Tensor:
    directions = torch.randn(count, 4, generator=generator)
    return F.normalize(directions, dim=1) * lengths[:, None]


def _cuts(examinee: Examinee, generator: torch.Generator) -> None:
    radius = 0.7 + torch.rand((), generator=generator).item()
    lengths = radius * (1.3 + 2 * torch.rand(5, generator=generator))
    codebook = _codes(5, lengths, generator)
    codebook[4] *= 1e15
    found = as_tensor(
        examinee.call("project_codes", codebook, radius), (5, 4), "the codebook"
    )
    norms = codebook.norm(dim=1, keepdim=True)
    name_mistake(
        found,
        [
            (
                codebook,
                f"Nothing has changed; every code sticks out of M = {radius:g}.",
            ),
            (
                codebook / norms,
                "Every code ends at length 1; the ball has a radius of its own.",
            ),
            (
                codebook.clamp(-radius, radius),
                "Each coordinate is clamped, which projects onto a cube and turns the "
                "code. The ball keeps its direction.",
            ),
            (
                codebook * (radius / codebook.norm(dim=0)),
                "The norms are taken along the wrong axis; a code is a row of (K, D).",
            ),
            (
                codebook * (radius / norms.max()),
                "The longest code has shortened all the others; every row has a factor "
                "of its own.",
            ),
        ],
        1e-4,
    )
    wanted = project_to_ball(codebook.double(), radius)
    row = first_miss(found, wanted, 1e-4)
    if row is not None:
        raise WrongAnswerError(
            f"A code of length {text(norms[row, 0])} at M = {text(radius)} should end "
            f"at that length in its own direction, {text(wanted[row], 3)}; yours is "
            f"{text(found[row], 3)}."
        )


def _leaves_the_inside(examinee: Examinee, generator: torch.Generator) -> None:
    radius = 1.5 + torch.rand((), generator=generator).item()
    lengths = radius * (0.1 + 0.8 * torch.rand(6, generator=generator))
    codebook = _codes(6, lengths, generator)
    codebook[3], codebook[5] = 0.0, 1e-25 * codebook[5]
    for bound in (radius, LARGEST_FLOAT32):
        found = as_tensor(
            examinee.call("project_codes", codebook, bound), (6, 4), "the codebook"
        )
        row = first_miss(found, codebook, 1e-6)
        if row is None:
            continue
        length = codebook[row].norm()
        if not bool(torch.isfinite(found[row]).all()):
            raise WrongAnswerError(
                f"A code of length {text(length)} becomes {text(found[row], 3)} at "
                f"M = {text(bound)}; something is divided by 0 or overflows."
            )
        if found[row].double().norm() > length:
            raise WrongAnswerError(
                f"A code of length {text(length)} inside the ball of M = "
                f"{text(bound)} is lifted to {text(found[row].norm())}. The ball is an "
                "upper bound."
            )
        raise WrongAnswerError(
            f"A code of length {text(length)} lies inside the ball of M = "
            f"{text(bound)} and should stay {text(codebook[row], 3)}; yours becomes "
            f"{text(found[row], 3)}."
        )


def _has_a_gradient(examinee: Examinee, generator: torch.Generator) -> None:
    lengths = torch.tensor([0.0, 0.6, 2.0, 3.5])
    codebook = _codes(4, lengths, generator)
    upstream = torch.randn(4, 4, generator=generator)
    for radius in (1.25, LARGEST_FLOAT32):
        _, (gradient,) = examinee.differentiate(
            "project_codes",
            [codebook, radius],
            with_respect_to=[0],
            upstream=upstream,
        )
        if gradient is None:
            raise WrongAnswerError(
                "No gradient reaches the codebook; the result does not depend on it."
            )
        exact = codebook.double().requires_grad_()
        (wanted,) = torch.autograd.grad(
            project_to_ball(exact, radius), exact, upstream.double()
        )
        row = first_miss(gradient, wanted, 1e-4)
        if row is None:
            continue
        where = f"At a code of length {text(lengths[row])} and M = {text(radius)}"
        if not bool(torch.isfinite(gradient[row]).all()):
            raise WrongAnswerError(
                f"{where} the value is right and the gradient is "
                f"{text(gradient[row], 3)}: a branch that was not taken has an "
                "infinite slope, and 0 times infinity is NaN."
            )
        factor = min(1.0, radius / lengths[row].item()) if lengths[row] else 1.0
        if close(gradient[row], factor * upstream[row], 1e-4):
            raise WrongAnswerError(
                f"{where} the factor is treated as a constant. It depends on the code, "
                "so along the code's own direction nothing gets through."
            )
        raise WrongAnswerError(
            f"{where} the gradient {text(upstream[row], 3)} should arrive as "
            f"{text(wanted[row], 3)}; yours is {text(gradient[row], 3)}."
        )


PROJECT_CODES = Task(
    function="project_codes",
    title="A ball that lets the gradient through",
    difficulty=2,
    minutes=30,
    parts=(
        Part(4, "cuts long codes back to the radius, each by its own factor", _cuts),
        Part(4, "leaves every code inside the ball as it is", _leaves_the_inside),
        Part(4, "has the right gradient, at zero and without limit", _has_a_gradient),
    ),
)


def _radius(examinee: Examinee, schedule: dict[str, Any], step: int) -> float:
    return as_number(examinee.call("ball_radius", schedule, step), "the radius")


def _same(found: float, wanted: float) -> bool:
    return math.isfinite(found) and abs(found - wanted) <= 1e-5 * max(1.0, wanted)


def _follows_its_kind(examinee: Examinee, generator: torch.Generator) -> None:
    draw = torch.rand(4, generator=generator).tolist()
    alpha, radius, initial = 1e-3 * (1 + draw[0]), 0.5 + draw[1], 2 + draw[2]
    total = 800 + int(400 * draw[3])
    for step in (0, 270, 600):
        growing = _radius(examinee, {"kind": "growing", "alpha": alpha}, step)
        if not _same(growing, math.exp(alpha * step)):
            mistakes = {
                math.exp(-alpha * step): "The ball shrinks; the exponent is +αt.",
                1 + alpha * step: "1 + αt is a straight line; M(t) = exp(αt).",
                (1 + alpha) ** step: "That compounds (1 + α) t times; M(t) = exp(αt).",
                alpha * step: "That is the exponent; M(t) is its exponential.",
            }
            name_mistake(growing, mistakes.items(), 1e-6)
            raise WrongAnswerError(
                f"A growing ball with α = {alpha:.5f} has M = "
                f"{math.exp(alpha * step):.4f} at step {step}; yours is {growing:g}."
            )
        held = _radius(examinee, {"kind": "constant", "radius": radius}, step)
        if not _same(held, radius):
            raise WrongAnswerError(
                f"A constant ball of {radius:.4f} has that radius at step {step} too; "
                f"yours is {held:g}."
            )
        shrinking = {"kind": "shrinking", "initial": initial, "total_steps": total}
        left = 1 - step / total
        closed = _radius(examinee, shrinking, step)
        if not _same(closed, initial * math.sqrt(left)):
            mistakes = {
                initial * left: "That closes in a straight line; the root is missing.",
                initial * math.sqrt(step / total): "It opens from 0; 1 − t/T is left.",
                math.sqrt(left): "The radius at step 0 is `initial`, not 1.",
            }
            name_mistake(closed, mistakes.items(), 1e-6)
            raise WrongAnswerError(
                f"A ball that shrinks from {initial:.4f} over {total} steps has M = "
                f"{initial * math.sqrt(left):.4f} at step {step}; yours is {closed:g}."
            )


def _stays_finite(examinee: Examinee, generator: torch.Generator) -> None:
    alpha = 5e-5 * (1 + torch.rand((), generator=generator).item())
    growing = {"kind": "growing", "alpha": alpha}
    near = int(88 / alpha)
    found = _radius(examinee, growing, near)
    if not math.isclose(found, math.exp(alpha * near), rel_tol=1e-4):
        raise WrongAnswerError(
            f"At α = {alpha:.3g} and step {near:,} the radius still fits float32, "
            f"{math.exp(alpha * near):.4g}; yours is {found:.4g}."
        )
    for step in (int(95 / alpha), 10**9):
        found = _radius(examinee, growing, step)
        if not 0.99 * LARGEST_FLOAT32 <= found <= LARGEST_FLOAT32:
            raise WrongAnswerError(
                f"At α = {alpha:.3g} and step {step:,} the radius should have stopped "
                f"at the largest float32, 3.4028e38; yours is {found:.5g}. A codebook "
                "times infinity is NaN one operation later."
            )
    shrinking = {"kind": "shrinking", "initial": 2.0, "total_steps": 500}
    for step in (500, 501, 10**9):
        found = _radius(examinee, shrinking, step)
        if found != 0:
            raise WrongAnswerError(
                f"A ball that shrinks over 500 steps has closed at step {step:,}: its "
                f"radius is 0, yours is {found:g}."
            )


def _changes_at_boundaries(examinee: Examinee, generator: torch.Generator) -> None:
    draw = torch.rand(2, generator=generator).tolist()
    first = 100 + int(50 * draw[0])
    second = first + 100
    alpha = 1e-3 * (1 + draw[1])
    schedule = {
        "kind": "pieces",
        "pieces": [
            {"kind": "constant", "radius": 0.75},
            {"kind": "growing", "alpha": alpha},
            {"kind": "shrinking", "initial": 3.0, "total_steps": 1000},
        ],
        "boundaries": [first, second],
    }
    right = [
        (first - 1, 0.75, 0.75),
        (first, math.exp(alpha * first), 1.0),
        (second - 1, math.exp(alpha * (second - 1)), math.exp(alpha * 99)),
        (second, 3 * math.sqrt(1 - second / 1000), 3.0),
        (900, 3 * math.sqrt(0.1), 3 * math.sqrt(1 - (900 - second) / 1000)),
    ]
    for step, wanted, from_own_start in right:
        found = _radius(examinee, schedule, step)
        if _same(found, wanted):
            continue
        if _same(found, from_own_start):
            raise WrongAnswerError(
                f"At step {step} the piece's clock has begun again at its boundary; "
                "every piece is called with the global step."
            )
        raise WrongAnswerError(
            f"With the boundaries {first} and {second} the radius at step {step} is "
            f"{wanted:.4f}; yours is {found:.4f}. A piece takes over at its boundary."
        )


BALL_RADIUS = Task(
    function="ball_radius",
    title="A radius for every step",
    difficulty=1,
    minutes=25,
    parts=(
        Part(4, "grows, stays and shrinks as each kind says", _follows_its_kind),
        Part(4, "is finite in float32 at any step", _stays_finite),
        Part(4, "strings pieces together on one clock", _changes_at_boundaries),
    ),
)
