"""A1, margins: the assignment after chapter 03."""

from arcvq_lite.check.assignments.a1_class_cosines import CLASS_COSINES
from arcvq_lite.check.assignments.a1_combined_logits import COMBINED_LOGITS
from arcvq_lite.check.assignments.a1_cosface_border import COSFACE_BORDER
from arcvq_lite.check.assignments.a1_gradient import ARCFACE_GRADIENT
from arcvq_lite.check.assignments.a1_largest_margin import LARGEST_MARGIN
from arcvq_lite.check.assignments.a1_stable_margin import STABLE_ANGULAR_MARGIN
from arcvq_lite.check.task import Assignment, Question

ZONES = Question(
    name="zones",
    title="Two kinds of no man's land",
    points=10,
    minutes=20,
    rubric=(
        (3, "ArcFace's zone is m wide whatever the angle between the arrows, and 0.5 "
         "fits into 0.7 rad."),
        (3, "At 2 rad CosFace's zone is about 0.42 rad wide (accept 0.40 to 0.44), "
         "from the border of the task."),
        (2, "At 0.7 rad CosFace's margin of 0.35 cannot be met: the most is "
         "1 − cos 0.7, about 0.24."),
        (2, "The reason: the cosine is flat near the arrow, so a fixed amount of it is "
         "a wide angle there; the demand grows as the arrows come closer."),
    ),
    asked="2d648da717f6b33a",
)  # fmt: skip

ROOM = Question(
    name="room",
    title="A demand that nobody can meet",
    points=10,
    minutes=20,
    rubric=(
        (4, "The gap of a point is at most the angle between the arrows, 0.4 rad, "
         "reached on the arrow; a margin of 0.5 stays unmet there."),
        (3, "The loss does not come near 0: on the arrow the rival's logit is larger, "
         "s cos 0.4 against s cos 0.5, so the loss is above ln 2 (1.54 at s = 30)."),
        (2, "The accuracy without the margin can be 100 % all the while, so it "
         "does not show the fault; the gap or the loss does."),
        (1, "A cure with a reason: a smaller margin, or arrows that may move apart."),
    ),
    asked="b739388fefeac925",
)  # fmt: skip

A1 = Assignment(
    name="a1",
    title="Margins",
    after=3,
    tasks=(
        CLASS_COSINES,
        STABLE_ANGULAR_MARGIN,
        COMBINED_LOGITS,
        COSFACE_BORDER,
        ARCFACE_GRADIENT,
        LARGEST_MARGIN,
    ),
    questions=(ZONES, ROOM),
)
