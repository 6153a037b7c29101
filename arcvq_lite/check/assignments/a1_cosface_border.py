"""A1, the border of CosFace between two arrows, where there is one."""

from __future__ import annotations

import math

import torch

from arcvq_lite.check.examinee import Examinee, NotAttemptedError
from arcvq_lite.check.replies import (
    as_number,
    text,
)
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError, name_mistake


def _cosface_border(between: float, margin: float) -> float:
    return between / 2 - math.asin(margin / (2 * math.sin(between / 2)))


def _border(examinee: Examinee, generator: torch.Generator) -> None:
    draws = torch.rand(6, 2, generator=generator).tolist()
    for number, (wide, strict) in enumerate(draws):
        between = round(0.4 + 2.3 * wide, 2)
        share = 0.0 if number == 5 else 0.2 + 0.7 * strict
        margin = math.floor(1000 * share * (1 - math.cos(between))) / 1000
        reply = examinee.call("cosface_border", between, margin)
        wanted = _cosface_border(between, margin)
        told = f"For arrows {between} rad apart and a margin of {margin} "
        if reply is None:
            raise NotAttemptedError(
                f"Not attempted yet, or too early: {told[0].lower()}{told[1:]}you "
                "return None, and the border exists."
            )
        found = as_number(reply)
        if abs(found - wanted) < 1e-4:
            continue
        mistakes = [
            (between / 2, "That is half-way, the border without a margin."),
            (
                (between - margin) / 2,
                "That is ArcFace's border, where the margin is an angle; CosFace's is "
                "a difference of cosines.",
            ),
            (between - wanted, "That is the other class's border."),
            (math.degrees(wanted), "That is in degrees; return radians."),
            (
                between / 2 - math.asin(min(margin, 1)),
                "The factor in front of the sine is missing: the difference of two "
                "cosines is a product with 2 sin(between/2).",
            ),
            (math.acos(margin - 1 + 1e-12), "The rival's cosine depends on θ too."),
        ]
        name_mistake(found, mistakes, 1e-4)
        gap = math.cos(found) - margin - math.cos(between - found)
        raise WrongAnswerError(
            f"{told}the border is at θ = {text(wanted)} rad; at your θ = {text(found)} "
            f"the two sides cos θ − m and cos(between − θ) differ by {text(gap)}."
        )


def _no_border(examinee: Examinee, generator: torch.Generator) -> None:
    for excess in (1.05, 1.3, 4.0):
        between = round(0.3 + 0.5 * float(torch.rand((), generator=generator)), 2)
        margin = round(excess * (1 - math.cos(between)) + 0.01, 3)
        reply = examinee.call("cosface_border", between, margin)
        if reply is not None:
            raise WrongAnswerError(
                f"For arrows {between} rad apart and a margin of {margin} even a point "
                f"on its arrow has 1 − {margin} = {text(1 - margin)} against "
                f"cos {between} = {text(math.cos(between))}, so no point satisfies the "
                f"margin; return None there, not {text(as_number(reply))}."
            )
    # A function that returns None for everything has found nothing out.
    if examinee.call("cosface_border", 1.0, 0.1) is None:
        raise NotAttemptedError("Not attempted yet: your function returns None.")


COSFACE_BORDER = Task(
    function="cosface_border",
    title="Where CosFace draws its border",
    difficulty=2,
    minutes=35,
    parts=(
        Part(8, "the angle at which both sides are equal", _border),
        Part(4, "None where no point can satisfy the margin", _no_border),
    ),
)
