"""Autoencoders around any quantizer, and the official checkpoints."""

from arcvq_lite.models.official import (
    load_official,
    official_state_dict,
    save_official,
)
from arcvq_lite.models.vqvae import VQVAE, Reconstruction

__all__ = [
    "VQVAE",
    "Reconstruction",
    "load_official",
    "official_state_dict",
    "save_official",
]
