"""Autoencoders around any quantizer, the critic, and the official checkpoints."""

from arcvq_lite.models.autoencoder import Autoencoder
from arcvq_lite.models.critic import PatchCritic
from arcvq_lite.models.hyperspherical_vae import (
    HypersphericalReconstruction,
    HypersphericalVAE,
)
from arcvq_lite.models.official import (
    load_official,
    load_official_critic,
    official_state_dict,
    save_official,
)
from arcvq_lite.models.vqgan import VQGAN
from arcvq_lite.models.vqvae import VQVAE, Reconstruction

__all__ = [
    "VQGAN",
    "VQVAE",
    "Autoencoder",
    "HypersphericalReconstruction",
    "HypersphericalVAE",
    "PatchCritic",
    "Reconstruction",
    "load_official",
    "load_official_critic",
    "official_state_dict",
    "save_official",
]
