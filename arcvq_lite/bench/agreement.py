"""Whether all ways compute the same: the condition for timing them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from arcvq_lite.bench.benchmark import DisagreementError


def agreed(
    results: Mapping[str, Mapping[str, Tensor]], tolerance: float
) -> dict[str, float]:
    """How far each result is from the first, if none is too far.

    Args:
        results: For each way what it computed, tensors by name: values, gradients.
        tolerance: How far an entry may be off, relative to the largest entry of the
            first way's tensor.

    Returns:
        For each way the largest such difference over its tensors; 0 for the first.

    Raises:
        DisagreementError: if a tensor is missing, has another shape or is further off;
            it names the way, the tensor and the size of the difference.
    """
    differences: dict[str, float] = {}
    reference: Mapping[str, Tensor] | None = None
    first = ""
    for name, result in results.items():
        if reference is None:
            reference, first = result, name
        if set(result) != set(reference):
            raise DisagreementError(
                f"{name} computes {', '.join(sorted(result))}, "
                f"{first} computes {', '.join(sorted(reference))}"
            )
        differences[name] = 0.0
        for part, expected in reference.items():
            off = _difference(result[part], expected, f"{part} of {name}", first)
            if not off <= tolerance:
                raise DisagreementError(
                    f"{part} of {name} differs from that of {first} by {off:.2g} of "
                    f"its largest entry, more than the {tolerance:.2g} allowed"
                )
            differences[name] = max(differences[name], off)
    return differences


def _difference(found: Tensor, expected: Tensor, whose: str, first: str) -> float:
    if found.shape != expected.shape:
        raise DisagreementError(
            f"{whose} has shape {tuple(found.shape)}, "
            f"that of {first} {tuple(expected.shape)}"
        )
    if found is expected or torch.equal(found, expected):
        return 0.0
    wanted = expected.detach().double()
    apart = (found.detach().double() - wanted).abs().max().item()
    largest = wanted.abs().max().item()
    if largest == 0:
        return math.inf
    return apart / largest
