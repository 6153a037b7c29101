"""The assignments by name: what is asked in each, and how it is examined."""

from arcvq_lite.check.assignments.a1_margins import A1
from arcvq_lite.check.assignments.a2_quantization import A2
from arcvq_lite.check.assignments.a3_arcvq import A3
from arcvq_lite.check.assignments.a4_scale import A4
from arcvq_lite.check.task import Assignment

ASSIGNMENTS: dict[str, Assignment] = {
    assignment.name: assignment for assignment in (A1, A2, A3, A4)
}

__all__ = ["ASSIGNMENTS"]
