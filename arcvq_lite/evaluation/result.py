"""Evaluation: the scores of a model on a set, and everything that was done for them."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from arcvq_lite.evaluation.protocol import Facts
from arcvq_lite.usage import codebook_sizes

_UNITS = {
    "psnr": "dB, mean over the images",
    "psnr_of_mean_error": "dB, of the mean squared error of all images",
    "ssim": "mean over the images",
    "l1": "of values in [0, 1]",
    "lpips": "mean over the images",
    "random_perceptual": "untrained network: measures nothing",
    "random_frechet": "untrained network: measures nothing",
    "unpublished_frechet": "not rFID: other weights than the published ones",
    "usage": "share of the codes taken at least once",
    "perplexity": "codes",
    "entropy": "nats",
    "kl": "nats a place, from the uniform distribution",
    "concentration": "kappa, mean over the places",
}


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate_images` found.

    Attributes:
        scores: by name.
        not_computed: of each score that is missing, why, and what it needs.
        data: what the images are; rFID's reference set is these same images.
        images: how many there were.
        image_shape: (C, H, W).
        tokens: how many codes were chosen for them; 0 of a model without codes.
        num_codes: K, or K of each of several codebooks; None of a model without.
        processes: how many shared the work.
        protocol: its name and steps.
        measures: of each network that scored, what it is, with its SHA-256.
        model: its kind, and the SHA-256 of its weights and, if any, of its codebook.
        versions: of the packages that took part.
    """

    scores: dict[str, float]
    not_computed: dict[str, str]
    data: str
    images: int
    image_shape: tuple[int, int, int]
    tokens: int
    num_codes: int | tuple[int, ...] | None
    processes: int
    protocol: Facts
    measures: dict[str, Facts]
    model: dict[str, str]
    versions: dict[str, str]

    def to_json(self) -> str:
        """All of it as a JSON object, indented, with a line break at the end."""
        return json.dumps(dataclasses.asdict(self), indent=2, allow_nan=False) + "\n"

    def table(self) -> str:
        """The scores as text, one a line, then what they are of and what is missing."""
        width = max(len(name) for name in (*self.scores, *self.not_computed))
        lines = [
            f"{name:<{width}}  {value:>11.5g}  {_UNITS.get(name, '')}".rstrip()
            for name, value in self.scores.items()
        ]
        lines += [
            f"{name:<{width}}  {'–':>11}  {why}"
            for name, why in self.not_computed.items()
        ]
        extent = "×".join(str(side) for side in self.image_shape)
        lines.append(
            f"{self.images:,} images {extent} of {self.data}, {self._codes()}, "
            f"protocol {self.protocol['name']}"
        )
        return "\n".join(lines)

    def _codes(self) -> str:
        if self.num_codes is None:
            return "mean directions, no codes"
        sizes = " + ".join(f"{size:,}" for size in codebook_sizes(self.num_codes))
        return f"{self.tokens:,} tokens of K = {sizes} codes"
