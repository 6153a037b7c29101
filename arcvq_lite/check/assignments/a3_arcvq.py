"""A3, ArcVQ: the assignment after chapter 09."""

from __future__ import annotations

from arcvq_lite.check.assignments.a3_ball import BALL_RADIUS, PROJECT_CODES
from arcvq_lite.check.assignments.a3_code_blocks import ADD_CODES
from arcvq_lite.check.assignments.a3_latent_blocks import ADD_LATENTS
from arcvq_lite.check.assignments.a3_lookup import DECODE_BY_ANGLE
from arcvq_lite.check.assignments.a3_margin import ARC_MARGIN
from arcvq_lite.check.task import Assignment, Question

_SLACK = Question(
    name="slack_ball",
    title="A bound that does not bind",
    points=7,
    minutes=15,
    rubric=(
        (2, "Until step ln 1.4 / α, about 1,120; under five per cent of the run."),
        (2, "Not sound: at step 5,000 the share cannot be anything but 0, and it says "
         "nothing of the early steps, when directions and winners settle."),
        (3, "A comparison that decides: the same run with and without the ball, "
         "several seeds, usage or error on held-out images at the end."),
    ),
    asked="04160c47750bd593",
)  # fmt: skip

_AXIS = Question(
    name="two_axes",
    title="Two axes and a detached codebook",
    points=7,
    minutes=15,
    rubric=(
        (2, "Over codes: a code that no latent has among its nearest is nobody's "
         "class; it stands in denominators only, and draws no latent."),
        (2, "Over latents: every code has k positives at every step and the same "
         "weight 1/K."),
        (3, "Without the detach the codes come to the latents, the loss falls and "
         "nothing is spread; so the lowest loss is no argument."),
    ),
    asked="bd08db04851514f3",
)  # fmt: skip

A3 = Assignment(
    name="a3",
    title="ArcVQ",
    after=9,
    tasks=(
        PROJECT_CODES,
        BALL_RADIUS,
        DECODE_BY_ANGLE,
        ARC_MARGIN,
        ADD_CODES,
        ADD_LATENTS,
    ),
    questions=(_SLACK, _AXIS),
)
