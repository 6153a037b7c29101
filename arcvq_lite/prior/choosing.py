"""Choosing a code by its logits: temperature, top-k, top-p, and a draw."""

from __future__ import annotations

import torch
from torch import Tensor


def choice_probabilities(
    logits: Tensor,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Tensor:
    """Probabilities with which a code is chosen: softened, then cut to the likeliest.

        softmax(logits / temperature), cut by `keep_top_k`, then by `keep_top_p`

    Args:
        logits: (..., K).
        temperature: at least 0; above 1 evens out, below 1 sharpens, and at 0
            the likeliest code is certain.
        top_k: how many codes may be chosen; None for all.
        top_p: the share of probability that may be chosen, above 0 and at most 1;
            None for all.

    Returns:
        float64 (..., K), each row's sum is 1; on the CPU if the logits' device has
        no float64.

    Raises:
        ValueError: if an option is out of its range, or a logit is not finite.
    """
    check_choice(temperature, top_k, top_p)
    if not torch.isfinite(logits).all():
        raise ValueError(
            "logits contain NaN or infinity; look at the prior's loss while it trained"
        )
    # In float32, sums over many codes would round by more than the logits do.
    # Apple's GPUs have no float64.
    exact = (logits.cpu() if logits.device.type == "mps" else logits).double()
    gap = exact - exact.amax(dim=-1, keepdim=True)  # 0 at the likeliest, else below
    # 0 / T is 0 at T = 0 too, where every other code's logit becomes −∞.
    softened = torch.where(gap == 0, gap, gap / temperature)
    probabilities = softened.softmax(dim=-1)
    if top_k is not None:
        probabilities = keep_top_k(probabilities, top_k)
    if top_p is not None:
        probabilities = keep_top_p(probabilities, top_p)
    return probabilities


def keep_top_k(probabilities: Tensor, top_k: int) -> Tensor:
    """The `top_k` likeliest codes; of equals the first; all if there are fewer.

    Args:
        probabilities: (..., K), each row's sum 1.
        top_k: at least 1.

    Returns:
        (..., K), 0 where a code was left out, and each row's sum is 1 again.
    """
    order = probabilities.argsort(dim=-1, descending=True, stable=True)
    kept = torch.zeros_like(probabilities, dtype=torch.bool)
    return _only(probabilities, kept.scatter(-1, order[..., :top_k], True))


def keep_top_p(probabilities: Tensor, top_p: float) -> Tensor:
    """The fewest of the likeliest codes whose probabilities reach `top_p` together.

    Args:
        probabilities: (..., K), each row's sum 1.
        top_p: above 0; at 1 nothing changes.

    Returns:
        (..., K), 0 where a code was left out, and each row's sum is 1 again.

    Source: nucleus sampling (Holtzman et al., 2020), section 3.1.
    """
    if top_p >= 1:  # a rounded sum may reach 1 before the last code
        return probabilities
    ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
    likelier = ordered.cumsum(dim=-1) - ordered  # what the codes before hold
    kept = torch.zeros_like(probabilities, dtype=torch.bool)
    return _only(probabilities, kept.scatter(-1, order, likelier < top_p))


def choose(probabilities: Tensor, waits: Tensor) -> Tensor:
    """Every code comes after a wait, the likely ones soon; the first is chosen.

        argmin_j w_j / p_j,   with w_j drawn from the exponential distribution

    It is j with probability p_j, and never a code of probability 0. Logits that
    differ in their rounding alone change a choice less often than they would on
    a walk along the running sum of p, where each code's end can step over a draw.

    Args:
        probabilities: (B, K).
        waits: above 0 and finite, (B, K).

    Returns:
        int64 (B,).

    Source: the Gumbel-max trick (Maddison et al., 2014), without its logarithm.
    """
    return (probabilities / waits).argmax(dim=-1)


def check_choice(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Refuse options that no choice can be made with.

    Raises:
        ValueError: naming the option.
    """
    if not 0 <= temperature < float("inf"):
        raise ValueError(
            f"temperature={temperature} must be at least 0 and finite; 1 leaves the "
            "prior as it is"
        )
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k={top_k} must be at least 1, or None for all codes")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(
            f"top_p={top_p} must be above 0 and at most 1, or None for all codes"
        )


def _only(probabilities: Tensor, kept: Tensor) -> Tensor:
    remaining = probabilities.masked_fill(~kept, 0.0)
    return remaining / remaining.sum(dim=-1, keepdim=True)
