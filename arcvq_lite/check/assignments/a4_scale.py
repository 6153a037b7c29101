"""A4, scale: the assignment after chapter 12."""

from __future__ import annotations

from arcvq_lite.check.assignments.a4_accumulation import ADD_MICRO_BATCH
from arcvq_lite.check.assignments.a4_adaptive_weight import BALANCED_LOSS
from arcvq_lite.check.assignments.a4_bill import TRAINING_BILL
from arcvq_lite.check.assignments.a4_checkpoint import SAVE_CHECKPOINT
from arcvq_lite.check.assignments.a4_sampler import REMAINING_BATCHES
from arcvq_lite.check.task import Assignment, Question

_POWER = Question(
    name="power_cut",
    title="What a test cannot unplug",
    points=7,
    minutes=15,
    rubric=(
        (3, "Without a sync before the rename the name may reach the disk before the "
         "content: half a file, or an empty one, under the good name."),
        (2, "Without a sync of the folder the old file may come back: whole, but not "
         "the state that the program believes to be safe."),
        (2, "The full disk of the test stops writing; it does not lose what the system "
         "has accepted, and what it has accepted is in memory only."),
    ),
    asked="d07b72b75f368ad5",
)  # fmt: skip

_RANKS = Question(
    name="other_ranks",
    title="From four ranks to two",
    points=7,
    minutes=15,
    rubric=(
        (3, "Names the images of global batch b on four ranks and on two for the "
         "answer's own way of dealing, and says whether they are the same set."),
        (2, "Blocks of the epoch differ; dealing in turn or slicing global batches "
         "does not, up to the images that fill up the end."),
        (2, "Equal images do not make an equal run: the margin (or batch norm, or the "
         "adaptive weight) is of one rank's share."),
    ),
    asked="0fc85180bfd22b32",
)  # fmt: skip

A4 = Assignment(
    name="a4",
    title="Scale",
    after=12,
    tasks=(
        BALANCED_LOSS,
        REMAINING_BATCHES,
        ADD_MICRO_BATCH,
        SAVE_CHECKPOINT,
        TRAINING_BILL,
    ),
    questions=(_POWER, _RANKS),
)
