"""A2, quantization: the assignment after chapter 06."""

from arcvq_lite.check.assignments.a2_ema_step import EMA_STEP
from arcvq_lite.check.assignments.a2_interior_use import INTERIOR_USE
from arcvq_lite.check.assignments.a2_nearest_codes import NEAREST_CODES
from arcvq_lite.check.assignments.a2_quantize_padded import QUANTIZE_PADDED
from arcvq_lite.check.assignments.a2_restart_dead import RESTART_DEAD
from arcvq_lite.check.assignments.a2_spread_codes import SPREAD_CODES
from arcvq_lite.check.task import Assignment, Question

RARE = Question(
    name="rare",
    title="Dead, or only rare?",
    points=9,
    minutes=20,
    rubric=(
        (3, "A perfect codebook of 1,024 codes would show 1 − (1 − 1/1024)^2048, about "
         "86 %, on 2,048 tokens; so at least 14 of the 29 % may be chance."),
        (2, "Unequal shares make it fewer still, so that 71 % may be no loss at all."),
        (2, "What to do: sum the counts over many more images (several times as many "
         "tokens as codes), then measure once."),
        (2, "A sign that a code is dead and not rare: its running count keeps falling, "
         "or its length or place keeps it from ever winning."),
    ),
    asked="f8aaeac7f854aa2f",
)  # fmt: skip

PADDING = Question(
    name="padding",
    title="Silence in the codebook",
    points=9,
    minutes=20,
    rubric=(
        (3, "The padding is one point with very many latents: it wins a code of its "
         "own, or draws the nearest one to itself, and takes it from real tokens."),
        (2, "The moving average's counts are dominated by it, so that codes of real "
         "tokens look idle beside it where a share is the threshold."),
        (2, "The perplexity falls, since one code has most of the shares, though the "
         "real tokens are spread as before; usage hardly changes."),
        (2, "The loss looks better than it is: padding is met almost exactly and "
         "dilutes the mean."),
    ),
    asked="d2ee25e5bcf2732d",
)  # fmt: skip

A2 = Assignment(
    name="a2",
    title="Quantization",
    after=6,
    tasks=(
        NEAREST_CODES,
        QUANTIZE_PADDED,
        EMA_STEP,
        INTERIOR_USE,
        RESTART_DEAD,
        SPREAD_CODES,
    ),
    questions=(RARE, PADDING),
)
