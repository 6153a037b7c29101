"""Several codebooks in one quantizer: their sizes, their indices, their sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from arcvq_lite.quantizers.quantized import Quantizer
from arcvq_lite.usage import codebook_sizes


def module_list(quantizers: Sequence[Quantizer]) -> nn.ModuleList:
    """The quantizers inside another one.

    Raises:
        TypeError: if one of them is no quantizer.
        ValueError: if there is none.
    """
    if isinstance(quantizers, nn.Module) and not isinstance(quantizers, nn.ModuleList):
        raise TypeError(
            "quantizers must be several, such as [VQ(512, 16), VQ(512, 16)], got one: "
            f"{type(quantizers).__name__}"
        )
    modules = nn.ModuleList()
    for position, quantizer in enumerate(quantizers):
        if not isinstance(quantizer, nn.Module) or not hasattr(quantizer, "assign"):
            raise TypeError(
                f"quantizers[{position}]={quantizer!r} must be one such as VQ(512, 16)"
            )
        modules.append(quantizer)
    if not modules:
        raise ValueError("quantizers are empty; give at least one, such as VQ(512, 16)")
    return modules


def inside(modules: nn.ModuleList) -> list[Quantizer]:
    """The quantizers of a list of modules."""
    return cast("list[Quantizer]", list(modules))


def sizes_of(quantizer: Quantizer) -> tuple[int, ...]:
    """K of each codebook."""
    return codebook_sizes(quantizer.num_codes)


def carries_gradient(quantizer: Quantizer) -> bool:
    """Whether its output has a gradient of its own, to weights or to the latents.

    Others pass the decoder's gradient to the latents as it is, and to nothing else.
    """
    return bool(getattr(quantizer, "own_gradient", False))


def codebooks_last(
    indices: Sequence[Tensor], quantizers: Sequence[Quantizer]
) -> Tensor:
    """Indices (B, *spatial) of each quantizer as (B, *spatial, G)."""
    columns = [
        one if len(sizes_of(quantizer)) > 1 else one[..., None]
        for one, quantizer in zip(indices, quantizers, strict=True)
    ]
    return torch.cat(columns, dim=-1)


def of_each(indices: Tensor, quantizers: Sequence[Quantizer]) -> list[Tensor]:
    """Indices (B, *spatial, G) as those (B, *spatial) of each quantizer.

    Raises:
        TypeError: if they are no int64 tensor.
        ValueError: if their last dimension is not G.
    """
    counts = [len(sizes_of(quantizer)) for quantizer in quantizers]
    if not isinstance(indices, Tensor) or indices.dtype != torch.int64:
        kind = getattr(indices, "dtype", type(indices).__name__)
        raise TypeError(f"indices must be int64, got {kind}")
    if indices.dim() < 2 or indices.shape[-1] != sum(counts):
        raise ValueError(
            f"indices must be (N, {sum(counts)}) or (B, *spatial, {sum(counts)}), one "
            f"of each codebook, got {tuple(indices.shape)}"
        )
    columns = indices.split(counts, dim=-1)
    return [
        column if count > 1 else column[..., 0]
        for column, count in zip(columns, counts, strict=True)
    ]


def common_terms(
    terms: Sequence[dict[str, Tensor]], weights: Sequence[float]
) -> dict[str, Tensor]:
    """Each term's weighted mean over the quantizers that have it."""
    names = dict.fromkeys(name for one in terms for name in one)
    means = {}
    for name in names:
        having = [
            (one[name], weight)
            for one, weight in zip(terms, weights, strict=True)
            if name in one
        ]
        total = sum(weight for _, weight in having)
        means[name] = torch.stack([term * weight / total for term, weight in having])
    return {name: parts.sum() for name, parts in means.items()}
