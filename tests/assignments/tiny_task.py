"""A task of one line, and somebody who solves it: what a sandbox is tried with."""

from dataclasses import dataclass

import torch

from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError
from arcvq_lite.grading.sitting import examine_part


@dataclass(frozen=True)
class Unit:
    """A statement, or several, of a submission."""

    text: str
    where: str = "cell 1"


HONEST = [Unit("def double(x):\n    return 2 * x\n")]


def twice(examinee, generator):
    x = torch.randn(3, 2, generator=generator)
    reply = examinee.call("double", x)
    if not isinstance(reply, torch.Tensor) or reply.shape != x.shape:
        raise WrongAnswerError("Return a tensor of the argument's shape.")
    if not torch.allclose(reply.double(), 2 * x.double()):
        raise WrongAnswerError("This is not twice the argument.")


def slope(examinee, generator):
    x = torch.randn(4, generator=generator)
    _, (gradient,) = examinee.differentiate(
        "double", [x], with_respect_to=[0], upstream=torch.ones(4)
    )
    if gradient is None or not torch.allclose(
        gradient.double(), torch.full((4,), 2.0).double()
    ):
        raise WrongAnswerError("The slope should be 2.")


DOUBLE = Task(
    function="double",
    title="Twice",
    difficulty=1,
    minutes=1,
    parts=(
        Part(points=6, shows="doubles", examine=twice),
        Part(points=4, shows="has slope 2", examine=slope),
    ),
)


def sentences(examinee):
    """What is said of each part; None where it is right."""
    found = []
    for part in DOUBLE.parts:
        try:
            examine_part(part, examinee, seed=1)
            found.append(None)
        except WrongAnswerError as wrong:
            found.append(str(wrong))
    return found


def said_of(nursery, units):
    """`sentences` of a submission that comes and goes."""
    with nursery.admit(units) as examinee:
        return sentences(examinee)
