"""Small runs of a hyperspherical VAE, and the noise taken out of them."""

import dataclasses
import json

from small_runs import log_of, small_run

from arcvq_lite.models import hyperspherical_vae
from arcvq_lite.training.model_options import HypersphericalVAEOptions

TINY = HypersphericalVAEOptions(
    dim=3, hidden=4, residual_layers=1, residual_hidden=2, variance=0.1
)


def sphere_run(images, folder, *, model=TINY, **run):
    run = {"steps": 8} | run
    return dataclasses.replace(
        small_run(images, folder, **run),
        vqvae=None,
        quantizer=None,
        hyperspherical_vae=model,
    )


def rows_of(folder):
    return [json.loads(line) for line in log_of(folder).splitlines()]


def without_noise(monkeypatch):
    monkeypatch.setattr(hyperspherical_vae, "draw", lambda mean, concentration: mean)
