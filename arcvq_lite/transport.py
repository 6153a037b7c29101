"""Entropic optimal transport: the cheapest way to carry one mass onto another."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class EntropicTransport(NamedTuple):
    """What `entropic_transport` returns.

    Attributes:
        value: the scalar W_ε, with its gradient to cost and masses.
        plan: P (N, K), how much goes from each row to each column; detached.
    """

    value: Tensor
    plan: Tensor


def entropic_transport(
    cost: Tensor,
    rows: Tensor,
    columns: Tensor,
    *,
    epsilon: float | Tensor,
    iterations: int,
) -> EntropicTransport:
    """Sinkhorn's iterations in the logarithm, and the value that they lead to.

        W_ε = min_P ⟨P, C⟩ + ε KL(P ‖ a bᵀ)   with row sums a and column sums b
        f_i ← −ε log Σ_j b_j exp((g_j − C_ij) / ε)
        g_j ← −ε log Σ_i a_i exp((f_i − C_ij) / ε)
        P_ij = a_i b_j exp((f_i + g_j − C_ij) / ε),     W_ε = ⟨a, f⟩ + ⟨b, g⟩

    The iterations are outside the graph. At the optimum the gradient of W_ε is P
    to the cost, f to a and g to b, by the envelope theorem; that gradient is
    returned, so that the memory does not grow with the iterations. The update of g
    comes last: the column sums are right after any number of iterations, the row
    sums as far as these have converged.

    Args:
        cost: C (N, K), floating point.
        rows: a (N,), at least 0, with sum 1.
        columns: b (K,), at least 0, with sum 1.
        epsilon: ε, above 0, in the units of the cost.
        iterations: updates of f and g, at least 1.

    Returns:
        An `EntropicTransport` in the cost's dtype.

    Raises:
        ValueError: if a shape or an option is refused.

    Source: Cuturi (2013), for the regularisation and the iterations; Peyré & Cuturi
        (2019), section 4.4, for the logarithmic form.
    """
    if cost.shape != (*rows.shape, *columns.shape) or cost.dim() != 2:
        raise ValueError(
            "cost must be (N, K), rows (N,) and columns (K,), got "
            f"{tuple(cost.shape)}, {tuple(rows.shape)} and {tuple(columns.shape)}"
        )
    if iterations < 1:
        raise ValueError(f"iterations={iterations} must be at least 1")
    if not epsilon > 0:
        raise ValueError(f"epsilon={epsilon} must be above 0")
    with torch.no_grad():
        scaled = cost / epsilon  # (N, K)
        log_a, log_b = rows.log()[:, None], columns.log()  # (N, 1), (K,)
        g = torch.zeros_like(log_b)  # in units of ε, as f
        for _ in range(iterations):
            f = -torch.logsumexp(log_b + g - scaled, dim=1, keepdim=True)  # (N, 1)
            g = -torch.logsumexp(log_a + f - scaled, dim=0)  # (K,)
        plan = (log_a + log_b + f + g - scaled).exp()  # (N, K)
        f, g = epsilon * f[:, 0], epsilon * g
    value = (rows * f).sum() + (columns * g).sum()
    # 0 in value; going back, the plan to the cost.
    value = value + (plan * (cost - cost.detach())).sum()
    return EntropicTransport(value, plan)
