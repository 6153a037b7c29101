"""The ArcCosine margin loss a block of codes at a time, with little memory.

The rows of the softmax, one a code, do not know of each other, so the matrix of K × N
cosines is never whole: a band of rows is made, used and overwritten by the next. The
codes are constants and the loss is a mean, so what a row adds to the gradient of the
latents is known as soon as the row is; it is gathered on the way forward, and the way
back only multiplies it. Two matrix products and one exponential of K × N numbers are
all that is left, and memory does not grow with K.

`losses.margin_of_rows` is the same in four lines, and what tests hold this against.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from arcvq_lite.layout import float32_island
from arcvq_lite.margins import add_angular_margin
from arcvq_lite.top_k import group_maxima, top_k_of_rows

# Numbers of a band of rows and of a block of it. On a processor a block is what the
# caches nearest to the cores hold, and a band what the last one does; a band has many
# blocks, so that what is small in comparison is done for all of them at once.
# Elsewhere both are so large that it is worth starting a computation for.
_CPU_ENTRIES = (1 << 22, 1 << 19)
_OTHER_ENTRIES = (1 << 25, 1 << 25)


class MarginOptions(NamedTuple):
    """The options of `arc_margin_loss`, checked."""

    scale: float
    margin: float
    top_k: int


def is_one_block(latents: Tensor, codes: Tensor) -> bool:
    """Whether the matrix of cosines is so small that blocks gain nothing.

    Autograd through the whole matrix is the quicker way then.
    """
    return len(codes) * len(latents) <= _CPU_ENTRIES[1]


def mean_in_blocks(latents: Tensor, codes: Tensor, options: MarginOptions) -> Tensor:
    """The mean of the rows' losses.

    Args:
        latents: (N, D) of norm 1, or 0.
        codes: (K, D) of norm 1, or 0; constants.
        options: scale, margin, top_k.

    Returns:
        A scalar with a gradient to the latents.
    """
    if not (torch.is_grad_enabled() and latents.requires_grad):
        return _pass(latents, codes, options, None)[0].mean()
    mean: Tensor = _Mean.apply(latents, codes, options)
    return mean


def values_in_blocks(latents: Tensor, codes: Tensor, options: MarginOptions) -> Tensor:
    """The rows' losses (K,), each with its gradient; arguments as `mean_in_blocks`.

    How much each counts is known on the way back only, so there the rows are made
    once more.
    """
    values: Tensor = _Values.apply(latents, codes, options)
    return values


class _Mean(Function):
    @staticmethod
    def forward(
        ctx: Any, latents: Tensor, codes: Tensor, options: MarginOptions
    ) -> Tensor:
        weights = codes.new_full((len(codes),), 1 / len(codes))
        values, gradient = _pass(latents, codes, options, weights)
        ctx.save_for_backward(gradient)
        return values.mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return grad_output * gradient, None, None


class _Values(Function):
    @staticmethod
    def forward(
        ctx: Any, latents: Tensor, codes: Tensor, options: MarginOptions
    ) -> Tensor:
        ctx.save_for_backward(latents, codes)
        ctx.options = options
        return _pass(latents, codes, options, None)[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, None, None]:
        latents, codes = ctx.saved_tensors
        with float32_island(latents):
            gradient = _pass(latents, codes, ctx.options, grad_output)[1]
        return gradient, None, None


@torch.no_grad()
def _pass(
    latents: Tensor, codes: Tensor, options: MarginOptions, weights: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """The rows' losses (K,), and the gradient (N, D) of their sum by weights (K,).

    The latents of a row are the called, its top-k, and the uncalled. Of the many
    uncalled only U = Σ exp(s cos θ) and its gradient count, and they are all that is
    made block by block. The called are K × k numbers, and come together at the end.
    """
    scale, margin, top_k = options
    if top_k == len(latents):  # nobody is left to win against
        return codes.new_zeros(len(codes)), torch.zeros_like(latents)
    sizes = _sizes(latents, len(codes))
    band = latents.new_empty(sizes.band, len(latents))
    hot = latents.new_empty(sizes.block, len(latents))
    transposed = None if weights is None else torch.zeros_like(latents.T)  # (D, N)
    uncalled, cosines, places = [], [], []
    for start in range(0, len(codes), sizes.band):
        rows = slice(start, start + sizes.band)
        scaled = (scale * codes[rows]).split(sizes.block)
        logits = band[: len(codes[rows])]  # (R, N)
        blocks = logits.split(sizes.block)
        # Maxima are taken of a block as soon as it is there, for then it is at hand.
        maxima = [
            group_maxima(torch.mm(part, latents.T, out=block))
            for part, block in zip(scaled, blocks, strict=True)
        ]
        largest, indices = top_k_of_rows(logits, top_k + 1, torch.cat(maxima))
        logits.scatter_(1, indices[:, :top_k], -torch.inf)
        cosine = largest[:, :top_k] / scale
        won = (scale * add_angular_margin(cosine, margin)).logsumexp(1, keepdim=True)
        cosines.append(cosine)
        places.append(indices[:, :top_k])
        # The largest of the uncalled, from whose probability U can be had.
        next_logit = largest[:, top_k:].split(sizes.block)  # (r, 1)
        next_place = indices[:, top_k:].split(sizes.block)
        for i, block in enumerate(blocks):
            softmax = torch.softmax(block, dim=1, out=hot[: len(block)])  # (r, N)
            log_u = next_logit[i] - softmax.gather(1, next_place[i]).log()  # (r, 1)
            uncalled.append(log_u)
            if weights is not None and transposed is not None:
                first = start + i * sizes.block
                mine = slice(first, first + len(block))
                # ∂L/∂ log U is U's share of the whole denominator.
                share = (log_u - won[mine.start - start : mine.stop - start]).sigmoid()
                pull = scaled[i] * (weights[mine, None] * share)  # (r, D)
                transposed.addmm_(pull.T, softmax)

    cosine = torch.cat(cosines)  # (K, k)
    with torch.enable_grad():
        called = scale * add_angular_margin(cosine.requires_grad_(), margin)
        won = called.logsumexp(dim=1)  # (K,)
        values = torch.logaddexp(won, torch.cat(uncalled)[:, 0]) - won
    if weights is None or transposed is None:
        return values.detach(), None
    (pull,) = torch.autograd.grad(values, cosine, weights)  # (K, k)
    gradient = transposed.T.contiguous()  # (N, D)
    forces = pull[:, :, None] * codes[:, None]  # (K, k, D)
    gradient.index_add_(0, torch.cat(places).flatten(), forces.flatten(0, 1))
    return values.detach(), gradient


class _Sizes(NamedTuple):
    """How many rows a band has, and a block of it."""

    band: int
    block: int


def _sizes(latents: Tensor, codes: int) -> _Sizes:
    band, block = _CPU_ENTRIES if latents.device.type == "cpu" else _OTHER_ENTRIES
    tokens, dim = latents.shape
    # A block reads the latents and writes their gradient, D × N each. Of fewer rows
    # than D it would have more to do with these than with its own R × N.
    rows = min(codes, max(dim, block // tokens))
    return _Sizes(min(codes, max(rows, band // tokens)), rows)
