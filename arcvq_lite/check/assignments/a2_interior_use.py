"""A2, usage and perplexity of a whole set, without the tokens at the border."""

from __future__ import annotations

import torch
from torch import Tensor

from arcvq_lite.check.examinee import Examinee
from arcvq_lite.check.replies import as_number, as_things, text
from arcvq_lite.check.task import Part, Task
from arcvq_lite.check.verdict import WrongAnswerError, close, name_mistake

NAMES = ("usage", "perplexity")
K = 12


def _batches(generator: torch.Generator) -> list[Tensor]:
    """Three batches of maps, none alike in size; the border speaks other codes."""
    batches = []
    for words, shape in ((7, (2, 4, 5)), (6, (1, 6, 6)), (2, (3, 3, 5))):
        inner = torch.randint(words, shape, generator=generator)
        tokens = torch.randint(8, K - 1, shape, generator=generator)
        tokens[:, 1:-1, 1:-1] = inner[:, 1:-1, 1:-1]
        batches.append(tokens)
    return batches


def _inner(batches: list[Tensor]) -> list[Tensor]:
    return [tokens[:, 1:-1, 1:-1].flatten() for tokens in batches]


def _use(tokens: Tensor) -> tuple[float, float]:
    counts = tokens.bincount(minlength=K).double()
    share = counts / counts.sum()
    entropy = torch.special.entr(share).sum()
    return float((counts > 0).double().mean()), float(entropy.exp())


def _ask(examinee: Examinee, batches: list[Tensor], border: int) -> tuple[float, float]:
    reply = as_things(examinee.call("interior_use", batches, K, border), NAMES)
    usage, perplexity = reply
    return as_number(usage, "the usage"), as_number(perplexity, "the perplexity")


def _usage(examinee: Examinee, generator: torch.Generator) -> None:
    batches = _batches(generator)
    found, _ = _ask(examinee, batches, 1)
    wanted, _ = _use(torch.cat(_inner(batches)))
    if close(found, wanted, 1e-5):
        return
    every = torch.cat([tokens.flatten() for tokens in batches])
    single = [_use(tokens)[0] for tokens in _inner(batches)]
    used = round(wanted * K)
    mistakes = [
        (_use(every)[0], "The tokens at the border have been counted."),
        (
            sum(single) / 3,
            "That is the mean of the batches' usages; what a set uses, no batch shows. "
            "Add up the counts first.",
        ),
        (float(used), "Usage is a share: divide the number of used codes by K."),
        (1.0, "You divide by the number of used codes, or by the largest index."),
        (single[-1], "That is the usage of the last batch alone."),
    ]
    name_mistake(found, mistakes, 1e-5)
    raise WrongAnswerError(
        f"{used} of {K} codes occur away from the border, so the usage is "
        f"{text(wanted)}; yours is {text(found)}."
    )


def _perplexity(examinee: Examinee, generator: torch.Generator) -> None:
    batches = _batches(generator)
    _, found = _ask(examinee, batches, 1)
    inner = torch.cat(_inner(batches))
    _, wanted = _use(inner)
    if close(found, wanted, 1e-3):
        return
    if found != found:
        raise WrongAnswerError(
            "The perplexity is NaN. A code that never occurs has p = 0, and p ln p "
            "counts as 0 then."
        )
    every = torch.cat([tokens.flatten() for tokens in batches])
    single = torch.tensor([_use(tokens)[1] for tokens in _inner(batches)])
    shares = [tokens.bincount(minlength=K) / len(tokens) for tokens in _inner(batches)]
    mean_share = torch.stack(shares).mean(dim=0)
    entropy = torch.tensor(wanted).log()
    mistakes = [
        (_use(every)[1], "The tokens at the border have been counted."),
        (
            single.mean(),
            "That is the mean of the batches' perplexities; add up the counts first, "
            "then measure once.",
        ),
        (
            single.log().mean().exp(),
            "The entropies of the batches have been averaged; add up the counts first.",
        ),
        (
            torch.special.entr(mean_share).sum().exp(),
            "The shares of the batches have been averaged, as if all batches were "
            "equally large; add up the counts.",
        ),
        (entropy, "That is the entropy; the perplexity is e to its power."),
        (
            (entropy / torch.tensor(2.0).log()).exp(),
            "Two bases are mixed: with log2 the power is one of 2, with ln one of e.",
        ),
        ((-entropy).exp(), "The minus sign of the entropy is missing."),
        (single[-1], "That is the perplexity of the last batch alone."),
    ]
    name_mistake(found, mistakes, 1e-3)
    counts = inner.bincount(minlength=K)
    raise WrongAnswerError(
        f"Away from the border the codes occur {counts.tolist()} times, which is a "
        f"perplexity of {text(wanted)}; yours is {text(found)}."
    )


def _edges(examinee: Examinee, generator: torch.Generator) -> None:
    batches = _batches(generator)
    every = torch.cat([tokens.flatten() for tokens in batches])
    found, wanted = _ask(examinee, batches, 0), _use(every)
    if not close(torch.tensor(found), torch.tensor(wanted), 1e-3):
        why = " What does a slice make of −0?" if found[0] == 0 else ""
        raise WrongAnswerError(
            f"With a border of 0 every token counts: usage {text(wanted[0])} and "
            f"perplexity {text(wanted[1])}, yours are {text(found[0])} and "
            f"{text(found[1])}.{why}"
        )
    # Of these maps only those of the second batch have anything inside.
    found = _ask(examinee, batches, 2)
    wanted = _use(batches[1][:, 2:-2, 2:-2].flatten())
    if not close(torch.tensor(found), torch.tensor(wanted), 1e-3):
        raise WrongAnswerError(
            f"With a border of 2 some maps have nothing inside; the others have usage "
            f"{text(wanted[0])} and perplexity {text(wanted[1])}, yours are "
            f"{text(found[0])} and {text(found[1])}."
        )


INTERIOR_USE = Task(
    function="interior_use",
    title="How much of the codebook speaks inside?",
    difficulty=2,
    minutes=25,
    parts=(
        Part(4, "usage of a whole set, away from the border", _usage),
        Part(4, "perplexity from summed counts", _perplexity),
        Part(2, "no border, and maps that are all border", _edges),
    ),
)
