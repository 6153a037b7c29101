"""SHA-256 of weights and files, so that a number can be traced to what gave it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor


def digest_tensors(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of tensors: of their names, dtypes, shapes and bytes.

    Args:
        tensors: by name; their order does not matter, nor the device they are on.

    Returns:
        64 hexadecimal digits.
    """
    sha = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu()
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        sha.update(tensor.reshape(-1).contiguous().view(torch.uint8).numpy().data)
    return sha.hexdigest()


def digest_codebook(codebook: Tensor) -> str:
    """SHA-256 of a codebook (K, D), which names it in a token file."""
    return digest_tensors({"codebook": codebook})


def digest_file(path: Path) -> str:
    """SHA-256 of a file, as `sha256sum` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
