"""A2, the codebook as a moving average, its counts smoothed."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.check.examinee import Examinee
from arcvq_lite.check.replies import as_tensor, as_things, text, worst
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError, close, name_mistake

NAMES = ("counts", "sums", "codebook")
DECAY, EPSILON = 0.8, 0.5
Named = list[tuple[Tensor, str]]


@dataclass(frozen=True)
class _Step:
    """A batch before the step, and what right code makes of it.

    Attributes:
        counts: (4,), of which code 3 has stood idle for long, so near 0.
        sums: (4, 2).
        latents: (9, 2).
        indices: (9,), none of them 2 or 3.
        taken: (4,), how many latents of the batch chose each code.
        gathered: (4, 2), their sums.
    """

    counts: Tensor
    sums: Tensor
    latents: Tensor
    indices: Tensor
    taken: Tensor
    gathered: Tensor

    @property
    def new_counts(self) -> Tensor:
        return DECAY * self.counts + (1 - DECAY) * self.taken

    @property
    def new_sums(self) -> Tensor:
        return DECAY * self.sums + (1 - DECAY) * self.gathered

    def arguments(self) -> list[Tensor | float]:
        given = self.counts, self.sums, self.latents, self.indices
        return [*given, DECAY, EPSILON]


def _draw(generator: torch.Generator) -> _Step:
    counts = 1 + 3 * torch.rand(4, generator=generator)
    counts[3] = 0
    sums = counts[:, None] * torch.randn(4, 2, generator=generator)
    latents = torch.randn(9, 2, generator=generator)
    # Three latents choose code 0 and six choose code 1, in mixed order.
    indices = (torch.randperm(9, generator=generator) > 2).long()
    owned = F.one_hot(indices, 4).float()  # (9, 4)
    return _Step(counts, sums, latents, indices, owned.sum(dim=0), owned.T @ latents)


def _ask(examinee: Examinee, step: _Step) -> tuple[Tensor, Tensor, Tensor]:
    reply = as_things(examinee.call("ema_step", *step.arguments()), NAMES)
    shapes = ((4,), (4, 2), (4, 2))
    counts, sums, codebook = (
        as_tensor(thing, shape, name)
        for thing, shape, name in zip(reply, shapes, NAMES, strict=True)
    )
    return counts, sums, codebook


def _new_counts(examinee: Examinee, generator: torch.Generator) -> None:
    step = _draw(generator)
    found, _, _ = _ask(examinee, step)
    if close(found, step.new_counts, 1e-4):
        return
    chosen = step.taken > 0
    mistakes: Named = [
        (
            (1 - DECAY) * step.counts + DECAY * step.taken,
            "Decay and 1 − decay have changed places: the old count keeps the share "
            "`decay`.",
        ),
        (
            torch.where(chosen, step.new_counts, step.counts),
            "The counts of codes that nobody chose have not decayed, so an idle code "
            "looks busy for ever.",
        ),
        (step.counts, "The counts have not changed."),
        (step.counts + step.taken, "These are totals that forget nothing."),
        (DECAY * step.counts + step.taken, "The batch is weighed by 1 − decay."),
        (
            DECAY * step.counts + (1 - DECAY) * step.taken / 9,
            "These are shares of the batch; a count is a number of latents.",
        ),
    ]
    name_mistake(found, mistakes, 1e-4)
    code = worst(found, step.new_counts)
    raise WrongAnswerError(
        f"Code {code} had the count {text(step.counts[code])}, and "
        f"{int(step.taken[code])} latents of this batch chose it. With decay {DECAY} "
        f"the new count is {text(step.new_counts[code])}, yours is {text(found[code])}."
    )


def _new_sums(examinee: Examinee, generator: torch.Generator) -> None:
    step = _draw(generator)
    _, found, _ = _ask(examinee, step)
    if close(found, step.new_sums, 1e-4):
        return
    means = step.gathered / step.taken.clamp(min=1)[:, None]
    last = torch.zeros_like(step.sums)
    last[step.indices] = step.latents
    blend = DECAY * step.sums + (1 - DECAY) * means
    mistakes: Named = [
        (
            blend,
            "You average the means of the latents; a sum needs their sum, or every "
            "code is drawn to the origin.",
        ),
        (
            (1 - DECAY) * step.sums + DECAY * step.gathered,
            "Decay and 1 − decay have changed places.",
        ),
        (
            torch.where(step.taken[:, None] > 0, step.new_sums, step.sums),
            "The sums of codes that nobody chose have not decayed while their counts "
            "have, so those codes run away from the origin.",
        ),
        (
            DECAY * step.sums + (1 - DECAY) * last,
            "Of the latents that chose one code only the last has been kept: "
            "`a[i] = z` does not add up where an index comes twice.",
        ),
        (step.sums, "The sums have not changed."),
    ]
    name_mistake(found, mistakes, 1e-4)
    code = worst(found, step.new_sums)
    raise WrongAnswerError(
        f"Code {code} had the sum {text(step.sums[code])}, and the latents that chose "
        f"it add up to {text(step.gathered[code])}. With decay {DECAY} the new sum is "
        f"{text(step.new_sums[code])}, yours is {text(found[code])}."
    )


def _smoothed_codes(examinee: Examinee, generator: torch.Generator) -> None:
    step = _draw(generator)
    # Judged by the answer's own averages, so that a mistake there costs nothing here.
    counts, sums, found = _ask(examinee, step)
    total = counts.sum()
    smoothed = (counts + EPSILON) / (total + 4 * EPSILON) * total
    wanted = sums / smoothed[:, None]
    if close(found, wanted, 1e-4):
        return
    told = (
        f"For the counts {text(counts)} and ε = {EPSILON} the smoothed counts are "
        f"{text(smoothed)}. "
    )
    if not bool(torch.isfinite(found).all()):
        raise WrongAnswerError(
            f"{told}Your code 3, which has never been chosen, is {text(found[3])}."
        )
    unsmoothed = sums / counts.clamp(min=1e-12)[:, None]
    mistakes: Named = [
        (unsmoothed, "Yours are not smoothed at all."),
        (
            sums / (counts + EPSILON)[:, None],
            "You add ε and do not scale back, so that the counts no longer sum to what "
            "they did.",
        ),
        (
            sums * (total + 4 * EPSILON) / (counts + EPSILON)[:, None],
            "These are shares, which sum to 1; multiply by the total count.",
        ),
        (
            sums * (total + EPSILON) / (counts + EPSILON)[:, None] / total,
            "Every one of the K codes receives an ε, so the total grows by K ε.",
        ),
        (
            step.sums / smoothed[:, None],
            "The sums are those from before this batch.",
        ),
    ]
    for mistake, sentence in mistakes:
        if close(found, mistake, 1e-4):
            raise WrongAnswerError(told + sentence)
    code = worst(found, wanted)
    raise WrongAnswerError(
        f"{told}Code {code} is then {text(wanted[code])}, yours is {text(found[code])}."
    )


def _no_graph(examinee: Examinee, generator: torch.Generator) -> None:
    step = _draw(generator)
    reply, (gradient,) = examinee.differentiate(
        "ema_step",
        step.arguments(),
        with_respect_to=[2],
        upstream=(None, torch.ones(4, 2), torch.ones(4, 2)),
    )
    as_tensor(as_things(reply, NAMES)[1], (4, 2), "sums")
    if gradient is not None:
        raise WrongAnswerError(
            "A gradient flows from the averages back into the latents. Each batch's "
            "graph would hang on to the one before it, until the memory is full; "
            "compute without gradients."
        )


EMA_STEP = Task(
    function="ema_step",
    title="A codebook that follows",
    difficulty=2,
    minutes=35,
    parts=(
        Part(5, "counts that remember and forget", _new_counts),
        Part(5, "sums, not means", _new_sums),
        Part(4, "codes from smoothed counts, finite for every code", _smoothed_codes),
        Part(2, "no graph kept from batch to batch", _no_graph),
    ),
)
