"""Sampling: new sequences of codes from a prior, one token after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from arcvq_lite.prior.choosing import check_choice, choice_probabilities, choose
from arcvq_lite.prior.continuing import (
    Continuation,
    guided,
    reading_anew,
    remembering,
)
from arcvq_lite.prior.transformer import TokenPrior


@torch.no_grad()
def sample(
    prior: TokenPrior,
    count: int,
    *,
    classes: Tensor | int | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    guidance: float = 1.0,
    cached: bool = True,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw sequences of codes from a prior, for `decode` after a reshape to a grid.

    The prior is used in eval mode, in its own dtype whatever autocast says, and
    left in the mode it had.

    Args:
        prior: a trained one, not wrapped.
        count: B, how many sequences.
        classes: int64 (B,), or one number for all, `prior.no_class` among them;
            None for a prior without classes.
        temperature: at least 0, as for `choice_probabilities`, like `top_k` and
            `top_p`.
        top_k: how many codes may be chosen; None for all.
        top_p: the share of probability that may be chosen; None for all.
        guidance: 1 for the class as it was learnt; more exaggerates it, and takes
            twice the work.
        cached: remember keys and values instead of reading all tokens again for
            each: the same samples sooner. The two round their logits
            differently, so in float32 about one choice in a million may be
            another; `prior.double()` rules this out.
        generator: of the draws, on the CPU for the same ones on any device; None
            for torch's own.

    Returns:
        int64 (B, L) on the prior's device.

    Raises:
        TypeError: if the classes are not int64.
        ValueError: if an option is out of its range, classes are missing or not
            wanted, or guidance other than 1 is asked of a prior without classes.

    Example:
        >>> prior = TokenPrior(num_codes=32, length=16, width=64)
        >>> sample(prior, 4, top_p=0.9).unflatten(1, (4, 4)).shape
        torch.Size([4, 4, 4])
    """
    check_choice(temperature, top_k, top_p)
    if count < 1:
        raise ValueError(f"count={count} must be at least 1")
    _check_guidance(prior, guidance)
    device = prior.position.device
    if isinstance(classes, int):
        classes = torch.full((count,), classes)
    starts = prior.starts(count, classes, device)  # (B,)
    indices = torch.empty(count, prior.length, dtype=torch.int64, device=device)
    with _as_in_evaluation(prior), torch.autocast(device.type, enabled=False):
        following = _continuation(prior, starts, guidance, cached)
        for place in range(prior.length):
            logits = following(indices[:, :place])  # (B, K)
            probabilities = choice_probabilities(
                logits, temperature=temperature, top_k=top_k, top_p=top_p
            )
            indices[:, place] = choose(probabilities, _waits(probabilities, generator))
    return indices


def _continuation(
    prior: TokenPrior, starts: Tensor, guidance: float, cached: bool
) -> Continuation:
    follow = remembering if cached else reading_anew
    if guidance == 1:
        return follow(prior, starts)
    without = torch.full_like(starts, prior.no_class)
    return guided(follow(prior, torch.cat([starts, without])), guidance)


def _waits(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draws of the exponential distribution, in the shape of a tensor."""
    device = like.device if generator is None else generator.device
    waits = torch.empty(like.shape, dtype=like.dtype, device=device)
    # A draw may round to 0, and 0 / 0 would be chosen.
    least = torch.finfo(like.dtype).tiny
    return waits.exponential_(generator=generator).clamp_(min=least).to(like.device)


@contextmanager
def _as_in_evaluation(module: nn.Module) -> Iterator[None]:
    """Eval mode, and after it every part in the mode it had."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def _check_guidance(prior: TokenPrior, guidance: float) -> None:
    if not 0 <= guidance < math.inf:
        raise ValueError(
            f"guidance={guidance} must be at least 0 and finite; 1 is the class as "
            "it was learnt"
        )
    if guidance != 1 and prior.classes is None:
        raise ValueError(
            f"guidance={guidance} needs classes, and the prior has none; leave it at 1"
        )
