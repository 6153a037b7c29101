"""Checkers of chapter 00: bits, the nearest code, perplexity, a whole set's usage."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from arcvq_lite.check.verdict import (
    WrongAnswerError,
    ask,
    close,
    exercise,
    name_mistake,
)
from arcvq_lite.quantizers.quantized import nearest_cosine, nearest_euclidean


@exercise
def bits_per_picture(answer: Any) -> str:
    """(height, width, downsampling, num_codes) → bits of a picture's tokens."""
    height, width, factor, codes = 48, 64, 4, 512
    bits = _number(ask(answer, height, width, factor, codes))
    tokens = (height // factor) * (width // factor)
    mistakes = {
        tokens * math.log(codes): (
            "That is the natural logarithm, which counts nats; bits need log2."
        ),
        tokens * codes: (
            "One of K codes takes log2 K bits, not K; write the number in binary and "
            "count its digits."
        ),
        float(tokens): "That is how many tokens there are; each of them costs log2 K.",
        height * width * math.log2(codes): (
            "There is not a token for every pixel: both sides shrink by the "
            "downsampling factor first."
        ),
        height * width / factor * math.log2(codes): (
            "The downsampling factor shrinks the height and the width, so the number "
            "of tokens falls by its square."
        ),
        tokens * math.log2(codes) / 8: "Those are bytes; a byte has eight bits.",
        tokens * 8.0: "A token has log2 K bits, which is 8 only for K = 256.",
        (height // factor) * math.log2(codes): "That is one column of the grid only.",
        (width // factor) * math.log2(codes): "That is one row of the grid only.",
    }
    _judge(bits, tokens * math.log2(codes), mistakes, "a 48×64 picture, f = 4, K = 512")
    rounded = _number(ask(answer, 32, 32, 4, 100))
    _judge(
        rounded,
        64 * math.log2(100),
        {64 * 7.0: "You round log2 K up to whole bits; here it stays as it is."},
        "a 32×32 picture, f = 4, K = 100",
    )
    return "Tokens times log2 K: 448 bits for the pictures of this chapter."


@exercise
def nearest_by_angle(answer: Any) -> str:
    """(latents (N, D), codebook (K, D)) → index (N,) of the code nearest in angle."""
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(40, 5, generator=generator)
    lengths = torch.linspace(0.3, 4, 7)[:, None]
    codebook = lengths * F.normalize(torch.randn(7, 5, generator=generator), dim=1)
    reply = ask(answer, latents, codebook)
    if not isinstance(reply, Tensor):
        raise WrongAnswerError(
            f"Return a tensor of 40 indices, not {type(reply).__name__}."
        )
    _refuse_shape(tuple(reply.shape))
    if reply.is_floating_point():
        raise WrongAnswerError(
            "These are cosines, not indices: max gives the largest value, argmax the "
            "place where it stands."
        )
    _refuse_other_neighbours(reply, latents, codebook)
    return "One direction a latent, one direction a code, and the best of each row."


def _refuse_shape(shape: tuple[int, ...]) -> None:
    if shape == (7,):
        raise WrongAnswerError(
            "Wrong axis: you return one index a code, (K,), which asks each code for "
            "its best latent. Each latent chooses a code, so the answer is (N,)."
        )
    if sorted(shape) == [7, 40]:
        raise WrongAnswerError(
            "These are all the cosines; each latent takes the code of the largest one."
        )
    if shape != (40,):
        raise WrongAnswerError(
            f"The shape should be (40,), one index a latent, yours is {shape}."
        )


def _refuse_other_neighbours(reply: Tensor, latents: Tensor, codebook: Tensor) -> None:
    cosine = F.normalize(latents, dim=1) @ F.normalize(codebook, dim=1).T
    by_column = F.normalize(latents, dim=0) @ F.normalize(codebook, dim=0).T
    mistakes = [
        (
            (latents @ codebook.T).argmax(dim=1),
            "The codes are not normalised, so a long code wins although its direction "
            "is worse. Divide every code by its length first.",
        ),
        (
            nearest_euclidean(latents, codebook),
            "That is the nearest code in Euclidean distance, which looks at lengths "
            "too. Normalise latents and codes first.",
        ),
        (
            (latents - codebook[:, None]).norm(dim=2).argmax(dim=0),
            "That is the farthest code: of distances take the smallest.",
        ),
        (
            cosine.argmin(dim=1),
            "That is the code in the opposite direction: the smallest angle has the "
            "largest cosine.",
        ),
        (
            by_column.argmax(dim=1),
            "You normalise columns, dim=0; each latent and each code is a row, dim=1.",
        ),
    ]
    wanted = nearest_cosine(latents, codebook)
    if close(reply, wanted, 0):
        return
    name_mistake(reply, mistakes, 0)
    wrong = int((reply != wanted).sum())
    raise WrongAnswerError(
        f"{wrong} of 40 latents take another code than the nearest in angle. The "
        f"first should take code {int(wanted[0])}, yours takes {int(reply[0])}."
    )


@exercise
def perplexity(answer: Any) -> str:
    """Counts (K,) int64, zeros allowed → exp of the entropy of their shares."""
    counts = torch.tensor([8, 4, 2, 2])
    share = counts / 16
    nats = -(share * share.log()).sum().item()
    bits = nats / math.log(2)
    mistakes = {
        nats: "That is the entropy; the perplexity is e to its power.",
        bits: "That is the entropy in bits; the perplexity is 2 to its power.",
        math.exp(bits): (
            "Two bases are mixed: with log2 the power is one of 2, with ln one of e."
        ),
        2**nats: (
            "Two bases are mixed: with log2 the power is one of 2, with ln one of e."
        ),
        math.exp(-nats): "The minus sign of the entropy is missing.",
        4.0: (
            "That counts the codes that occur at all. Of these four one takes half of "
            "the tokens, so they are worth fewer than four."
        ),
        1 / share.square().sum().item(): (
            "That is 1 / Σ p², another effective number; the perplexity is exp(−Σ p ln "
            "p)."
        ),
        math.exp(nats / 4): "Σ p ln p is a sum over the codes, not a mean.",
    }
    reply = _number(ask(answer, counts))
    if reply < 1e-6 or not math.isfinite(reply):
        raise WrongAnswerError(
            f"For counts [8, 4, 2, 2] you return {reply}. Divide the counts by their "
            "sum first: the entropy is one of shares that add up to 1."
        )
    _judge(reply, math.exp(nats), mistakes, "counts [8, 4, 2, 2]")
    _refuse_wrong_zeros(answer)
    return "From 1, one code does it all, to K, all take turns; idle codes add nothing."


def _refuse_wrong_zeros(answer: Any) -> None:
    reply = _number(ask(answer, torch.tensor([5, 0, 5, 0, 0])))
    if math.isnan(reply):
        raise WrongAnswerError(
            "A code that never occurs gives 0 · ln 0 = 0 · (−∞) = NaN here. Its limit "
            "is 0: leave idle codes out, or use torch.special.entr."
        )
    _judge(reply, 2.0, {}, "counts [5, 0, 5, 0, 0]")


@exercise
def usage_and_perplexity(answer: Any) -> str:
    """(batches of indices, num_codes) → usage and perplexity of the whole set."""
    batches = [
        torch.tensor([[0, 0], [1, 1]]),
        torch.tensor([[2, 2], [3, 3]]),
        torch.tensor([[0]]),
    ]
    reply = ask(answer, batches, 8)
    if not isinstance(reply, tuple | list) or len(reply) != 2:
        raise WrongAnswerError("Return two numbers, `usage, perplexity`.")
    usage, effective = map(_number, reply)
    usages, perplexities = [0.25, 0.25, 0.125], [2.0, 2.0, 1.0]
    _judge(
        usage,
        0.5,
        {
            sum(usages) / 3: (
                "That is the mean of the batches' usages. No batch is large enough to "
                "show what the set uses: collect the counts first, then divide."
            ),
            sum(usages): "Summed over batches, a code that two of them use is double.",
            4.0: "Usage is a share: divide the number of used codes by K.",
            4 / 9: "Usage is a share of the K codes, not of the tokens.",
            1.0: (
                "You divide by the number of used codes; divide by num_codes, idle "
                "ones too."
            ),
            usages[-1]: "That is the usage of the last batch alone.",
            max(usages): "That is the usage of one batch alone.",
        },
        "three batches and K = 8, the usage",
    )
    share = torch.tensor([3, 2, 2, 2]) / 9
    _judge(
        effective,
        math.exp(torch.special.entr(share).sum().item()),
        {
            sum(perplexities) / 3: (
                "The usage is right, but that is the mean of the batches' "
                "perplexities; take it once, from the counts of the whole set."
            ),
            perplexities[-1]: "That is the perplexity of the last batch alone.",
        },
        "three batches and K = 8, the perplexity",
    )
    return "Counts add up over batches; shares, usages and perplexities do not."


def _number(reply: Any) -> float:
    try:
        return float(reply)
    except (TypeError, ValueError, RuntimeError):
        raise WrongAnswerError(
            f"Return one number, not {type(reply).__name__}."
        ) from None


def _judge(reply: float, wanted: float, mistakes: dict[float, str], case: str) -> None:
    if close(reply, wanted, 1e-4 * max(1.0, wanted)):
        return
    for mistake, sentence in mistakes.items():
        if close(reply, mistake, 1e-4 * max(1.0, mistake)):
            raise WrongAnswerError(sentence)
    raise WrongAnswerError(f"For {case}, {wanted:.4g} is right, yours is {reply:.4g}.")
