"""How the golden numbers' inputs and weights are made: NumPy's legacy generator."""

import zlib

import numpy as np
import torch
from torch import Tensor


def seeded_input(seed: int, shape: tuple[int, ...], scale: float = 1.0) -> Tensor:
    """float32 of the given shape, standard normal times scale."""
    noise = np.random.RandomState(seed).standard_normal(shape) * scale
    return torch.from_numpy(noise.astype(np.float32))


def seeded_parameter(seed: int, key: str, shape: tuple[int, ...]) -> Tensor:
    """The value that the state-dict entry `key` has in a golden run."""
    rng = np.random.RandomState((zlib.crc32(key.encode()) ^ seed) & 0xFFFFFFFF)
    noise = rng.standard_normal(shape)
    if len(shape) >= 2:
        noise = noise / np.sqrt(np.prod(shape[1:]))
    elif key.endswith("weight"):
        noise = 1 + 0.1 * noise
    else:
        noise = 0.1 * noise
    return torch.from_numpy(noise.astype(np.float32))
