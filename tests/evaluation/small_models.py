"""Small models and images for the tests of the evaluation."""

import torch
from PIL import Image

from arcvq_lite import (
    VQ,
    VQGAN,
    VQVAE,
    ArcVQ,
    HypersphericalVAE,
    Quantized,
    Reconstruction,
)


def vqvae(in_channels=3, num_codes=16):
    torch.manual_seed(1)
    model = VQVAE(in_channels, VQ(num_codes, 4), hidden=8, residual_hidden=4)
    return with_many_codes(model, in_channels)


def with_many_codes(model, in_channels):
    """Codes at latents of pictures, so that most of them are taken."""
    with torch.no_grad():
        latents = model.latents(pictures(8, in_channels, seed=9)).movedim(1, -1)
        rows = latents.reshape(-1, latents.shape[-1])
        codebook = model.quantizer.codebook
        codebook.copy_(rows[torch.randperm(len(rows))[: len(codebook)]])
    return model


def vqgan():
    torch.manual_seed(1)
    model = VQGAN(
        3,
        ArcVQ(16, 4),
        channels=32,
        multipliers=(1, 1, 1, 1),
        residual_blocks=1,
        attention_resolutions=(),
        resolution=32,
    )
    return with_many_codes(model, 3)


def hyperspherical_vae():
    torch.manual_seed(1)
    return HypersphericalVAE(3, 4, hidden=8, residual_hidden=4)


def pictures(number, channels=3, height=32, width=32, seed=0):
    """Smooth images (number, C, H, W) whose values are levels of 255."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(number, channels, 5, 5, generator=generator)
    smooth = torch.nn.functional.interpolate(
        coarse, size=(height, width), mode="bicubic"
    )
    return smooth.clamp(0, 1).mul(255).round() / 127.5 - 1


def save_image(image, path):
    levels = ((image + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(levels.squeeze()).save(path)
    return path


class Echo(torch.nn.Module):
    """A stand-in for a model: gives back `change(images)`, and code 0 everywhere."""

    def __init__(self, change=lambda images: images, num_codes=4):
        super().__init__()
        self.change = change
        self.in_channels = 3
        self.quantizer = VQ(num_codes, 2)

    def forward(self, images, step=None):
        grid = (len(images), images.shape[2] // 4, images.shape[3] // 4)
        indices = torch.zeros(grid, dtype=torch.int64)
        quantized = Quantized(images, indices, torch.tensor(0.0), {})
        return Reconstruction(self.change(images), quantized)
