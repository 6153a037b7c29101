"""Autoencoder: from images to latents and back, with a codebook or without."""

from __future__ import annotations

from arcvq_lite.models.hyperspherical_vae import HypersphericalVAE
from arcvq_lite.models.vqgan import VQGAN
from arcvq_lite.models.vqvae import VQVAE

# Called with images (B, C, H, W), each returns what has a `reconstruction`.
Autoencoder = VQVAE | VQGAN | HypersphericalVAE
