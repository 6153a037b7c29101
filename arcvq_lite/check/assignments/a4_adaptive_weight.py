"""A task of A4: the critic's term at a weight that it sets itself."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from arcvq_lite.adversarial import balance
from arcvq_lite.check.examinee import Examinee
from arcvq_lite.check.replies import as_number, as_things, first_miss, text
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError, name_mistake

_DELTA, _LARGEST = 1e-4, 1e4


class _Scene:
    """A last layer, what it should paint, a critic, and the right answer in float64."""

    def __init__(
        self,
        generator: torch.Generator,
        loudness: float = 1.0,
        critic: float = 1.0,
        step: int = 9,
    ) -> None:
        self.features = loudness * torch.randn(6, 3, generator=generator)
        self.weight = torch.randn(4, 3, generator=generator)
        self.images = loudness * torch.randn(6, 4, generator=generator)
        self.critic = critic * torch.randn(4, generator=generator)
        self.factor = 0.5 + torch.rand((), generator=generator).item()
        self.step, self.start = step, 9

    def ask(
        self, examinee: Examinee, upstream: Tensor | None
    ) -> tuple[float, float, list[Tensor | None]]:
        """Total and λ of the answer, and the gradients at features and weight."""
        given = [self.features, self.weight, self.images, self.critic, self.factor]
        reply, gradients = examinee.differentiate(
            "balanced_loss",
            [*given, self.step, self.start],
            with_respect_to=[0, 1],
            upstream=None if upstream is None else (upstream, None),
        )
        total, weight = as_things(reply, ("total", "λ"))
        found = as_number(weight, "λ")
        return as_number(total, "the total"), found, gradients

    def terms(self) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Reconstruction and critic term, and the leaves features and weight."""
        leaves = [x.double().requires_grad_() for x in (self.features, self.weight)]
        painted = leaves[0] @ leaves[1].T  # (N, C)
        reconstruction = (painted - self.images.double()).abs().mean()
        return reconstruction, -(painted @ self.critic.double()).mean(), leaves

    def norms(self, at: int = 1) -> tuple[Tensor, Tensor]:
        """Of both terms' gradients, at features (0) or weight (1)."""
        reconstruction, gan, leaves = self.terms()
        pulls = [
            torch.autograd.grad(term, leaves[at], retain_graph=True)[0].norm()
            for term in (reconstruction, gan)
        ]
        return pulls[0], pulls[1]

    def pulls(self, weight: float) -> tuple[Tensor, ...]:
        """Gradients of reconstruction + weight · gan, at features and weight."""
        reconstruction, gan, leaves = self.terms()
        return torch.autograd.grad(reconstruction + weight * gan, leaves)


def _balances(examinee: Examinee, generator: torch.Generator) -> None:
    scene = _Scene(generator)
    total, found, _ = scene.ask(examinee, None)
    pixels, critic = scene.norms()
    wanted = balance(pixels, critic).item()
    at_features = scene.norms(at=0)
    if not _same(found, wanted):
        name_mistake(
            found,
            [
                (critic / (pixels + _DELTA), "The ratio is upside down."),
                (
                    at_features[0] / (at_features[1] + _DELTA),
                    "Those are the gradients at the features; λ compares the two at "
                    "the last layer's weight.",
                ),
                (
                    pixels.square() / (critic.square() + _DELTA),
                    "Those are squared norms; the ratio is of the norms.",
                ),
                (scene.factor * wanted, "The factor belongs to the total, not to λ."),
            ],
            1e-4,
        )
        raise WrongAnswerError(
            f"With gradients of norm {text(pixels)} and {text(critic)} at the weight λ "
            f"is {text(wanted)}; yours is {text(found)}."
        )
    reconstruction, gan, _ = scene.terms()
    right = (reconstruction + scene.factor * wanted * gan).item()
    if _same(total, right):
        return
    name_mistake(
        total,
        [
            (reconstruction + wanted * gan, "The factor is missing from the total."),
            (
                reconstruction - scene.factor * wanted * gan,
                "The critic's term has the wrong sign; the autoencoder wants high "
                "scores, so its term is minus their mean.",
            ),
        ],
        1e-4,
    )
    raise WrongAnswerError(
        f"λ is right. With it the total is {text(right)}; yours is {text(total)}."
    )


def _is_guarded(examinee: Examinee, generator: torch.Generator) -> None:
    for loudness, faintness in ((1.0, 3e-4), (20.0, 0.0), (1.0, 0.0)):
        scene = _Scene(generator, loudness, faintness)
        _, found, _ = scene.ask(examinee, None)
        pixels, critic = scene.norms()
        wanted = balance(pixels, critic).item()
        if _same(found, wanted):
            continue
        pulls = f"gradients of norm {text(pixels)} and {text(critic)}"
        if critic and _same(found, (pixels / critic).item()):
            raise WrongAnswerError(
                f"With {pulls} λ is {text(wanted)}, yours is {text(found)}: the 1e-4 "
                "below the line is missing."
            )
        if wanted == _LARGEST and found > _LARGEST:
            raise WrongAnswerError(
                f"With {pulls} your λ is {text(found)}; it goes no higher than 10⁴."
            )
        raise WrongAnswerError(
            f"With {pulls} λ is {text(wanted)}; yours is {text(found)}."
        )


def _is_a_constant(examinee: Examinee, generator: torch.Generator) -> None:
    scene = _Scene(generator)
    one = torch.tensor(1.0)
    _, _, gradients = scene.ask(examinee, one)
    wanted = scene.pulls(scene.factor * balance(*scene.norms()).item())
    alone = scene.pulls(0.0)
    for name, found, right, without in zip(
        ("features", "weight"), gradients, wanted, alone, strict=True
    ):
        if found is None:
            raise WrongAnswerError(
                f"No gradient of the total reaches the {name}; is it detached?"
            )
        row = first_miss(found, right, 1e-4)
        if row is None:
            continue
        if first_miss(found, without, 1e-4) is None:
            raise WrongAnswerError(
                f"At the {name} only the reconstruction pulls; the critic's term is "
                "detached."
            )
        raise WrongAnswerError(
            f"At row {row} of the {name} the gradient of the total should be "
            f"{text(right[row], 3)}, with λ a constant; yours is "
            f"{text(found[row], 3)}. λ must not be moved by training."
        )


def _waits(examinee: Examinee, generator: torch.Generator) -> None:
    scene = _Scene(generator, step=8)
    total, found, gradients = scene.ask(examinee, torch.tensor(1.0))
    reconstruction, _, _ = scene.terms()
    if not _same(total, reconstruction.item()):
        raise WrongAnswerError(
            f"At step 8 with a start of 9 the total is the reconstruction alone, "
            f"{text(reconstruction.item())}; yours is {text(total)}."
        )
    if found != 0:
        raise WrongAnswerError(f"Before its start λ is 0; yours is {text(found)}.")
    for found_pull, right in zip(gradients, scene.pulls(0.0), strict=True):
        if found_pull is None or first_miss(found_pull, right, 1e-4) is not None:
            raise WrongAnswerError(
                "Before the start the gradient is the reconstruction's alone."
            )


def _same(found: float, wanted: float) -> bool:
    return math.isfinite(found) and abs(found - wanted) <= 2e-4 * max(1.0, abs(wanted))


BALANCED_LOSS = Task(
    function="balanced_loss",
    title="As loud as the pixels",
    difficulty=2,
    minutes=40,
    parts=(
        Part(6, "weighs two pulls at the last layer", _balances),
        Part(4, "guards the ratio below and above", _is_guarded),
        Part(5, "treats the weight as a constant", _is_a_constant),
        Part(3, "leaves the critic out before its start", _waits),
    ),
)
