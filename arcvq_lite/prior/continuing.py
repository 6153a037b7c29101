"""The next token's logits after some tokens: everything read anew, or remembered."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from arcvq_lite.prior.transformer import TokenPrior

# The tokens so far, int64 (B, t), to the next one's logits (B, K).
Continuation = Callable[[Tensor], Tensor]


def reading_anew(prior: TokenPrior, starts: Tensor) -> Continuation:
    """The formula as it stands: at every token the whole past is read again.

    Args:
        prior: in eval mode.
        starts: int64 (B,), the classes.
    """

    def continuation(before: Tensor) -> Tensor:
        start, tokens = prior.start(starts)[:, None], prior.token(before)
        x = torch.cat([start, tokens], dim=1)  # (B, t + 1, width)
        known = prior.read(x + prior.position[: x.shape[1]])[:, -1]
        logits: Tensor = prior.head(known)
        return logits

    return continuation


def remembering(prior: TokenPrior, starts: Tensor) -> Continuation:
    """The same logits, up to rounding, from the newest token and the others' memory.

    It must be called once for every length, with 0, 1, 2 … tokens; of each it
    reads the last.

    Args:
        prior: in eval mode.
        starts: int64 (B,), the classes.
    """
    memories = prior.memories(len(starts))

    def continuation(before: Tensor) -> Tensor:
        place = before.shape[1]
        newest = prior.token(before[:, -1]) if place else prior.start(starts)
        x = newest + prior.position[place]  # (B, width)
        logits: Tensor = prior.head(prior.read(x[:, None], memories)[:, 0])
        return logits

    return continuation


def guided(continue_both: Continuation, guidance: float) -> Continuation:
    """Logits moved from those without a class towards those with it, and past them.

        logits = without + guidance · (with − without)

    Args:
        continue_both: for 2B sequences, the first B with their classes and the
            others, of the same tokens, without.
        guidance: 1 for the class alone, more to exaggerate it, 0 to forget it.

    Source: classifier-free guidance (Ho & Salimans, 2022), equation 6, whose
        weight is guidance − 1.
    """

    def continuation(before: Tensor) -> Tensor:
        both = continue_both(before.repeat(2, 1))
        with_class, without = both.chunk(2)
        return without + guidance * (with_class - without)

    return continuation
