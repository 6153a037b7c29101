"""Encoded pictures made on the spot, and a source that holds them in memory."""

import io
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

BROKEN = b"\xff\xd8\xff\xe0 no picture"


def picture(seed=0, extent=(48, 40)):
    """A smooth colour field with some noise, as photographs are; (width, height)."""
    width, height = extent
    rng = np.random.default_rng(seed)
    across, down = np.linspace(0, 1, width), np.linspace(0, 1, height)
    phases = rng.uniform(0, 6, 3)
    waves = np.sin(
        6 * across[None, :, None] + 4 * down[:, None, None] + phases[None, None, :]
    )
    noise = rng.normal(0, 4, (height, width, 3))
    return Image.fromarray(np.clip(128 + 90 * waves + noise, 0, 255).astype(np.uint8))


def encoded(image, form="JPEG", **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def jpeg(seed=0, extent=(48, 40)):
    return encoded(picture(seed, extent), quality=90)


def save_classes(folder, classes=3, each=4, extent=(48, 40)):
    """Class folders with `each` JPEGs in every one; returns the folder."""
    for label in range(classes):
        place = folder / f"n{label:02d}"
        place.mkdir(parents=True)
        for number in range(each):
            content = jpeg(100 * label + number, extent)
            (place / f"{number}.JPEG").write_bytes(content)
    return folder


@dataclass
class Held:
    """A source in memory; what is an exception in `contents` is raised by `read`."""

    contents: list
    class_names: tuple = ("a", "b", "c")
    reads: list = field(default_factory=list)

    def __len__(self):
        return len(self.contents)

    def name(self, index):
        return f"picture-{index}.png"

    def label(self, index):
        return index % len(self.class_names)

    def read(self, index):
        self.reads.append(index)
        content = self.contents[index]
        if isinstance(content, Exception):
            raise content
        return content


def held(images=12, broken=(), extent=(24, 20)):
    """A source of small PNGs, some of them broken."""
    return Held(
        [
            BROKEN if index in broken else encoded(picture(index, extent), "PNG")
            for index in range(images)
        ]
    )
