"""A task of A3: the margin loss and its gradient from a few codes at a time."""

from __future__ import annotations

import torch
from torch import Tensor

from arcvq_lite.check.examinee import Examinee, Value
from arcvq_lite.check.replies import as_number, as_tensor, first_miss, text
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError, close, name_mistake
from arcvq_lite.losses import arc_margin_loss


def numbers_in(value: Value) -> int:
    """How many numbers, or letters, a plain value holds."""
    if isinstance(value, Tensor):
        return value.numel()
    if isinstance(value, dict):
        return sum(numbers_in(part) for part in value.values())
    if isinstance(value, list | tuple):
        return sum(numbers_in(part) for part in value)
    return len(value) if isinstance(value, str) else 1


class _Problem:
    """Latents, a codebook and options, and what is right for them in float64."""

    def __init__(self, latents: int, codes: int, generator: torch.Generator) -> None:
        self.latents = 2 * torch.randn(latents, 4, generator=generator)
        self.codebook = torch.randn(codes, 4, generator=generator)
        draw = torch.rand(2, generator=generator).tolist()
        self.options = 3 + 4 * draw[0], 0.2 + 0.3 * draw[1], 3

    def add(self, examinee: Examinee, first: int, last: int, state: Value) -> Value:
        """The state after the codes first … last − 1."""
        block = self.codebook[first:last]
        given = (self.latents, block, len(self.codebook), *self.options, state)
        return examinee.call("add_codes", *given)

    def share(self, first: int, last: int) -> tuple[Tensor, Tensor]:
        """What these codes contribute to the loss, and to its gradient."""
        scale, margin, top_k = self.options
        leaf = self.latents.double().requires_grad_()
        rows = arc_margin_loss(
            leaf,
            self.codebook[first:last].double(),
            scale=scale,
            margin=margin,
            top_k=top_k,
            reduction="none",
        )
        loss = rows.sum() / len(self.codebook)
        return loss.detach(), torch.autograd.grad(loss, leaf)[0]

    def read(self, state: Value) -> tuple[float, Tensor]:
        """Loss and gradient in a state."""
        if not isinstance(state, dict) or not {"loss", "gradient"} <= state.keys():
            raise WrongAnswerError('Return a dict with the keys "loss" and "gradient".')
        shape = tuple(self.latents.shape)
        gradient = as_tensor(state["gradient"], shape, "the gradient")
        return as_number(state["loss"], "the loss"), gradient


def _has_its_share_of_the_loss(examinee: Examinee, generator: torch.Generator) -> None:
    problem = _Problem(9, 7, generator)
    found, _ = problem.read(problem.add(examinee, 0, 3, None))
    loss, _ = problem.share(0, 3)
    name_mistake(
        found,
        [
            (
                loss * 7 / 3,
                "That is the mean over the block's 3 codes. The block is a part of 7: "
                "its share of the mean is its sum over 7.",
            ),
            (loss * 7, "The sum of the block's losses is not divided by all 7 codes."),
            (loss / 3, "The block's mean is divided by 7 once more."),
        ],
        1e-4,
    )
    if not close(found, loss, 1e-4):
        raise WrongAnswerError(
            f"The first 3 of 7 codes contribute {text(loss)} to the loss; yours "
            f"contribute {text(found)}."
        )


def _has_its_share_of_the_gradient(
    examinee: Examinee, generator: torch.Generator
) -> None:
    problem = _Problem(9, 7, generator)
    _, found = problem.read(problem.add(examinee, 0, 3, None))
    _, wanted = problem.share(0, 3)
    name_mistake(
        found,
        [
            (
                wanted * 7 / 3,
                "That is the gradient of the block's mean; its codes are 3 of 7.",
            ),
            (wanted * 7, "The gradient of the block's sum is not divided by 7."),
            (-wanted, "The sign is turned: that is the force, minus the gradient."),
            (torch.zeros_like(wanted), "The gradient is 0 everywhere."),
        ],
        1e-4,
    )
    row = first_miss(found, wanted, 2e-4)
    if row is not None:
        raise WrongAnswerError(
            f"From the first 3 of 7 codes the gradient at latent {row} is "
            f"{text(wanted[row], 3)}; yours is {text(found[row], 3)}."
        )


def _adds_unequal_blocks(examinee: Examinee, generator: torch.Generator) -> None:
    problem = _Problem(9, 8, generator)
    state = None
    for first, last in ((0, 3), (3, 7), (7, 8)):
        state = problem.add(examinee, first, last, state)
    loss, gradient = problem.read(state)
    shares = [problem.share(*block) for block in ((0, 3), (3, 7), (7, 8))]
    wanted_loss, wanted = problem.share(0, 8)
    name_mistake(
        loss,
        [
            (shares[-1][0], "Only the last block is left: what came before is lost."),
            (
                wanted_loss / 3,
                "The blocks are averaged. They are parts of one sum, so they add up.",
            ),
            (
                torch.stack(
                    [
                        share[0] * 8 / n
                        for share, n in zip(shares, (3, 4, 1), strict=True)
                    ]
                ).mean(),
                "That is the mean of the blocks' means: a code in a small block counts "
                "more than one in a large block.",
            ),
        ],
        1e-4,
    )
    if not close(loss, wanted_loss, 2e-4):
        raise WrongAnswerError(
            f"Blocks of 3, 4 and 1 codes should add up to the loss of one matrix, "
            f"{text(wanted_loss)}; yours come to {text(loss)}."
        )
    row = first_miss(gradient, wanted, 2e-4)
    if row is not None:
        if close(gradient, shares[-1][1], 2e-4):
            raise WrongAnswerError(
                "The losses add up, and the gradient is that of the last block alone."
            )
        raise WrongAnswerError(
            f"Over blocks of 3, 4 and 1 codes the gradient at latent {row} should come "
            f"to {text(wanted[row], 3)}; yours comes to {text(gradient[row], 3)}."
        )


def _hands_on_little(examinee: Examinee, generator: torch.Generator) -> None:
    problem = _Problem(200, 120, generator)
    state, sizes = None, []
    for first in range(0, 120, 40):
        state = problem.add(examinee, first, first + 40, state)
        problem.read(state)
        sizes.append(numbers_in(state))
    allowed = 2 * problem.latents.numel() + 16
    if sizes[-1] > sizes[0] + 8:
        raise WrongAnswerError(
            f"What you hand on grows with every block, {sizes} numbers: the whole "
            "matrix would be there again in the end."
        )
    if sizes[0] > allowed:
        raise WrongAnswerError(
            f"Beside the loss one gradient, {problem.latents.numel()} numbers, has to "
            f"be handed on; your state holds {sizes[0]}."
        )
    wanted_loss, wanted = problem.share(0, 120)
    loss, gradient = problem.read(state)
    if not close(loss, wanted_loss, 1e-3) or not close(gradient, wanted, 1e-3):
        raise WrongAnswerError(
            f"Over 120 codes and 200 latents the loss should be {text(wanted_loss)}; "
            f"yours is {text(loss)}, or its gradient is off."
        )


ADD_CODES = Task(
    function="add_codes",
    title="A block of codes at a time",
    difficulty=2,
    minutes=40,
    parts=(
        Part(4, "gives a block its share of the loss", _has_its_share_of_the_loss),
        Part(
            4, "gives a block its share of the gradient", _has_its_share_of_the_gradient
        ),
        Part(4, "adds blocks of unequal sizes to the plain loss", _adds_unequal_blocks),
        Part(2, "hands on no more than one gradient", _hands_on_little),
    ),
)
